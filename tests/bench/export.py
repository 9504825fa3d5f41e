"""What the lists of all users cost: a loop of single calls, and an export.

    python tests/bench/export.py [--documents 100000] [--users 10000] [--calls 200]
        [--url URL --process PID]

In one run, on one node, with the catalogue of recommend.py; histories of 50 works, three target
languages. Costs are processor time of this process and the node, so a loop on many cores is
compared fairly. The export reads the file and the index, too; what that costs is told apart, by an
export for few users. Memory is the most that the process had. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from synthetic_catalog import INDEX, TARGETS, node_cpu, write

from xlrec_es import Connection, History, InteractionFile, Options, Recommender, connect
from xlrec_es.node import running
from xlrec_es.recommend.options import COLLABORATIVE

LENGTH = 50
FEW = 100

SYSTEMS = {
    "default": Options(),
    "collaborative retriever alone": Options(weights={COLLABORATIVE: 1.0}),
}


def write_histories(path: Path, users: int, documents: int) -> InteractionFile:
    """A file in which each user's rows are far apart, as in a log."""
    draw = np.random.default_rng(0)
    works = draw.integers(0, documents, (LENGTH, users))
    with path.open("w") as file:
        file.write("user\titem\n")
        for row in works.tolist():
            file.writelines(f"user{user}\tw{work}\n" for user, work in enumerate(row))
    return InteractionFile(path)


def cost(node: int | None, what: Callable[[], object]) -> dict[str, float]:
    """Seconds of the wall, of this process and of the node."""
    start, cpu, before = time.perf_counter(), time.process_time(), node_cpu(node)
    what()
    return {
        "wall": time.perf_counter() - start,
        "client": time.process_time() - cpu,
        "node": (node_cpu(node) - before) / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--url")
    parser.add_argument("--process", type=int, help="of the node at --url")
    arguments = parser.parse_args()
    documents, users, calls = arguments.documents, arguments.users, arguments.calls
    report: dict[str, object] = {"documents": documents, "users": users, "history": LENGTH}
    with contextlib.ExitStack() as stack:
        started = None if arguments.url else stack.enter_context(running(heap="2g"))
        node = arguments.process if started is None else started.pid
        client = stack.enter_context(
            connect(Connection(arguments.url if started is None else started.url))
        )
        if not client.indices.exists(index=INDEX):
            write(client, documents)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few = write_histories(folder / "few.tsv", FEW, documents)
        many = write_histories(folder / "many.tsv", users, documents)
        draw = np.random.default_rng(1)
        people = [
            History.of(f"w{work}" for work in draw.integers(0, documents, LENGTH))
            for _ in range(calls)
        ]
        for name, options in SYSTEMS.items():
            recommender = Recommender(client, INDEX, options=options)

            def ask(some: list[History], recommender: Recommender = recommender) -> None:
                for history in some:
                    recommender.recommend(history, languages=TARGETS)

            def export(file: InteractionFile, recommender: Recommender = recommender) -> None:
                recommender.export(file, folder / "lists.parquet", languages=TARGETS)

            ask(people)  # a node that has just begun takes twice as long
            export(few)
            loop, once = cost(node, lambda: ask(people)), cost(node, lambda: export(few))
            memory = {FEW: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            whole = cost(node, lambda: export(many))
            memory[users] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            single, all_lists, reading = (
                sum(found[part] for part in ("client", "node")) for found in (loop, whole, once)
            )
            report[name] = {
                f"loop of {calls} calls, s": loop,
                f"export for {FEW} users, s": once,
                "export for all, s": whole,
                "ms of processor a single call": 1000 * single / calls,
                "ms of processor a list": 1000 * all_lists / users,
                "ms of processor a list, the index being read": 1000
                * (all_lists - reading)
                / (users - FEW),
                "times a loop": (single / calls) / (all_lists / users),
                "times a loop, the index being read": (single / calls)
                / ((all_lists - reading) / (users - FEW)),
                "MB at most": memory,
                "lists that were searched for": dict(
                    recommender.export(few, folder / "lists.parquet", languages=TARGETS).searched
                ),
            }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
