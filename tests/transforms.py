"""Transforms of a reindex: another encoder, and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.cluster.scan import Hit
from xlrec_es.versions.copier import Transform
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan


def of_another_encoder(client: Elasticsearch, name: str, dims: int) -> Reindexer:
    """Other dimensions: whoever asks one version with a vector of another gets an error."""
    found = read_versions(client, name)
    assert found.live is not None
    meta = found.live.described().meta
    print_ = replace(meta.fingerprint, dims=dims, revision=f"{dims}")
    directions = np.random.default_rng(0).normal(size=(meta.fingerprint.dims, dims))

    def turned(source: dict[str, Any], _: int) -> dict[str, Any]:
        own = source.get("xlrec", {})
        if "embedding" not in own:
            return source
        vector = np.asarray(own["embedding"]) @ directions
        return with_vector(source, (vector / np.linalg.norm(vector)).tolist())

    planned = plan(found, changes={}, meta=replace(meta, fingerprint=print_))
    limits = Limits(recall=0.5, overlap=0.0)
    return Reindexer(client, planned, broken(turned), limits=limits)


def broken(change: Callable[[dict[str, Any], int], dict[str, Any] | str]) -> Transform:
    """A transform that does something to the documents, given their running number."""
    count = iter(range(10**6))

    def transform(hits: Sequence[Hit]) -> list[dict[str, Any] | str]:
        return [change(hit["_source"], next(count)) for hit in hits]

    return transform


def with_vector(source: dict[str, Any], vector: Sequence[float] | None) -> dict[str, Any]:
    own = {name: value for name, value in source["xlrec"].items() if name != "embedding"}
    return {**source, "xlrec": own if vector is None else {**own, "embedding": vector}}
