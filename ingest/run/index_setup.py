"""Have an index to write into: the one that exists, or a new one with its calibration.

The calibration is part of what makes a vector, so it is estimated before the first one is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from elasticsearch import Elasticsearch

from ingest.documents.field_map import PLACEHOLDER
from ingest.run.job import Job
from ingest.sources.source import Source
from ingest.write import in_place, target_index, word_segmentation
from ingest.write.in_place import InPlace
from ingest.write.modes import COMPANION, IN_PLACE, VERSION
from ingest.write.target_index import Target
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ClusterError, FingerprintMismatch, IndexUnusable
from xlrec_es.index.creation import add_to, create_first_version
from xlrec_es.index.live_index import LiveIndex, check_fingerprint
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.calibration import Calibration
from xlrec_es.vectors.encoder import Encoder


def find(client: Elasticsearch, job: Job) -> LiveIndex | None:
    """The index that a job writes, or None if it is to be made, or in place to be extended.

    Raises:
        XlrecError: As for `xlrec_es.index.live_index.find_live`, but for that.
    """
    if job.way == IN_PLACE:
        return in_place.find(client, job.index)
    return target_index.find(client, job.index)


def open_index(job: Job, live: LiveIndex, *, encoder: Encoder, cluster: Cluster) -> Target:
    """Go on with an index that exists: its calibration stays, and all else must fit.

    Raises:
        IndexUnusable: It was made in another way.
        FingerprintMismatch: It was made by another encoder, recipe or calibration.
    """
    check_way(job, live)
    theirs = live.meta.calibration.method
    if job.calibration not in (None, theirs):
        raise FingerprintMismatch(
            f"{live.name} was made with --calibration {theirs}, not {job.calibration}; "
            "leave the option out, or use another index name",
            differences=[f"calibration is {job.calibration!r} here and {theirs!r} there"],
        )
    check_fingerprint(live, job.recipe.fingerprint(encoder, live.meta.calibration))
    return _target(job, live, cluster)


def _target(job: Job, live: LiveIndex, cluster: Cluster) -> Target:
    kind = InPlace if job.way == IN_PLACE else Target
    return kind(cluster.client, live, cluster.capabilities, cluster.patience)


def check_way(job: Job, live: LiveIndex) -> None:
    """Refuse to write into an index in another way than that by which it was made.

    Raises:
        IndexUnusable: It was made in another way, or with other fields.
    """
    theirs = live.meta.source.get("way", VERSION)
    if job.way != theirs:
        how = {
            VERSION: "has whole documents from xlrec-ingest run; use neither --in-place nor "
            "--companion",
            IN_PLACE: f"is not ours but for the object xlrec; use: index:{job.index} --in-place",
            COMPANION: "is a companion of another index; use: --companion",
        }
        raise IndexUnusable(f"{live.name} {how[theirs]}")
    kept = live.meta.source.get("keep")
    if job.keep is not None and list(job.kept or ()) != kept:
        raise IndexUnusable(
            f"{live.name} keeps {', '.join(kept or ())} of each document; leave out --keep, or "
            "use another index name"
        )


def create_index(
    job: Job,
    *,
    source: Source,
    languages: Iterable[str],
    calibration: Calibration,
    encoder: Encoder,
    cluster: Cluster,
) -> Target:
    """Make the first version of an index.

    Args:
        job: What is to be done.
        source: Its name is remembered in the index; its fields are carried over if it is one.
        languages: Each gets a text field.
        calibration: Of the vectors to be written.
        encoder: Makes them.
        cluster: Where.

    Raises:
        ClusterError: The cluster refuses, or does not answer.
    """
    analyzers, segmenters = word_segmentation.choose_analyzers(
        languages, cluster.capabilities.analyzers
    )
    way = {"way": job.way, "keep": job.kept} if job.way != VERSION else {}
    meta = IndexMeta(
        fingerprint=job.recipe.fingerprint(encoder, calibration),
        calibration=calibration,
        analyzers=analyzers,
        segmenters=segmenters,
        title_field=job.fields.title_field,
        source={"input": source.name, "fields": asdict(job.fields), **way},
        encoder=job.encoder_note,
    )
    client = cluster.client

    def create() -> LiveIndex:
        try:
            if job.way == IN_PLACE:
                return add_to(client, job.index, meta)
            like = source.like and _kept_mappings(source.like, job)
            return create_first_version(client, job.index, meta, like=like)
        except ClusterError:
            # By the run of another shard, or by a request whose answer did not arrive.
            made_meanwhile = find(client, job)
            if made_meanwhile is None:
                raise
            theirs = made_meanwhile.meta.calibration
            check_fingerprint(made_meanwhile, job.recipe.fingerprint(encoder, theirs))
            return made_meanwhile

    return _target(job, cluster.patience.call(client, create), cluster)


def _kept_mappings(like: Mapping[str, Any], job: Job) -> Mapping[str, Any]:
    """The index that another is made like, with the fields alone that documents keep."""
    if job.kept is None:
        return like
    mappings = like["mappings"]
    starts = [path.partition(".")[0].partition(PLACEHOLDER) for path in job.kept]
    kept = {
        name: mapping
        for name, mapping in mappings.get("properties", {}).items()
        for before, placeholder, after in starts
        if name == before or (placeholder and name.startswith(before) and name.endswith(after))
    }
    rest = {name: value for name, value in mappings.items() if name != "_routing"}
    return {**like, "mappings": {**rest, "properties": kept}}
