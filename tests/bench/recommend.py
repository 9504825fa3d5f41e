"""How long a recommendation takes, against one plain filtered kNN search with the official client.

    python tests/bench/recommend.py [--documents 100000] [--calls 200] [--url URL]

Both in one run on one node: synthetic catalogue in clusters, five languages, 384 dims, with
indicators and popularity; histories of 1, 10, 50, 100 and 1,000 works; three target languages, all
four legs. Starts a node of its own unless --url names one. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es import Connection, History, Options, Recommender, connect
from xlrec_es.calibration import Calibration
from xlrec_es.encoder import Fingerprint
from xlrec_es.indices import IndexMeta, create_first_version
from xlrec_es.node import running
from xlrec_es.profile import MAX_INTERESTS
from xlrec_es.query import LEGS

DIMS = 384
CLUSTERS = 500
LANGUAGES = ("de", "en", "fr", "ja", "zh")
TARGETS = ("de", "fr", "ja")
WORDS = 5_000
INDEX = "xlrec-bench"


def catalogue(count: int) -> Iterator[tuple[str, dict[str, object], np.ndarray]]:
    """Id, document and unit vector of each work, in clusters and in one language each."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(CLUSTERS, DIMS))
    members = rng.integers(0, CLUSTERS, count)
    by_cluster = [np.flatnonzero(members == cluster) for cluster in range(CLUSTERS)]
    for number in range(count):
        vector = centres[members[number]] + 1.5 * rng.normal(size=DIMS)
        vector /= np.linalg.norm(vector)
        language = LANGUAGES[number % len(LANGUAGES)]
        words = rng.zipf(1.3, 30) % WORDS
        neighbours = rng.choice(by_cluster[members[number]], 50)
        document = {
            "title": f"work {number}",
            "xlrec": {
                "work": f"w{number}",
                "language": language,
                "embedding": [round(x, 5) for x in vector.tolist()],
                "text": {language: " ".join(f"word{word}" for word in words)},
                "popularity": float(rng.random()),
                "indicators": {
                    f"w{neighbour}": float(rng.random()) + 0.01 for neighbour in neighbours
                },
            },
        }
        yield f"w{number}", document, vector


def write(client: Elasticsearch, count: int) -> np.ndarray:
    """Index the catalogue, merged into one segment; returns the vectors, shape (count, DIMS)."""
    fingerprint = Fingerprint("bench", "1", DIMS, "none", "", "title", "none")
    meta = IndexMeta(
        fingerprint, Calibration.none(), dict.fromkeys(LANGUAGES, "standard"), title_field="title"
    )
    live = create_first_version(
        client, INDEX, meta, {"number_of_shards": 1, "refresh_interval": "-1"}
    )
    vectors, operations = [], []
    for id_, document, vector in catalogue(count):
        vectors.append(vector)
        operations += [{"index": {"_index": live.name, "_id": id_}}, document]
        if len(operations) >= 1000:
            assert not client.bulk(operations=operations)["errors"]
            operations = []
    if operations:
        assert not client.bulk(operations=operations)["errors"]
    client.indices.refresh(index=live.name)
    client.options(request_timeout=1200).indices.forcemerge(index=live.name, max_num_segments=1)
    return np.asarray(vectors, np.float32)


def timed(call: Callable[[int], object], calls: int, warm_up: int = 20) -> dict[str, float]:
    """Percentiles of wall time and the mean of this process's CPU time, in milliseconds."""
    for number in range(warm_up):
        call(number)
    walls = []
    cpu = time.process_time()
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        walls.append(1000 * (time.perf_counter() - start))
    cpu = 1000 * (time.process_time() - cpu) / calls
    p50, p95, p99 = np.percentile(walls, [50, 95, 99])
    return {"p50": p50, "p95": p95, "p99": p99, "cpu": cpu}


def histories(count: int, length: int, calls: int) -> list[History]:
    """Persons with a taste for a few clusters."""
    rng = np.random.default_rng(length)
    return [
        History.of(f"w{number}" for number in rng.choice(count, length, replace=False))
        for _ in range(calls)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--url")
    parser.add_argument("--interests", type=int, default=MAX_INTERESTS)
    arguments = parser.parse_args()
    count, calls = arguments.documents, arguments.calls
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(running(heap="2g")).url
        client = stack.enter_context(connect(Connection(url)))
        if client.indices.exists(index=INDEX):
            vectors = np.asarray([vector for _, _, vector in catalogue(count)], np.float32)
        else:
            vectors = write(client, count)
        options = Options(weights=dict.fromkeys(LEGS, 0.25), max_interests=arguments.interests)
        recommender = Recommender(client, INDEX, options=options)

        def plain(number: int) -> object:
            return client.search(
                index=INDEX,
                knn={
                    "field": "xlrec.embedding",
                    "query_vector": vectors[number % count].tolist(),
                    "k": 10,
                    "num_candidates": 200,
                    "filter": {"term": {"xlrec.language": "de"}},
                },
                source=["title"],
            )

        report: dict[str, object] = {"documents": count, "plain kNN": timed(plain, calls)}
        for length in (1, 10, 50, 100, 1000):
            some = histories(count, length, min(calls, 100) + 20)
            times = timed(
                lambda n, some=some: recommender.recommend(some[n % len(some)], languages=TARGETS),
                min(calls, 100),
            )
            times["p50 ratio"] = times["p50"] / report["plain kNN"]["p50"]  # type: ignore[index]
            times["p99 ratio"] = times["p99"] / report["plain kNN"]["p50"]  # type: ignore[index]
            report[f"history of {length}"] = times
        some = histories(count, 50, 100)
        start = time.perf_counter()
        for history in some:
            recommender.recommend(history, languages=TARGETS)
        alone = time.perf_counter() - start
        start = time.perf_counter()
        assert len(list(recommender.recommend_many(some, languages=TARGETS))) == len(some)
        report["recommend_many: times the throughput of a loop"] = alone / (
            time.perf_counter() - start
        )
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
