"""Versions of an index behind an alias, and what their `_meta.xlrec` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import FingerprintMismatch, IndexNotFound, IndexUnusable, NotAnXlrecIndex
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.mapping import text_fields
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The physical index behind a name, and its description.

    Attributes:
        name: Of the physical index.
        meta: What it says of itself.
        created: Release of Elasticsearch that made it, major and minor; (0, 0) if nobody asked.
    """

    name: str
    meta: IndexMeta
    created: tuple[int, int] = (0, 0)

    @property
    def has_binary_vectors(self) -> bool:
        """Whether vectors can be had as bytes, in base64, which are read ten times as fast.

        No node is older than an index. Source: https://github.com/elastic/elasticsearch/pull/140094
        """
        return self.created >= (9, 5)


def physical_name(name: str, version: int) -> str:
    """The physical index of a version: `<name>-xlrec-v<N>`."""
    return f"{name}-xlrec-v{version}"


def find_live(client: Elasticsearch, name: str) -> LiveIndex:
    """The one index that an alias or index name stands for.

    Raises:
        IndexNotFound: Nothing has that name.
        IndexUnusable: The alias stands for several indices.
        NotAnXlrecIndex: The index was not made by this program.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        answer = client.indices.get(**live_arguments(name)).body
    return read_live(name, answer)


def live_arguments(name: str) -> dict[str, Any]:
    """What `indices.get` is asked, for `read_live`: no more than that reads of a large mapping."""
    return {
        "index": name,
        "expand_wildcards": "open",
        "human": True,
        "filter_path": "*.mappings._meta,*.settings.index.version.created_string",
    }


def read_live(name: str, answer: Mapping[str, Any]) -> LiveIndex:
    """Read the answer to `live_arguments`.

    Raises:
        IndexNotFound: As for `find_live`.
        IndexUnusable: As for `find_live`.
        NotAnXlrecIndex: As for `find_live`.
    """
    if not answer:
        raise IndexNotFound(f"no index [{name}]; make it with: xlrec-ingest run")
    if len(answer) > 1:
        raise IndexUnusable(
            f"{name!r} stands for {len(answer)} indices ({', '.join(sorted(answer))}); name one"
        )
    [(physical, body)] = answer.items()
    meta = body.get("mappings", {}).get("_meta", {}).get(OWN_FIELD)
    if meta is None:
        raise NotAnXlrecIndex(
            f"{physical} has no _meta.xlrec, so it was not made by xlrec-es; "
            "read it into an index of its own with: xlrec-ingest run; or have it completed: "
            f"xlrec-ingest run index:{name} --in-place"
        )
    try:
        return LiveIndex(physical, IndexMeta.from_meta(meta), _created(body))
    except (KeyError, TypeError, ValueError) as error:
        raise NotAnXlrecIndex(
            f"the _meta.xlrec of {physical} cannot be read ({error!r}); it is damaged, or from "
            "another version of xlrec-es"
        ) from error


def _created(body: Mapping[str, Any]) -> tuple[int, int]:
    """The release that made an index, if the answer says it."""
    index = body.get("settings", {}).get("index", {})
    major, minor, *_ = index.get("version", {}).get("created_string", "0.0").split(".")
    return int(major), int(minor)


def update_meta(client: Elasticsearch, live: LiveIndex, meta: IndexMeta) -> LiveIndex:
    """Write `_meta.xlrec`, and the text fields of languages that are new in it.

    Raises:
        FingerprintMismatch: The fingerprint would change: that takes a new version.
        ClusterError: The cluster does not answer, or refuses.
    """
    check_fingerprint(live, meta.fingerprint)
    fields = {OWN_FIELD: {"properties": {"text": {"properties": text_fields(meta.analyzers)}}}}
    with friendly_errors(client):
        # Elasticsearch replaces `_meta` as a whole, and others may keep something in it.
        mappings = client.indices.get_mapping(index=live.name)[live.name]["mappings"]
        theirs = mappings.get("_meta", {})
        client.indices.put_mapping(
            index=live.name, meta={**theirs, OWN_FIELD: meta.to_meta()}, properties=fields
        )
    return replace(live, meta=meta)


def take_languages(client: Elasticsearch, target: LiveIndex, theirs: IndexMeta) -> LiveIndex:
    """Give an index a text field for each language that another one has; see `update_meta`."""
    meta = target.meta
    if not theirs.analyzers.keys() - meta.analyzers.keys():
        return target
    meta = replace(
        meta,
        analyzers={**theirs.analyzers, **meta.analyzers},
        segmenters={**theirs.segmenters, **meta.segmenters},
    )
    return update_meta(client, target, meta)


def check_encoder(live: LiveIndex, encoder: Encoder) -> None:
    """Refuse to compare a text with vectors of another encoder.

    Raises:
        FingerprintMismatch: The index's vectors were made by another encoder.
    """
    names = ("model", "revision", "dims", "pooling", "prefix")
    mine = replace(live.meta.fingerprint, **{name: getattr(encoder, name) for name in names})
    check_fingerprint(live, mine)


def check_fingerprint(live: LiveIndex, mine: Fingerprint) -> None:
    """Refuse to mix vectors of two kinds.

    Raises:
        FingerprintMismatch: The index's vectors were made by something else.
    """
    differences = mine.differences(live.meta.fingerprint)
    if differences:
        raise FingerprintMismatch(
            f"{live.name} holds vectors of another kind: {'; '.join(differences)}. "
            "Use the encoder and settings that made it, or another index name",
            differences=differences,
        )
