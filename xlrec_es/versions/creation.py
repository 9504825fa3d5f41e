"""Plan a new version of an index, and create it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.index import final_pipeline, templates
from xlrec_es.index.live_index import physical_name
from xlrec_es.index.mapping import index_body, vector_options, with_fields_of
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.vector_index import VectorIndex
from xlrec_es.versions import swap_note, write_block
from xlrec_es.versions.inventory import Version, Versions

# What Elasticsearch writes into an index's settings by itself and refuses to be given.
_OWN_SETTINGS = ("creation_date", "uuid", "version.", "provided_name", "resize.", "shrink.")
# What belongs to the copied index alone: where its shards had to start, and whether it is closed.
_STATE_SETTINGS = ("routing.allocation.initial_recovery.", "blocks.", "verified_before_close")


@dataclass(frozen=True, slots=True)
class NewVersion:
    """An index that is to be made.

    Attributes:
        index: Its physical name.
        body: `settings` and `mappings`, for `PUT <index>`.
    """

    index: str
    body: Mapping[str, Any]

    @property
    def meta(self) -> IndexMeta:
        """What it will say of itself."""
        return IndexMeta.from_meta(self.body["mappings"]["_meta"]["xlrec"])


def plan_version(
    versions: Versions,
    like: Version,
    *,
    meta: IndexMeta | None = None,
    settings: Mapping[str, Any] | None = None,
) -> NewVersion:
    """The next version, empty, made like another one.

    Args:
        versions: What there is.
        like: Gives the user's own fields and the settings.
        meta: What makes the new version's vectors; None: what made those of `like`.
        settings: Index settings that win over those of `like`.

    Raises:
        NotAnXlrecIndex: No `meta`, and this program did not make `like`.
        ConfigError: Vectors of so many dimensions are not indexed as those of `like` are.
    """
    # The documents to come bring no indicators along, nor other relations.
    meta = meta or replace(like.described().meta, indicators={}, relations={})
    meta = replace(meta, source={**meta.source, "made_like": like.index})
    body = index_body(
        dims=meta.fingerprint.dims,
        analyzers=meta.analyzers,
        meta=meta.to_meta(),
        settings={**copied_settings(like.body["settings"]), **(settings or {})},
        index_options=_index_options(like, meta.fingerprint.dims),
    )
    body = with_fields_of(body, like.body.get("mappings", {}))
    for note in (swap_note.KEY, write_block.KEY, final_pipeline.KEY):  # which are of the other
        body["mappings"]["_meta"].pop(note, None)
    return NewVersion(physical_name(versions.name, versions.next_number), body)


def _index_options(like: Version, dims: int) -> Mapping[str, Any] | None:
    """How the vectors of another version are indexed; None if it has none."""
    options = vector_options(like.body.get("mappings", {}))
    if options is None:
        return None
    known = VectorIndex.of(options)
    return options if known is None else known.options(dims)


def create(client: Elasticsearch, new: NewVersion) -> None:
    """Make the index; no alias stands for it yet.

    Raises:
        IndexUnusable: As for `templates.create`.
        ClusterError: The cluster does not answer, or refuses; somebody else made it first, say.
    """
    templates.create(client, new.index, new.body)


def copied_settings(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an index that a new one may have too, without the prefix `index.`."""
    names = {name: name.removeprefix("index.") for name in flat}
    left_out = _OWN_SETTINGS + _STATE_SETTINGS
    return {short: flat[name] for name, short in names.items() if not short.startswith(left_out)}
