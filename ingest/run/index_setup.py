"""Have an index to write into: the one that exists, or a new one with its centering.

The centering is part of what makes a vector, so it is estimated before the first one is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from elasticsearch import Elasticsearch

from ingest.encode.checkpoint.license import license_note
from ingest.run.job import RunJob
from ingest.sources.source import Source
from ingest.write import companion_index, word_segmentation
from ingest.write.modes import VERSION, mode_of
from ingest.write.target_index import Target
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ClusterError, ConfigError, FingerprintMismatch, IndexUnusable
from xlrec_es.index.live_index import LiveIndex, check_fingerprint, find_live
from xlrec_es.index.mapping import vector_options, with_objects
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector_index import DEFAULT, VectorIndex


def open_index(job: RunJob, live: LiveIndex, *, encoder: Encoder, cluster: Cluster) -> Target:
    """Go on with an index that exists: its centering stays, and all else must fit.

    Raises:
        FingerprintMismatch: It was made by another encoder, recipe or centering.
    """
    theirs = live.meta.centering.method
    if job.centering not in (None, theirs):
        raise FingerprintMismatch(
            f"{live.name} was made with --centering {theirs}, not {job.centering}; "
            "leave the option out, or use another index name",
            differences=[f"centering is {job.centering!r} here and {theirs!r} there"],
        )
    check_fingerprint(live, job.recipe.fingerprint(encoder, live.meta.centering))
    return _target(job, live, cluster)


def _target(job: RunJob, live: LiveIndex, cluster: Cluster) -> Target:
    return job.mode.target(cluster.client, live, cluster.capabilities, cluster.patience)


def check_mode(job: RunJob, live: LiveIndex) -> None:
    """Refuse to write into an index in another mode than that in which it was made.

    Raises:
        IndexUnusable: It was made in another mode, or with other fields.
    """
    theirs = mode_of(live.meta)
    if job.mode is not theirs:
        raise IndexUnusable(f"{live.name} {theirs.advice(job.index)}")
    kept = live.meta.source.get("keep")
    if job.keep is not None and list(job.kept or ()) != kept:
        raise IndexUnusable(
            f"{live.name} keeps {', '.join(kept or ())} of each document; leave out --keep-field, "
            "or use another index name"
        )


def check_sparse(job: RunJob, live: LiveIndex) -> None:
    """Refuse to write documents without sparse weights beside others that have them; or with them.

    What is known before a model is loaded; `check_fingerprint` sees which model it is.

    Raises:
        FingerprintMismatch: The index has them and the job does not make them, or the other way.
    """
    theirs, mine = live.meta.fingerprint.sparse, job.encoder.sparse
    mine = mine if job.encoder.wants_sparse else None
    if theirs is not None and mine is None:
        raise FingerprintMismatch(
            f"{live.name} has learned sparse weights; name the model that made them with "
            f"--sparse-model ({theirs})",
            differences=[f"learned sparse weights are none here and {theirs} there"],
        )
    if theirs is None and mine is not None:
        raise FingerprintMismatch(
            f"{live.name} was made without learned sparse weights; leave out --sparse-model, or "
            f"make a version that has them: xlrec-ingest reencode {job.index} --model MODEL "
            f"--sparse-model {mine.model}",
            differences=[f"learned sparse weights are those of {mine.model} here and none there"],
        )


def check_pictured(job: RunJob, live: LiveIndex) -> None:
    """Refuse pictures of another field: those of the index would be taken for gone.

    Raises:
        ConfigError: The index has pictures of another field.
    """
    theirs = live.meta.images.get("field")
    if job.images is not None and theirs not in (None, job.images.field):
        raise ConfigError(
            f"{live.name} has the pictures of the field {theirs}, not of {job.images.field}; give "
            f"--image {theirs}, call the field so in the records, or use another index name"
        )


def check_vectors(job: RunJob, client: Elasticsearch, live: LiveIndex) -> None:
    """Refuse to write into an index whose vectors are indexed otherwise than is asked for.

    Raises:
        IndexUnusable: They are.
        ConfigError: An option has no effect on vectors that are indexed so.
        ClusterError: The cluster does not answer, or refuses.
    """
    if not job.vectors:
        return
    with friendly_errors(client):
        [body] = client.indices.get_mapping(index=live.name).values()
    options = vector_options(body["mappings"]) or {}
    has = VectorIndex.of(options)
    dims = live.meta.fingerprint.dims
    if has is None or has.options(dims) != has.changed(job.vectors).options(dims):
        wanted = (has or DEFAULT).changed(job.vectors)
        raise IndexUnusable(
            f"{live.name} indexes vectors as {options.get('type')}, otherwise than is asked for "
            f"({wanted.kind}); change that with xlrec-es index reindex {job.index} and the same "
            "options, or leave them out here"
        )


def check_like(job: RunJob, source: Source) -> None:
    """See that an index can be made like the one that the records are from.

    Raises:
        IndexUnusable: No index that this program makes can have its fields.
    """
    if source.like is not None and not job.mode.in_place:
        with_objects(_kept(source.like, job)["mappings"])


def create_index(
    job: RunJob,
    *,
    source: Source,
    languages: Iterable[str],
    centering: LanguageCentering,
    encoder: Encoder,
    cluster: Cluster,
) -> Target:
    """Make the first version of an index.

    Args:
        job: What is to be done.
        source: Its name is remembered in the index; its fields are carried over if it is one.
        languages: Each gets a text field.
        centering: Of the vectors to be written.
        encoder: Makes them.
        cluster: Where.

    Raises:
        ClusterError: The cluster refuses, or does not answer.
        ConfigError: Vectors of so many dimensions are not indexed so.
    """
    vectors = choose_vector_index(job, encoder)
    analyzers, segmenters = word_segmentation.choose_analyzers(
        languages, cluster.capabilities.analyzers
    )
    way = {"way": job.mode.name, "keep": job.kept} if job.mode is not VERSION else {}
    meta = IndexMeta(
        fingerprint=job.recipe.fingerprint(encoder, centering),
        centering=centering,
        analyzers=analyzers,
        segmenters=segmenters,
        title_field=job.fields.title_field,
        source={"input": source.name, "fields": asdict(job.fields), **way},
        encoder={**job.encoder_note, **license_note(encoder)},
    )
    client = cluster.client

    def create() -> LiveIndex:
        try:
            like = source.like and _kept(source.like, job)
            made = job.mode.create(client, job.index, meta, like=like, vectors=vectors)
            return find_live(client, made.name)
        except ClusterError:
            # By the run of another shard, or by a request whose answer did not arrive.
            made_meanwhile = job.mode.find(client, job.index)
            if made_meanwhile is None:
                raise
            theirs = made_meanwhile.meta.centering
            check_fingerprint(made_meanwhile, job.recipe.fingerprint(encoder, theirs))
            return made_meanwhile

    return _target(job, cluster.patience.call(client, create), cluster)


def choose_vector_index(job: RunJob, encoder: Encoder) -> VectorIndex:
    """How the vectors of a new index are indexed.

    Args:
        job: Says what of that is asked for.
        encoder: Makes the vectors.

    Raises:
        ConfigError: Vectors of so many dimensions are not, or an option has no effect.
    """
    wanted = DEFAULT.changed(job.vectors)
    try:
        wanted.options(encoder.dims)
    except ConfigError as error:
        whole: int | None = getattr(encoder, "cut_from", None)
        if whole is None:
            raise
        raise ConfigError(
            f"{error}; or --dims {whole}, for truncate_dim in config_sentence_transformers.json "
            f"of {encoder.model} cuts its {whole} dimensions to {encoder.dims}"
        ) from error
    return wanted


def _kept(like: Mapping[str, Any], job: RunJob) -> Mapping[str, Any]:
    """The index that another is made like, with the fields alone that documents keep."""
    if job.kept is None:
        return like
    mappings = like["mappings"]
    paths = companion_index.kept_paths(job.kept, mappings)
    return {**like, "mappings": companion_index.kept_mappings(paths, mappings)}
