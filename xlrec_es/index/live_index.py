"""Versions of an index behind an alias, and what their `_meta.xlrec` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import FingerprintMismatch, IndexNotFound, IndexUnusable, NotAnXlrecIndex
from xlrec_es.index.fields import OWN_FIELD, RELATIONS
from xlrec_es.index.mapping import image_fields, relation_fields, text_fields, vector_options
from xlrec_es.index.meta import IndexMeta
from xlrec_es.index.search_limits import DEFAULT_LIMITS, SearchLimits
from xlrec_es.vectors.encoder import Encoder, text_prefix
from xlrec_es.vectors.fingerprint import Fingerprint

_FORGOTTEN = "forgotten"
_READ = (
    "*.mappings._meta",
    "*.settings.index.version.created_string",
    "*.settings.index.uuid",
    "*.settings.index.max_result_window",
    "*.settings.index.max_terms_count",
    "*.settings.index.verified_before_close",
    "*.data_stream",
)


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The physical index behind a name, and its description.

    Attributes:
        name: Of the physical index.
        meta: What it says of itself.
        created: Release of Elasticsearch that made it, major and minor; (0, 0) if nobody asked.
        through: The name through which alone it is to be read, where that adds a filter or a
            routing, or may do so; None where it adds nothing.
        uuid: Of the physical index: another one of its name has another. None if nobody asked.
        gives_routing: Whether the alias gives what is fetched by its id a routing, and refuses any
            other.
        limits: What it allows in one search.
    """

    name: str
    meta: IndexMeta
    created: tuple[int, int] = (0, 0)
    through: str | None = None
    uuid: str | None = None
    gives_routing: bool = False
    limits: SearchLimits = DEFAULT_LIMITS

    @property
    def searched(self) -> str:
        """What searches name: the version itself, so that nothing changes under them in a swap.

        What an alias adds is Elasticsearch's to respect, and a key may be for the alias alone; so
        where it adds something, they name the alias.
        """
        return self.through or self.name

    @property
    def has_binary_vectors(self) -> bool:
        """Whether vectors can be had as bytes, in base64, which are read ten times as fast.

        No node is older than an index. Source: https://github.com/elastic/elasticsearch/pull/140094
        """
        return self.created >= (9, 5)

    @property
    def has_sparse(self) -> bool:
        """Whether its documents have learned sparse weights."""
        return self.meta.fingerprint.sparse is not None


def physical_name(name: str, version: int) -> str:
    """The physical index of a version: `<name>-xlrec-v<N>`."""
    return f"{name}-xlrec-v{version}"


def find_live(client: Elasticsearch, name: str, *, to_write: bool = False) -> LiveIndex:
    """The one index that an alias or index name stands for.

    Args:
        client: Of the cluster.
        name: Index or alias.
        to_write: Whether it is to be changed: not through an alias with a filter or a routing,
            which what is written would not keep to.

    Raises:
        IndexNotFound: Nothing has that name.
        IndexUnusable: The name stands for several indices, or for a data stream; or the index is
            closed; or it is an alias that nothing may be written through.
        NotAnXlrecIndex: The index was not made by this program.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        answer = client.indices.get(**live_arguments(name)).body
    if to_write:
        for physical, body in answer.items():
            check_adds_nothing(name, physical, body.get("aliases", {}))
    return read_live(name, answer)


def check_adds_nothing(name: str, physical: str, aliases: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to write through an alias that has a filter or a routing.

    Documents beyond the filter would be written, and without the routing they would not be found.

    Args:
        name: Index or alias.
        physical: The index it stands for.
        aliases: Of that index, with what they add; those that are known.

    Raises:
        IndexUnusable: It adds something.
    """
    added = _added(aliases.get(name, {}))
    if added:
        plain = [alias for alias, properties in aliases.items() if not _added(properties)]
        raise IndexUnusable(
            f"the alias {name} adds {' and '.join(added)} to {physical}, which what is written "
            "would not keep to; nothing was changed. Instead of it name "
            f"{', '.join(plain) or physical}"
        )


def _added(properties: Mapping[str, Any]) -> list[str]:
    """What an alias adds to its index."""
    return [
        name.replace("_", " ")
        for name in ("filter", "index_routing", "search_routing")
        if properties.get(name)
    ]


def live_arguments(name: str) -> dict[str, Any]:
    """What `indices.get` is asked, for `read_live`: no more than that reads of a large mapping."""
    return {
        "index": name,
        "expand_wildcards": "open",
        "human": True,
        # Of the aliases that one alone: each of a thousand tenants may have one.
        "filter_path": ",".join((*_READ, f"*.aliases.{_escaped(name)}")),
    }


def _escaped(name: str) -> str:
    """A name as a part of `filter_path`, where a dot parts names, and a comma paths."""
    return "*" if "," in name else name.replace(".", "\\.")


def read_live(name: str, answer: Mapping[str, Any], *, closed_too: bool = False) -> LiveIndex:
    """Read the answer to `live_arguments`.

    Args:
        name: Index or alias.
        answer: The answer.
        closed_too: Whether it is not to be searched, so that it may be closed.

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
    if stream := body.get("data_stream"):
        raise IndexUnusable(
            f"{name} is a data stream ({stream}), whose indices come and go by themselves; read it "
            f"into an index of its own with: xlrec-ingest run index:{name} --companion --index NAME"
        )
    aliases, settings = body.get("aliases", {}), body.get("settings", {})
    if not closed_too and is_closed(settings):
        raise IndexUnusable(
            f"{physical} is closed, so that nothing can be read; open it with: "
            f"POST {physical}/_open"
        )
    meta = body.get("mappings", {}).get("_meta", {}).get(OWN_FIELD)
    if meta is None:
        raise NotAnXlrecIndex(
            f"{physical} has no _meta.xlrec, so it was not made by xlrec-es; "
            "read it into an index of its own with: xlrec-ingest run; or have it completed: "
            f"xlrec-ingest run index:{name} --in-place"
        )
    try:
        return LiveIndex(
            physical,
            IndexMeta.from_meta(meta),
            _created(body),
            name if adds_something(name, physical, aliases) else None,
            settings.get("index", {}).get("uuid"),
            gives_routing=name != physical and "index_routing" in aliases.get(name, {}),
            limits=SearchLimits.of(settings),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotAnXlrecIndex(
            f"the _meta.xlrec of {physical} cannot be read ({error!r}); it is damaged, or from "
            "another version of xlrec-es"
        ) from error


def is_closed(settings: Mapping[str, Any]) -> bool:
    """Whether an index is closed, by its settings, flat or not."""
    own = settings.get("index", {})
    name = "verified_before_close"
    return "true" in (own.get(name), settings.get(f"index.{name}"))


def adds_something(name: str, physical: str, aliases: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether searches by a name may find less than searches by the index's own name.

    Args:
        name: Index, alias or pattern.
        physical: The index it stands for.
        aliases: Of that index, with what they add; `name` is enough.
    """
    if name == physical:
        return False
    # Not among the aliases: a pattern or a list of names, of which Elasticsearch makes its own.
    return name not in aliases or bool(_added(aliases[name]))


def _created(body: Mapping[str, Any]) -> tuple[int, int]:
    """The release that made an index, if the answer says it."""
    index = body.get("settings", {}).get("index", {})
    major, minor, *_ = index.get("version", {}).get("created_string", "0.0").split(".")
    return int(major), int(minor)


def update_meta(client: Elasticsearch, live: LiveIndex, meta: IndexMeta) -> LiveIndex:
    """Write `_meta.xlrec`, and the fields of languages, and of pictures, that are new in it.

    Users who were forgotten meanwhile stay forgotten: that part is `note_forgotten`'s to write.

    Raises:
        FingerprintMismatch: The fingerprint would change: that takes a new version.
        ClusterError: The cluster does not answer, or refuses.
    """
    check_fingerprint(live, meta.fingerprint)
    own: dict[str, Any] = {"text": {"properties": text_fields(meta.analyzers)}}
    fields = {OWN_FIELD: {"properties": own}}
    with friendly_errors(client):
        # Elasticsearch replaces `_meta` as a whole, and others may keep something in it.
        mappings = client.indices.get_mapping(index=live.name)[live.name]["mappings"]
        theirs = mappings.get("_meta", {})
        meta = replace(meta, forgotten=theirs.get(OWN_FIELD, {}).get(_FORGOTTEN) or meta.forgotten)
        if meta.images and not live.meta.images:
            own |= image_fields(meta.images, vector_options(mappings) or {})
        client.indices.put_mapping(
            index=live.name, meta={**theirs, OWN_FIELD: meta.to_meta()}, properties=fields
        )
    return replace(live, meta=meta)


def note_forgotten(client: Elasticsearch, index: str, forgotten: Mapping[str, Any]) -> None:
    """Write who is to be left out into `_meta.xlrec`, and nothing else.

    Args:
        client: Of the cluster.
        index: A physical index that has a `_meta.xlrec`.
        forgotten: See `IndexMeta.forgotten`.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        mappings = client.indices.get_mapping(index=index)[index]["mappings"]
        meta = mappings["_meta"]
        own = {**meta[OWN_FIELD], _FORGOTTEN: dict(forgotten)}
        client.indices.put_mapping(index=index, meta={**meta, OWN_FIELD: own})


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


def take_learned(client: Elasticsearch, target: LiveIndex, theirs: IndexMeta) -> LiveIndex:
    """Note of an index how its associations were learned, which came with another one's documents.

    Without the note they would be taken for those of other interactions, or for none.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    meta = target.meta
    if (meta.indicators, meta.relations) == (theirs.indicators, theirs.relations):
        return target
    new: dict[str, Any] = {}
    for name in theirs.relations.keys() - meta.relations.keys():
        new |= relation_fields(RELATIONS[name])
    if new:  # of an index that was made before the relation was known
        with friendly_errors(client):
            client.indices.put_mapping(
                index=target.name, properties={OWN_FIELD: {"properties": new}}
            )
    learned = replace(meta, indicators=theirs.indicators, relations=theirs.relations)
    return update_meta(client, target, learned)


def check_encoder(live: LiveIndex, encoder: Encoder) -> None:
    """Refuse to compare a text with vectors of another encoder.

    Raises:
        FingerprintMismatch: The index's vectors were made by another encoder.
    """
    names = ("model", "revision", "dims", "pooling", "prefix")
    same = {name: getattr(encoder, name) for name in names}
    mine = replace(live.meta.fingerprint, **same, text_prefix=text_prefix(encoder))
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
