"""The synthetic catalogue of benchmarks, and what processor time a node has had."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from xlrec_es.index.live_index import LiveIndex, physical_name
from xlrec_es.index.mapping import index_body
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

DIMS = 384
CLUSTERS = 500
LANGUAGES = ("de", "en", "fr", "ja", "zh")
TARGETS = ("de", "fr", "ja")
WORDS = 5_000
INDEX = "xlrec-bench"
MERGED_WITHIN = 7200
"""Seconds that merging a million documents into one segment may take beside other work."""


def catalogue(count: int, dims: int = DIMS) -> Iterator[tuple[str, dict[str, object], np.ndarray]]:
    """Id, document and unit vector of each work, in clusters and in one language each."""
    rng = np.random.default_rng(1)
    centers = rng.normal(size=(CLUSTERS, dims))
    members = rng.integers(0, CLUSTERS, count)
    by_cluster = [np.flatnonzero(members == cluster) for cluster in range(CLUSTERS)]
    for number in range(count):
        vector = centers[members[number]] + 1.5 * rng.normal(size=dims)
        vector /= np.linalg.norm(vector)
        language = LANGUAGES[number % len(LANGUAGES)]
        words = rng.zipf(1.3, 30) % WORDS
        neighbours = rng.choice(by_cluster[members[number]], 50)
        document = {
            "title": f"work {number}",
            "xlrec": {
                "id": f"w{number}",
                "work": f"w{number}",
                "language": language,
                "embedding": [round(x, 5) for x in vector.tolist()],
                "text": {language: " ".join(f"word{word}" for word in words)},
                "popularity": float(rng.random()),
                "evidence": 20.0,
                "indicators": {
                    f"w{neighbour}": float(rng.random()) + 0.01 for neighbour in neighbours
                },
            },
        }
        yield f"w{number}", document, vector


def write(
    client: Elasticsearch,
    count: int,
    *,
    dims: int = DIMS,
    index: str = INDEX,
    term_vectors: bool = False,
) -> np.ndarray:
    """Index the catalogue, merged into one segment; returns the vectors, shape (count, dims)."""
    fingerprint = Fingerprint("bench", "1", dims, "none", "", "title", "none")
    meta = IndexMeta(
        fingerprint,
        LanguageCentering.none(),
        dict.fromkeys(LANGUAGES, "standard"),
        title_field="title",
        indicators={"complete": True},
    )
    body = index_body(
        dims=dims,
        analyzers=meta.analyzers,
        meta=meta.to_meta(),
        settings={"number_of_shards": 1, "refresh_interval": "-1"},
    )
    if term_vectors:
        own = body["mappings"]["properties"]["xlrec"]["properties"]
        for field in own["text"]["properties"].values():
            field["term_vector"] = "yes"
    live = LiveIndex(physical_name(index, 1), meta)
    client.indices.create(index=live.name, **body, aliases={index: {}})
    vectors = np.empty((count, dims), np.float32)

    def actions() -> Iterator[dict[str, object]]:
        for number, (id_, document, vector) in enumerate(catalogue(count, dims)):
            vectors[number] = vector
            yield {"_index": live.name, "_id": id_, "_source": document}

    patient = client.options(request_timeout=MERGED_WITHIN)
    for _ in parallel_bulk(patient, actions(), thread_count=2, chunk_size=500):
        pass  # an error is raised
    patient.indices.refresh(index=live.name)
    patient.indices.forcemerge(index=live.name, max_num_segments=1)
    return vectors


def node_cpu(pid: int | None) -> float:
    """Milliseconds of processor time that the threads of a process have had; Linux alone."""
    if pid is None:
        return math.nan
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e6
