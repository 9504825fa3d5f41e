"""Bring the live version to another encoder, recipe or centering, with no downtime.

It plans what is encoded again, and has its twin do all else: `xlrec_es.versions.reindex`, which by
itself copies documents with their vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from elasticsearch import Elasticsearch

from ingest.documents.builder import Builder
from ingest.documents.document import Document
from ingest.documents.text_recipe import Recipe
from ingest.encode.checkpoint.license import license_note
from ingest.encode.options import NO_SPARSE, EncoderOptions
from ingest.encode.sparse.beside import sparse_of
from ingest.sources.index import IndexSource
from ingest.versions.recorded_recipe import recorded_builder, recorded_field_map
from ingest.versions.reencoder import Reencoder
from ingest.versions.stored_vectors import StoredVectors
from ingest.write import centering_sample
from ingest.write.centering_sample import estimate_centering
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import IndexUnusable, UsageError
from xlrec_es.index import source_check
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.records.record import Record
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.versions import reindex as reindexing
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import Versions
from xlrec_es.versions.reindex import Observe, Reindexer

_WINDOW = 256  # texts of the sample that are encoded together


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the new version is to be.

    Attributes:
        fields: Names and paths that win over those that the live version was made with.
        options: Of the encoder.
        changes: `settings` and `mappings` that win over those of the live version.
        limits: Of the gate.
        centering: `none` or `center`; None as the live version.
        learned_from: See `ingest.encode.model_record.learned_from`.
        seed: Of the centering sample.
    """

    fields: Mapping[str, Any]
    options: EncoderOptions
    changes: Mapping[str, Any]
    limits: Limits
    centering: str | None = None
    learned_from: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0


def prepare(
    cluster: Cluster,
    versions: Versions,
    wanted: Wanted,
    *,
    encoder: Encoder,
    observe: Observe,
) -> Reindexer:
    """Plan it; nothing is changed.

    Args:
        cluster: Where it is.
        versions: What there is.
        wanted: What the new version is to be.
        encoder: Makes its vectors.
        observe: Is told how far it is.

    Raises:
        IndexUnusable: As for `xlrec_es.versions.reindex.plan`; or the live one is not of this
            program, or does not give back all that it is searched by.
        UsageError: It has learned sparse weights, and nobody says what becomes of them.
        EncoderError: The model failed.
        ClusterError: The cluster does not answer, or refuses.
    """
    if versions.live is None:
        raise IndexUnusable(f"no version of {versions.name} is live, so there is none to copy")
    live = versions.live.described()
    source_check.check_source(live.name, versions.live.body)  # before anything is encoded
    source_check.check_values(cluster.client, live.name, versions.live.body)
    _check_sparse_named(live, wanted.options)
    field_map = recorded_field_map(live.meta, wanted.fields)
    recipe = Recipe(field_map.texts, wanted.options.long_texts)
    builder = recorded_builder(live, field_map, recipe)
    method = wanted.centering or live.meta.centering.method
    centering = _known(versions, live, recipe, encoder, method)
    stored = StoredVectors.of(live.meta, recipe.fingerprint(encoder, live.meta.centering))
    if centering is None:
        observe("center", 0)
        if method != "none" and stored:
            centering = stored.estimate(cluster.client, live)
        if centering is None:
            centering = _estimate(cluster.client, live, builder, encoder, method, wanted.seed)
    known = (meta.fingerprint for meta in _metas(versions, live))
    meta = replace(
        live.meta,
        fingerprint=recipe.fingerprint(encoder, centering).or_equal(known),
        centering=centering,
        weights=reindexing.usable_weights(
            live.meta.weights, has_sparse=sparse_of(encoder) is not None
        ),
        title_field=field_map.title_field,
        source={**live.meta.source, "fields": asdict(field_map)},
        encoder={
            **({"learned_from": wanted.learned_from} if wanted.learned_from else {}),
            **license_note(encoder),
        },
    )
    if live.meta.pictures_say_texts and meta.fingerprint.digest != live.meta.fingerprint.digest:
        raise IndexUnusable(
            f"the pictures of {live.name} are aligned with the vectors of its texts, and would not "
            "be with others; make another index with the new encoder, xlrec-ingest run INPUT "
            "--image FIELD --image-model MODEL --index OTHER, and put it behind the alias: "
            "xlrec-es index swap"
        )
    plan = reindexing.plan(versions, changes=wanted.changes, meta=meta)
    packs = cluster.capabilities.packed_vectors
    transform = Reencoder(
        builder,
        encoder,
        meta,
        packs_vectors=packs,
        stored=stored,
        read=live.meta.fingerprint,
    )
    return Reindexer(
        cluster.client,
        plan,
        transform,
        limits=wanted.limits,
        more_checks=[lambda target: transform.check(cluster.client, target)],
        observe=observe,
    )


def _check_sparse_named(live: LiveIndex, options: EncoderOptions) -> None:
    theirs = live.meta.fingerprint.sparse
    if theirs is not None and options.sparse is None:
        raise UsageError(
            f"{live.name} has learned sparse weights ({theirs}); name their model with "
            f"--sparse-model, or give --sparse-model {NO_SPARSE} for a version without them"
        )


def _metas(versions: Versions, live: LiveIndex) -> Iterator[IndexMeta]:
    """What the live version says of itself, and an unfinished attempt."""
    yield live.meta
    if attempt := reindexing.unfinished(versions):
        yield attempt.described().meta


def _known(
    versions: Versions, live: LiveIndex, recipe: Recipe, encoder: Encoder, method: str
) -> LanguageCentering | None:
    """The centering of the live version, or of an unfinished attempt, if it is of this encoder.

    Whatever else would change with the centering must not: it would be another fingerprint.
    """
    for meta in _metas(versions, live):
        if meta.centering.method != method:
            continue
        mine = recipe.fingerprint(encoder, meta.centering)
        mine = replace(mine, text_prefix=None, sparse=meta.fingerprint.sparse)
        if not mine.differences(meta.fingerprint):  # of the documents' vectors
            return meta.centering
    return None


def _estimate(
    client: Elasticsearch,
    live: LiveIndex,
    builder: Builder,
    encoder: Encoder,
    method: str,
    seed: int,
) -> LanguageCentering:
    if method == "none":
        return LanguageCentering.none()
    documents = (
        document
        for record in IndexSource(client, live.name).records()
        if isinstance(record, Record)
        for document in builder.build(record)
        if isinstance(document, Document)
    )
    sampled = centering_sample.draw(documents, seed=seed)
    if not sampled:
        raise IndexUnusable(f"{live.name} has no document with a text, so there is none to encode")
    found, _ = estimate_centering(
        method, sampled, encoder=encoder, window=_WINDOW, progress=lambda _done: None
    )
    return found
