"""Have an index to write into: the one that exists, or a new one with its calibration.

The calibration is part of what makes a vector, so it is estimated before the first one is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import numpy as np
from elasticsearch import Elasticsearch

from ingest import target, vectors
from ingest.job import Job
from ingest.patience import Patience
from ingest.sample import SampledText
from ingest.source import Source
from ingest.target import Target
from xlrec_es.calibration import Calibration
from xlrec_es.client import Capabilities
from xlrec_es.encoder import Encoder
from xlrec_es.errors import ClusterError, EncoderError, FingerprintMismatch
from xlrec_es.indices import IndexMeta, LiveIndex, check_fingerprint, create_first_version
from xlrec_es.types import Vector


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the index is.

    Attributes:
        client: Of the cluster.
        capabilities: What it can do.
        patience: How long a request is sent again while it is in trouble.
    """

    client: Elasticsearch
    capabilities: Capabilities
    patience: Patience = field(default_factory=Patience)


def open_index(job: Job, live: LiveIndex, *, encoder: Encoder, cluster: Cluster) -> Target:
    """Go on with an index that exists: its calibration stays, and all else must fit.

    Raises:
        FingerprintMismatch: It was made by another encoder, recipe or calibration.
    """
    theirs = live.meta.calibration.method
    if job.calibration not in (None, theirs):
        raise FingerprintMismatch(
            f"{live.name} was made with --calibration {theirs}, not {job.calibration}; "
            "leave the option out, or use another index name",
            differences=[f"calibration is {job.calibration!r} here and {theirs!r} there"],
        )
    check_fingerprint(live, job.recipe.fingerprint(encoder, live.meta.calibration))
    return Target(cluster.client, live, cluster.capabilities, cluster.patience)


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
    analyzers, segmenters = target.choose_analyzers(languages, cluster.capabilities.analyzers)
    meta = IndexMeta(
        fingerprint=job.recipe.fingerprint(encoder, calibration),
        calibration=calibration,
        analyzers=analyzers,
        segmenters=segmenters,
        title_field=job.fields.title_field,
        source={"input": source.name, "fields": asdict(job.fields)},
    )
    client = cluster.client

    def create() -> LiveIndex:
        try:
            return create_first_version(client, job.index, meta, like=source.like)
        except ClusterError:
            # By the run of another shard, or by a request whose answer did not arrive.
            made_meanwhile = target.find(client, job.index)
            if made_meanwhile is None:
                raise
            theirs = made_meanwhile.meta.calibration
            check_fingerprint(made_meanwhile, job.recipe.fingerprint(encoder, theirs))
            return made_meanwhile

    live = cluster.patience.call(client, create)
    return Target(cluster.client, live, cluster.capabilities, cluster.patience)


def calibrate(
    method: str,
    sampled: Sequence[SampledText],
    *,
    encoder: Encoder,
    window: int,
    progress: Callable[[float], None],
) -> tuple[Calibration, dict[str, Vector]]:
    """Estimate the calibration of a new index.

    Args:
        method: `none` or `centre`.
        sampled: The sample, not empty.
        encoder: Makes its vectors.
        window: How many texts are encoded together.
        progress: Is told how much of it is encoded, 0..1.

    Returns:
        The calibration, and the sample's raw vectors by content hash: no text is encoded twice.

    Raises:
        EncoderError: The model failed, or made no usable vector.
    """
    if method == "none":
        return Calibration.none(), {}
    texts = [text.text for text in sampled]
    parts = [texts[start : start + window] for start in range(0, len(texts), window)]
    encoded = []
    with ThreadPoolExecutor(vectors.parallel(encoder)) as executor:
        for made in executor.map(lambda part: vectors.encode(encoder, part), parts):
            encoded.append(made)
            progress(len(encoded) / len(parts))
    raw = np.concatenate(encoded)  # (len(sampled), dims)
    good = vectors.usable(raw)
    if not good.any():
        raise EncoderError(f"{encoder.model} made zeros or NaN of every text of the sample")
    languages = [text.language for text, usable in zip(sampled, good, strict=True) if usable]
    by_hash = {text.content_hash: raw[row] for row, text in enumerate(sampled)}
    return Calibration.centre(raw[good], languages), by_hash
