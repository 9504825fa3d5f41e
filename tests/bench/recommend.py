"""How long a recommendation takes, against one plain filtered kNN search with the official client.

    python tests/bench/recommend.py [--documents 100000] [--calls 200] [--searches]
        [--url URL --process PID]
    python tests/bench/recommend.py --documents 100000 --larger 1000000 --dims 64

In turns, in one run, on one node: a call of the one, a call of the other, and as many requests and
searches as a call takes that find nothing: what no way of searching saves. Synthetic catalogue in
clusters, five languages, 384 dims, with indicators and popularity; histories of 1, 10, 50, 100 and
1,000 works; three target languages; with learned associations, and by texts alone. The processor
time of this program alone is that of steps whose answers are there. Starts a node of its own unless
--url names one, whose processor time counts if --process names it. Prints JSON. With
--searches it is the searches of texts alone, in each way that they could be made (set PYTHONPATH to
tests). With --larger it is how much slower a larger index is, histories of 50 works alone.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from elasticsearch import Elasticsearch
from synthetic_catalog import DIMS, INDEX, TARGETS, catalogue, node_cpu, write

from xlrec_es import Connection, History, Options, Recommender, connect
from xlrec_es.node import running
from xlrec_es.recommend.calls import Call, Outcome, advance
from xlrec_es.recommend.options import DENSE, LEXICAL
from xlrec_es.recommend.recommender import _written

if TYPE_CHECKING:
    from text_searches import Bodies

WITH_TERM_VECTORS = f"{INDEX}-term-vectors"
SYSTEMS = {
    "learned": Options(),
    "texts alone": Options(weights={DENSE: 0.75, LEXICAL: 0.25}),
}


def in_turns(
    ways: dict[str, Callable[[int], object]], calls: int, *, node: int | None, warm_up: int = 5
) -> dict[str, dict[str, float]]:
    """Percentiles of wall time, and processor time (mean of this process, median of the node).

    All in milliseconds. The ways take turns, so that whatever else the machine does slows all of
    them alike.
    """
    walls: dict[str, list[float]] = {name: [] for name in ways}
    nodes: dict[str, list[float]] = {name: [] for name in ways}
    cpus = dict.fromkeys(ways, 0.0)
    for number in range(-warm_up, calls):
        for name, call in ways.items():
            before = node_cpu(node)
            start, cpu = time.perf_counter(), time.process_time()
            call(number % calls)
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
            if number >= 0:
                cpus[name] += 1000 * cpu / calls
                walls[name].append(1000 * wall)
                nodes[name].append(node_cpu(node) - before)
    found = {}
    for name, wall in walls.items():
        p50, p95, p99 = np.percentile(wall, [50, 95, 99])
        found[name] = {"p50": p50, "p95": p95, "p99": p99, "least": min(wall), "cpu": cpus[name]}
        if node is not None:
            found[name]["cpu of the node"] = float(np.median(nodes[name]))
    return found


def own_cpu(recommender: Recommender, history: History, rounds: int = 100) -> float:
    """Milliseconds of processor time that a call takes where its answers are there already."""
    recorded: list[Outcome] = []
    send = recommender._send

    def recording(call: Call, deadline: float) -> Outcome:
        recorded.append(send(call, deadline))
        return recorded[-1]

    recommender._send = recording  # type: ignore[method-assign]
    recommender.recommend(history, languages=TARGETS)
    recommender._send = send  # type: ignore[method-assign]
    began = time.process_time()
    for _ in range(rounds):
        steps = recommender._core.recommend(history, list(TARGETS), 10)
        reached = advance(steps)
        for outcome in recorded:
            assert isinstance(reached, Call)
            list(_written(reached))
            reached = advance(steps, outcome)
    return 1000 * (time.process_time() - began) / rounds


def throughput(
    recommender: Recommender, some: list[History], *, node: int | None
) -> dict[str, float]:
    """Users a second of a loop and of `recommend_many`, and processors that were at work."""
    found: dict[str, float] = {}

    def measure(name: str, ask: Callable[[], object]) -> None:
        start, cpu, before = time.perf_counter(), time.process_time(), node_cpu(node)
        ask()
        wall = time.perf_counter() - start
        busy = time.process_time() - cpu + (node_cpu(node) - before) / 1000
        found[f"{name}, users a second"] = len(some) / wall
        if node is not None:
            found[f"{name}, processors"] = busy / wall

    def loop() -> object:
        return [recommender.recommend(history, languages=TARGETS) for history in some]

    def many() -> object:
        return list(recommender.recommend_many(some, languages=TARGETS))

    for _ in range(3):  # the last counts
        measure("loop", loop)
        measure("recommend_many", many)
    found["recommend_many: times the throughput of a loop"] = (
        found["recommend_many, users a second"] / found["loop, users a second"]
    )
    return found


def histories(count: int, length: int, calls: int) -> list[History]:
    """Users with a taste for a few clusters."""
    rng = np.random.default_rng(length)
    return [
        History.of(f"w{number}" for number in rng.choice(count, length, replace=False))
        for _ in range(calls)
    ]


def each_search(
    client: Elasticsearch,
    plain: Callable[[int], object],
    some: list[History],
    *,
    count: int,
    node: int | None,
) -> dict[str, object]:
    """What the searches of some users' texts take in each way, and what an index of them takes."""
    # Other benchmarks import this module without the folder of the tests.
    from text_searches import Searches, hits_of

    if not client.indices.exists(index=WITH_TERM_VECTORS):
        write(client, count, index=WITH_TERM_VECTORS, term_vectors=True)
    calls = len(some)
    texts = Options(weights={DENSE: 0.75, LEXICAL: 0.25})
    made = Searches(Recommender(client, INDEX, options=texts), some, TARGETS)

    def by_id(index: str) -> list[Bodies]:
        return made.bm25(
            lambda plan, tag: [
                {"_index": index, "_id": id_} for id_ in list(plan.profile.texts[tag])[:10]
            ]
        )

    def sent(bodies: list[Bodies], index: str = INDEX) -> Callable[[int], dict[str, Any]]:
        lines = [[line for body in mine for line in ({}, body)] for mine in bodies]
        return lambda number: client.msearch(index=index, searches=lines[number]).body

    nothing = [[{"query": {"match_none": {}}, "size": 0}] * len(TARGETS)] * calls
    ways = {
        "plain kNN": plain,
        "nothing": sent(nothing),
        "BM25 by ids": sent(by_id(INDEX)),
        "BM25 by ids, with term vectors": sent(by_id(WITH_TERM_VECTORS), WITH_TERM_VECTORS),
        "BM25 by texts": sent(
            made.bm25(
                lambda plan, tag: [
                    plan.profile.words[id_] for id_ in list(plan.profile.texts[tag])[:10]
                ]
            )
        ),
        "BM25 by stored terms": sent(made.terms(client, INDEX, count)),
        "kNN in each language": sent(made.dense(lambda _: None)),
        "kNN in all languages at once": sent(made.at_once()),
        "kNN in each language, without filters": sent(made.dense(lambda knn: knn.pop("filter"))),
    }
    names = {INDEX: "without term vectors", WITH_TERM_VECTORS: "with term vectors"}
    sizes = {
        f"bytes of an index {how}": client.indices.stats(index=name)["_all"]["total"]["store"][
            "size_in_bytes"
        ]
        for name, how in names.items()
    }
    alike = {
        name: sum(
            hits_of(ways["BM25 by ids"](number)) == hits_of(ways[name](number))
            for number in range(calls)
        )
        for name in ways
        if name.startswith("BM25")
    }
    times = in_turns(ways, calls, node=node, warm_up=max(5, calls // 2))
    return {**times, **sizes, "users with the same hits as by ids": alike, "users": calls}


def plain_search(client: Elasticsearch, index: str, vectors: np.ndarray) -> Callable[[int], object]:
    """What all is compared with: one kNN search with a filter, by the official client."""

    def plain(number: int) -> object:
        return client.search(
            index=index,
            knn={
                "field": "xlrec.embedding",
                "query_vector": vectors[number].tolist(),
                "k": 10,
                "num_candidates": 200,
                "filter": {"term": {"xlrec.language": "de"}},
            },
            source=["title"],
        )

    return plain


def growth(
    client: Elasticsearch, counts: tuple[int, int], *, dims: int, calls: int, node: int | None
) -> dict[str, object]:
    """How much slower the larger of two indices is, for a history of 50."""
    ways: dict[str, Callable[[int], object]] = {}
    for count in counts:
        index = f"{INDEX}-{count}"
        if not client.indices.exists(index=index):
            write(client, count, dims=dims, index=index)
        drawn = itertools.islice(catalogue(count, dims), calls)
        vectors = np.asarray([vector for _, _, vector in drawn], np.float32)
        ways[f"plain kNN, {count}"] = plain_search(client, index, vectors)
        some = histories(count, 50, calls)
        for name, options in SYSTEMS.items():
            asked = Recommender(client, index, options=options)
            ways[f"{name}, {count}"] = lambda n, asked=asked, some=some: asked.recommend(
                some[n], languages=TARGETS
            )
    times = in_turns(ways, calls, node=node, warm_up=calls // 2)
    of = {name.rsplit(", ", 1)[0] for name in ways}
    grown = {
        name: times[f"{name}, {counts[1]}"]["p50"] / times[f"{name}, {counts[0]}"]["p50"]
        for name in sorted(of)
    }
    return {"dims": dims, **times, "p50 of the larger to that of the smaller": grown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--url")
    parser.add_argument("--process", type=int, help="of the node at --url")
    parser.add_argument("--searches", action="store_true")
    parser.add_argument("--larger", type=int)
    parser.add_argument("--dims", type=int, default=DIMS)
    parser.add_argument("--lengths", type=int, nargs="*", default=[1, 10, 50, 100, 1000])
    arguments = parser.parse_args()
    count, calls = arguments.documents, arguments.calls
    with contextlib.ExitStack() as stack:
        started = None if arguments.url else stack.enter_context(running(heap="2g"))
        node = arguments.process if started is None else started.pid
        url = arguments.url if started is None else started.url
        client = stack.enter_context(connect(Connection(url)))
        if arguments.larger:
            counts = (count, arguments.larger)
            found = growth(client, counts, dims=arguments.dims, calls=calls, node=node)
            print(json.dumps(found, indent=2))
            return
        if client.indices.exists(index=INDEX):
            some_works = itertools.islice(catalogue(count), calls)
            vectors = np.asarray([vector for _, _, vector in some_works], np.float32)
        else:
            vectors = write(client, count)
        plain = plain_search(client, INDEX, vectors)

        def empty(searches: int) -> None:
            """The requests of a recommendation with so many searches, without a hit."""
            nothing = {"query": {"match_none": {}}, "size": 0}
            client.msearch(index=INDEX, searches=[{}, nothing] * searches)
            client.search(index=INDEX, body=nothing)
            client.search(index=INDEX, body=nothing)

        if arguments.searches:
            found = {
                length: each_search(
                    client, plain, histories(count, length, calls), count=count, node=node
                )
                for length in arguments.lengths
            }
            print(json.dumps(found, indent=2))
            return
        report: dict[str, object] = {"documents": count}
        for name, options in SYSTEMS.items():
            recommender = Recommender(client, INDEX, options=options)
            searches = 2 if options.weights is None else len(TARGETS) * len(options.weights)
            for length in arguments.lengths:
                some = histories(count, length, calls)
                times = in_turns(
                    {
                        "plain kNN": plain,
                        "nothing": lambda _, searches=searches: empty(searches),
                        "recommend": lambda n, some=some, recommender=recommender: (
                            recommender.recommend(some[n], languages=TARGETS)
                        ),
                    },
                    calls,
                    node=node,
                )
                ours, theirs, least = (times[n] for n in ("recommend", "plain kNN", "nothing"))
                report[f"{name}, history of {length}"] = times | {
                    "ratio of p50": ours["p50"] / theirs["p50"],
                    "ratio of p50, nothing found": least["p50"] / theirs["p50"],
                    "p99 to their p50": ours["p99"] / theirs["p50"],
                    "ratio of cpu": ours["cpu"] / theirs["cpu"],
                    "own cpu": own_cpu(recommender, some[0]),
                }
        recommender = Recommender(client, INDEX)
        some = histories(count, 50, min(calls, 64))
        report["many users"] = throughput(recommender, some, node=node)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
