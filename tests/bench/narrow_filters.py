"""What kNN finds under filters that few documents pass, against comparing all of them.

    python tests/bench/narrow_filters.py [--documents 30000] [--queries 40] [--url URL]

On the synthetic catalogue of `recommend.py`. For each part of a language's documents that passes it
prints, by `num_candidates`, how many of the 30 nearest are found, and the time against the exact
search: in turns, one query after the other. Starts a node of its own unless --url names one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import time
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from synthetic_catalog import DIMS, INDEX, LANGUAGES, catalogue, write

from xlrec_es import Connection, connect
from xlrec_es.index.fields import LANGUAGE_FIELD, MAX_HITS, POPULARITY_FIELD, VECTOR_FIELD
from xlrec_es.node import running

PARTS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
LOOKED_AT = (34, 100)
NEAREST = 30


def search(
    client: Elasticsearch, vector: np.ndarray, part: float, num_candidates: int
) -> tuple[set[str], float]:
    """Ids of what is found, and seconds."""
    passing = [{"term": {LANGUAGE_FIELD: "de"}}, {"range": {POPULARITY_FIELD: {"lt": part}}}]
    knn: dict[str, Any] = {
        "field": VECTOR_FIELD,
        "query_vector": vector.round(6).tolist(),
        "k": NEAREST,
        "num_candidates": num_candidates,
        "filter": {"bool": {"filter": passing}},
    }
    began = time.perf_counter()
    answer = client.search(index=INDEX, query={"knn": knn}, size=NEAREST, source=False)
    return {hit["_id"] for hit in answer["hits"]["hits"]}, time.perf_counter() - began


def measured(client: Elasticsearch, vectors: np.ndarray, part: float) -> dict[str, Any]:
    """Recall and relative time for one part."""
    ways = (*LOOKED_AT, MAX_HITS)
    found = [[search(client, vector, part, way) for way in ways] for vector in vectors]
    seconds = np.median([[took for _, took in row] for row in found], axis=0)
    report: dict[str, Any] = {"part": part}
    for number, way in enumerate(LOOKED_AT):
        recall = [len(row[number][0] & row[-1][0]) / max(1, len(row[-1][0])) for row in found]
        report[f"recall, {way}"] = round(float(np.mean(recall)), 3)
        report[f"time to exact, {way}"] = round(float(seconds[number] / seconds[-1]), 2)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--url")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = given.url or stack.enter_context(running(heap="2g")).url
        client = stack.enter_context(connect(Connection(url)))
        if not client.indices.exists(index=INDEX):
            write(client, given.documents)
        some = itertools.islice(catalogue(given.documents), given.queries)
        known = np.asarray([vector for _, _, vector in some])
        noise = np.random.default_rng(0).normal(size=known.shape) * 0.5 / np.sqrt(DIMS)
        vectors = known + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = [measured(client, vectors, part) for part in PARTS]
    passing = given.documents // len(LANGUAGES)
    print(json.dumps([row | {"documents": int(passing * row["part"])} for row in rows], indent=1))


if __name__ == "__main__":
    main()
