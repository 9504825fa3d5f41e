"""Versions of an index behind an alias, and what their `_meta.xlrec` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.connection import friendly_errors
from xlrec_es.errors import FingerprintMismatch, IndexNotFound, IndexUnusable, NotAnXlrecIndex
from xlrec_es.index.mapping import (
    SCHEMA,
    index_body,
    settings_for_fields,
    text_fields,
    with_fields_of,
)
from xlrec_es.vectors.calibration import Calibration
from xlrec_es.vectors.encoder import Encoder, Fingerprint


@dataclass(frozen=True, slots=True)
class IndexMeta:
    """What an index says of itself in `_meta.xlrec`.

    Attributes:
        schema: Version of the mapping.
        fingerprint: What made its vectors.
        calibration: How they were calibrated.
        analyzers: Analyzer really used, by language.
        encoder: `learned_from`: which likes the encoder was fine-tuned on; empty if it is not known
            to have been. See `leakage.encoder_leak`.
        segmenters: What cut the texts into words before they were stored, by language: package and
            version. None for most languages: Elasticsearch does it.
        title_field: The user's field that holds a document's title, or None.
        weights: Fusion weights by leg; empty for the program's own.
        options: `max_interests` of `plan.Options` where whoever asks gives none; empty for the
            program's own.
        tuning: What `xlrec-es tune` found weights and options by; empty if it did not.
        source: Where the documents came from: whatever the writer wants remembered.
        indicators: How the indicators were learned, and whether all of them are written; empty
            before the first time.
    """

    fingerprint: Fingerprint
    calibration: Calibration
    analyzers: Mapping[str, str]
    title_field: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, float] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    indicators: Mapping[str, Any] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=dict)
    segmenters: Mapping[str, str] = field(default_factory=dict)
    schema: str = SCHEMA

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a text field, sorted."""
        return tuple(sorted(self.analyzers))

    def to_meta(self) -> dict[str, Any]:
        """As stored in `_meta.xlrec`."""
        return {
            "schema": self.schema,
            "fingerprint": self.fingerprint.to_meta(),
            "calibration": self.calibration.to_meta(),
            "analyzers": dict(self.analyzers),
            "title_field": self.title_field,
            "weights": dict(self.weights),
            "options": dict(self.options),
            "tuning": dict(self.tuning),
            "source": dict(self.source),
            "indicators": dict(self.indicators),
            "encoder": dict(self.encoder),
            "segmenters": dict(self.segmenters),
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> IndexMeta:
        """The inverse of `to_meta`."""
        return cls(
            fingerprint=Fingerprint.from_meta(meta["fingerprint"]),
            calibration=Calibration.from_meta(meta["calibration"]),
            analyzers=dict(meta["analyzers"]),
            title_field=meta.get("title_field"),
            weights=dict(meta.get("weights") or {}),
            options=dict(meta.get("options") or {}),
            tuning=dict(meta.get("tuning") or {}),
            source=dict(meta.get("source") or {}),
            indicators=dict(meta.get("indicators") or {}),
            encoder=dict(meta.get("encoder") or {}),
            segmenters=dict(meta.get("segmenters") or {}),
            schema=meta["schema"],
        )


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
    meta = body.get("mappings", {}).get("_meta", {}).get("xlrec")
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


def create_first_version(
    client: Elasticsearch,
    name: str,
    meta: IndexMeta,
    settings: Mapping[str, Any] | None = None,
    *,
    like: Mapping[str, Any] | None = None,
) -> LiveIndex:
    """Create `<name>-xlrec-v1` with the alias `<name>` on it, in one atomic call.

    Args:
        client: Of the cluster.
        name: The alias.
        meta: What the index says of itself.
        settings: Index settings that win.
        like: `mappings` and flat `settings` of another index, whose fields this one gets too.

    Raises:
        ClusterError: The cluster does not answer, or refuses (the name is taken, say).
    """
    physical = physical_name(name, 1)
    theirs = like or {"settings": {}, "mappings": {}}
    body = index_body(
        dims=meta.fingerprint.dims,
        analyzers=meta.analyzers,
        meta=meta.to_meta(),
        settings={**settings_for_fields(theirs["settings"]), **(settings or {})},
    )
    body = with_fields_of(body, theirs["mappings"])
    with friendly_errors(client):
        client.indices.create(index=physical, aliases={name: {}}, **body)
    return LiveIndex(physical, meta)


def add_to(client: Elasticsearch, name: str, meta: IndexMeta) -> LiveIndex:
    """Give an index that somebody else made the fields of `xlrec`, and the description.

    Its own fields and the rest of its `_meta` stay as they are.

    Args:
        client: Of the cluster.
        name: An index, or an alias of one.
        meta: What it is to say of itself.

    Raises:
        IndexUnusable: It has a field `xlrec` of its own.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        [(index, body)] = client.indices.get_mapping(index=name).items()
    mappings = body["mappings"]
    if "xlrec" in mappings.get("properties", {}):
        raise IndexUnusable(
            f"{index} has a field xlrec already, which is not what this program makes; have an "
            "index beside it: --companion"
        )
    own = index_body(dims=meta.fingerprint.dims, analyzers=meta.analyzers, meta=meta.to_meta())
    both = with_fields_of(own, mappings)["mappings"]
    with friendly_errors(client):
        client.indices.put_mapping(
            index=index, meta=both["_meta"], properties=own["mappings"]["properties"]
        )
    return LiveIndex(index, meta)


def update_meta(client: Elasticsearch, live: LiveIndex, meta: IndexMeta) -> LiveIndex:
    """Write `_meta.xlrec`, and the text fields of languages that are new in it.

    Raises:
        FingerprintMismatch: The fingerprint would change: that takes a new version.
        ClusterError: The cluster does not answer, or refuses.
    """
    check_fingerprint(live, meta.fingerprint)
    fields = {"xlrec": {"properties": {"text": {"properties": text_fields(meta.analyzers)}}}}
    with friendly_errors(client):
        # Elasticsearch replaces `_meta` as a whole, and others may keep something in it.
        mappings = client.indices.get_mapping(index=live.name)[live.name]["mappings"]
        theirs = mappings.get("_meta", {})
        client.indices.put_mapping(
            index=live.name, meta={**theirs, "xlrec": meta.to_meta()}, properties=fields
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
