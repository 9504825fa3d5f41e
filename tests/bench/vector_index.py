"""What each way to index vectors costs, and what it finds: recall, bytes and milliseconds.

    python tests/bench/vector_index.py titles.npy [--encode ITEMS.jsonl] [--version 9.5.0]
    python tests/bench/vector_index.py --bytes 384 1024 [--documents 100000]

With --encode, vectors of titles of catalogs are made first, by the embedded model. Vectors are rows
of float32. Of 20,200, the last 200 are searched for among all others, and an exact search in numpy
says what is to be found. Each index is force-merged into one segment, and asked in turns with the
others, so that all see the same machine. Starts a node.

With --bytes, nothing is searched for: each type indexes drawn vectors of so many dimensions, whose
bytes on disk stand beside the estimate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from xlrec_es.node import running
from xlrec_es.vectors.vector import Vector
from xlrec_es.vectors.vector_index import QUANTIZATIONS, VectorIndex

K, CANDIDATES = 10, 100
QUERIES = 200
TURNS = 3
INDEX = "xlrec-bench-vectors"
WAYS: dict[str, VectorIndex] = {
    "none": VectorIndex("none"),
    "int8": VectorIndex("int8"),
    "int4, not compared again": VectorIndex("int4", oversample=0.0),
    "int4": VectorIndex("int4"),
    "bbq, not compared again": VectorIndex("bbq", oversample=0.0),
    "bbq": VectorIndex("bbq"),
    "none, flat": VectorIndex("none", "flat"),
    "int8, flat": VectorIndex("int8", "flat"),
    "bbq, flat": VectorIndex("bbq", "flat"),
}


def fill(client: Elasticsearch, index: str, vectors: Vector, way: VectorIndex) -> float:
    """Index them, in one segment; returns the seconds."""
    field = {
        "type": "dense_vector",
        "dims": vectors.shape[1],
        "index": True,
        "similarity": "dot_product",
        "index_options": way.options(vectors.shape[1]),
    }
    client.options(ignore_status=404).indices.delete(index=index)
    client.indices.create(
        index=index,
        mappings={"dynamic": False, "properties": {"v": field}},
        settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1},
    )
    start = time.perf_counter()
    actions = (
        {"_index": index, "_id": str(number), "v": row.tolist()}
        for number, row in enumerate(vectors)
    )
    for done, _ in parallel_bulk(client, actions, thread_count=2, chunk_size=500):
        assert done
    client.options(request_timeout=1800).indices.forcemerge(index=index, max_num_segments=1)
    client.indices.refresh(index=index)
    return time.perf_counter() - start


def bytes_of(client: Elasticsearch, index: str) -> int:
    """Of the vectors, on disk."""
    used = client.options(request_timeout=600).indices.disk_usage(
        index=index, run_expensive_tasks=True, flush=True
    )
    return int(used[index]["fields"]["v"]["knn_vectors_in_bytes"])


def ask(client: Elasticsearch, index: str, vector: Vector) -> tuple[list[int], float]:
    """What is found, and in how many milliseconds, the client's own time included."""
    knn = {"field": "v", "query_vector": vector.tolist(), "k": K, "num_candidates": CANDIDATES}
    start = time.perf_counter()
    hits = client.search(index=index, knn=knn, size=K, source=False)["hits"]["hits"]
    return [int(hit["_id"]) for hit in hits], 1000 * (time.perf_counter() - start)


def measure(client: Elasticsearch, vectors: Vector) -> list[dict[str, Any]]:
    """A row for each way."""
    stored, asked = vectors[:-QUERIES], vectors[-QUERIES:]
    dims = stored.shape[1]
    nearest = np.argsort(-(asked @ stored.T), axis=1)[:, :K]  # (QUERIES, K)
    seconds = {name: fill(client, f"{INDEX}-{n}", stored, way) for n, (name, way) in _numbered()}
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(TURNS + 1):
        for vector, best in zip(asked, nearest, strict=True):
            for n, (name, _) in _numbered():
                ids, ms = ask(client, f"{INDEX}-{n}", vector)
                if turn:  # the first one warms up
                    took[name].append(ms)
                    found[name].append(len({*ids} & {*best.tolist()}) / K)
    rows = []
    for n, (name, way) in _numbered():
        measured, estimated = bytes_of(client, f"{INDEX}-{n}"), len(stored) * way.disk_bytes(dims)
        rows.append(
            {
                "way": name,
                "dims": dims,
                "documents": len(stored),
                "type": way.kind,
                "recall@10": round(statistics.mean(found[name]), 4),
                "p50 ms": round(statistics.median(took[name]), 2),
                "p95 ms": round(statistics.quantiles(took[name], n=20)[-1], 2),
                "MB on disk": round(measured / 1e6, 2),
                "MB estimated": round(estimated / 1e6, 2),
                "estimate off": round(estimated / measured - 1, 4),
                "MB in memory": round(len(stored) * way.memory_bytes(dims) / 1e6, 2),
                "seconds to index": round(seconds[name], 1),
            }
        )
        client.indices.delete(index=f"{INDEX}-{n}")
    return rows


def measure_bytes(client: Elasticsearch, documents: int, dims: int) -> list[dict[str, Any]]:
    """A row for each type with a graph; vectors lie around 1,000 centers, as those of texts do."""
    draw = np.random.default_rng(0)
    centers = draw.standard_normal((1_000, dims), np.float32)
    vectors = centers[draw.integers(len(centers), size=documents)]
    vectors += draw.standard_normal(vectors.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = []
    for quantization in QUANTIZATIONS:
        way = VectorIndex(quantization)
        fill(client, INDEX, vectors, way)
        measured, estimated = bytes_of(client, INDEX), documents * way.disk_bytes(dims)
        client.indices.delete(index=INDEX)
        rows.append(
            {
                "dims": dims,
                "documents": documents,
                "type": way.kind,
                "MB on disk": round(measured / 1e6, 2),
                "MB estimated": round(estimated / 1e6, 2),
                "estimate off": round(estimated / measured - 1, 4),
            }
        )
    return rows


def _numbered() -> list[tuple[int, tuple[str, VectorIndex]]]:
    return list(enumerate(WAYS.items()))


def main() -> None:
    """Read vectors, measure, and add the rows to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path, nargs="?")
    parser.add_argument("--bytes", nargs="+", type=int, metavar="DIMS")
    parser.add_argument("--encode", nargs="+", type=Path, default=[])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--version")
    given = parser.parse_args()
    if given.bytes:
        with running(version=given.version, heap="1g") as node:
            client = Elasticsearch(node.url, request_timeout=600)
            rows = [r for dims in given.bytes for r in measure_bytes(client, given.documents, dims)]
        told = [{"server": node.version, **row} for row in rows]
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return
    if given.vectors is None:
        parser.error("name a file of vectors, or --bytes")
    if given.encode:
        np.save(given.vectors, encoded(given.encode, given.documents + QUERIES))
    vectors = np.load(given.vectors).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.random.default_rng(0).permutation(len(vectors))[: given.documents + QUERIES]
    with running(version=given.version, heap="1g") as node:
        client = Elasticsearch(node.url, request_timeout=600)
        rows = measure(client, np.ascontiguousarray(vectors[order]))
    told = [{"server": node.version, "data": given.vectors.stem, **row} for row in rows]
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


def encoded(paths: Sequence[Path], most: int) -> Vector:
    """Vectors of so many titles, drawn from all of the catalogs' titles in all languages."""
    from ingest import load_encoder

    titles = set()
    for path in paths:
        for line in path.read_text("utf-8").splitlines():
            titles |= {*json.loads(line)["titles"].values()}
    drawn = np.random.default_rng(0).permutation(sorted(titles))[:most].tolist()
    encoder = load_encoder("embedded")
    return np.concatenate([encoder.encode(drawn[n : n + 1024]) for n in range(0, len(drawn), 1024)])


if __name__ == "__main__":
    main()
