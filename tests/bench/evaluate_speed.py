"""What a split, learning and an evaluation cost: processor time and memory, of two program trees.

    python tests/bench/evaluate_speed.py --code before=TREE after=TREE [--rounds 2]
        [--output FOLDER]

Synthetic catalogue of 22,762 items in 12 languages, one each, in clusters: 384 centered dims, a
title and a text of forty words. 24,941 likes of users with tastes in clusters, which are few. Each
command is a process of its own, in turns of the trees: `evaluate --write-training`, `learn` where
all documents change and where none does, and `evaluate --max-users 200`. Each tree learns into an
index of its own; all evaluate the first one's, for graphs of equal vectors differ by how they came
about. Prints JSON: seconds of the process and of the node, peak memory, and whether all trees gave
the same training part, indicators and report.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from synthetic_catalog import node_cpu

from xlrec_es import Connection, connect
from xlrec_es.cluster.scan import pages
from xlrec_es.index.creation import create_first_version
from xlrec_es.index.meta import IndexMeta
from xlrec_es.node import running
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

DIMS, CLUSTERS, WORDS = 384, 300, 20_000
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "pl", "pt", "ru", "zh")
ITEMS, LIKES, PER_USER = 22_762, 24_941, 9
TEST_USERS = 200


@dataclass(frozen=True)
class Spent:
    """What one process took.

    Attributes:
        own_s: Processor seconds of the process.
        node_s: Of the node meanwhile.
        wall_s: Seconds that went by.
        peak_mb: Of the process.
    """

    own_s: float
    node_s: float
    wall_s: float
    peak_mb: float


def raw_vectors(items: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster of each item, and its raw unit vector: subject, language, and its own."""
    rng = np.random.default_rng(1)
    centers = rng.normal(size=(CLUSTERS, DIMS))
    tongues = rng.normal(size=(len(LANGUAGES), DIMS))
    cluster = rng.integers(0, CLUSTERS, items)
    of = np.arange(items) % len(LANGUAGES)
    vectors = centers[cluster] + 1.5 * tongues[of] + 1.5 * rng.normal(size=(items, DIMS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return cluster, vectors.astype(np.float32)


def write_catalogue(client: Elasticsearch, names: Sequence[str], items: int) -> None:
    """The same documents into an index of each name, of one segment each."""
    cluster, raw = raw_vectors(items)
    tags = [LANGUAGES[number % len(LANGUAGES)] for number in range(items)]
    centering = LanguageCentering.center(raw, tags)
    vectors = centering.apply(raw, tags)
    meta = IndexMeta(
        Fingerprint("bench", "1", DIMS, "none", "", "title", centering.name),
        centering,
        dict.fromkeys(LANGUAGES, "standard"),
        title_field="title",
    )
    patient = client.options(request_timeout=1200)
    for name in names:
        live = create_first_version(
            client, name, meta, {"number_of_shards": 1, "refresh_interval": "-1"}
        )
        rng = np.random.default_rng(2)
        for start in range(0, items, 500):
            operations: list[dict[str, Any]] = []
            for number in range(start, min(start + 500, items)):
                words = rng.zipf(1.3, 40) % WORDS
                text = " ".join(f"word{word}" for word in words)
                subject = f"subject{cluster[number]}"
                own = {
                    "id": f"w{number:05}",
                    "work": f"w{number:05}",
                    "language": tags[number],
                    "embedding": [round(x, 6) for x in vectors[number].tolist()],
                    "text": {tags[number]: f"{subject} {text}"},
                }
                document = {"title": f"{subject} {number}", "text": text, "xlrec": own}
                operations += [{"index": {"_index": live.name, "_id": own["id"]}}, document]
            assert not patient.bulk(operations=operations)["errors"]
        patient.indices.refresh(index=live.name)
        patient.indices.forcemerge(index=live.name, max_num_segments=1)


def write_likes(path: Path, items: int, likes: int) -> None:
    """Rows of users who know a few languages and like a few clusters, popular items most."""
    rng = np.random.default_rng(3)
    cluster, _ = raw_vectors(items)
    of = np.arange(items) % len(LANGUAGES)
    rows: dict[tuple[int, int], None] = {}
    user = 0
    while len(rows) < likes:
        tongues = rng.choice(len(LANGUAGES), rng.integers(2, 5), replace=False)
        tastes = rng.choice(CLUSTERS, 3, replace=False)
        mine = np.flatnonzero(np.isin(cluster, tastes) & np.isin(of, tongues))
        popularity = 1 / (1 + np.arange(len(mine))) ** 0.8
        count = min(len(mine), 3 + int(rng.geometric(1 / (PER_USER - 2))))
        liked = rng.choice(mine, count, replace=False, p=popularity / popularity.sum())
        rows |= dict.fromkeys((user, int(item)) for item in liked)
        user += 1
    lines = [f"u{user}\tw{item:05}" for user, item in [*rows][:likes]]
    path.write_text("\n".join(["user\titem", *lines]) + "\n", "utf-8")


def spent(tree: Path, node: int, command: Sequence[object], output: Path) -> Spent:
    """Run a command of a tree, its output into a file.

    A process counts as its peak what the one held that started it: this is for a small one.
    """
    before, start = node_cpu(node), time.perf_counter()
    words = [sys.executable, "-m", *map(str, command)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    with output.open("wb") as file:
        process = subprocess.Popen(words, cwd=tree, env=environment, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return Spent(
        round(usage.ru_utime + usage.ru_stime, 2),
        round((node_cpu(node) - before) / 1000, 2),
        round(wall, 2),
        round(usage.ru_maxrss / 1024),
    )


def learned(client: Elasticsearch, index: str) -> str:
    """Stands for all that was learned for all documents of an index."""
    names = ("indicators", "indicators_from", "evidence", "popularity", "market_popularity")
    body = {"_source": False, "fields": [f"xlrec.{name}" for name in names]}
    found = {
        hit["_id"]: json.dumps(hit["fields"], sort_keys=True)
        for hits in pages(client, index, body, page=2000)
        for hit in hits
    }
    return hashlib.sha256("\n".join(found[id_] for id_ in sorted(found)).encode()).hexdigest()[:16]


def report_digest(path: Path) -> str:
    """Stands for a report but for how long it took."""
    report = json.loads(path.read_bytes())
    del report["seconds"]
    return hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()[:16]


def steps(tree: str, folder: Path, url: str, shared: str) -> Iterator[tuple[str, Sequence[object]]]:
    """The commands of a tree in their order, by what they are called."""
    own, training = f"bench-{tree}", folder / f"{tree}.tsv"
    likes = folder / "interactions.tsv"
    evaluate = ("xlrec_es", "evaluate", likes, "--url", url, "--index")
    yield "split", (*evaluate, shared, "--write-training", training)
    learn = ("ingest", "learn", training, "--url", url, "--json", "--index", own)
    yield "learn, all documents change", learn
    yield "learn, none changes", learn
    yield "evaluate", (*evaluate, shared, "--json", "--max-users", TEST_USERS)


def measured(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All rounds, the cheapest of each step, and whether the trees agreed in each round."""
    trees = {name: Path(path).resolve() for name, _, path in arguments.code}
    names = [f"bench-{name}" for name in trees]
    write_likes(folder / "interactions.tsv", arguments.items, arguments.likes)
    found: dict[str, dict[str, list[Spent]]] = {}
    same: dict[str, bool] = {}
    with running(heap="2g") as node, connect(Connection(node.url)) as client:
        for _ in range(arguments.rounds):
            old = [f"{name}-xlrec-v1" for name in names]
            client.indices.delete(index=old, ignore_unavailable=True)
            write_catalogue(client, names, arguments.items)
            waiting = [steps(name, folder, node.url, names[0]) for name in trees]
            for turn in zip(*waiting, strict=True):
                digests = set()
                for (name, tree), (step, command) in zip(trees.items(), turn, strict=True):
                    output = folder / f"{name}-{step.replace(', ', '-').replace(' ', '-')}.json"
                    with multiprocessing.get_context("spawn").Pool(1) as small:
                        cost = small.apply(spent, (tree, node.pid, command, output))
                    print(name, step, cost, file=sys.stderr, flush=True)
                    found.setdefault(step, {}).setdefault(name, []).append(cost)
                    if step == "evaluate":
                        digests.add(report_digest(output))
                    elif step == "split":
                        part = (folder / f"{name}.tsv").read_bytes()
                        digests.add(hashlib.sha256(part).hexdigest())
                    else:
                        digests.add(learned(client, f"bench-{name}"))
                same[step] = same.get(step, True) and len(digests) == 1
    report = json.loads((folder / f"{next(iter(trees))}-evaluate.json").read_bytes())
    return {
        "cases": report["cases"],
        "users": report["users"],
        "the same": same,
        **{
            step: {
                name: asdict(min(costs, key=lambda cost: cost.own_s))
                for name, costs in by_tree.items()
            }
            for step, by_tree in found.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--code", nargs="+", required=True, type=lambda text: text.partition("="))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--likes", type=int, default=LIKES)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = arguments.output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(json.dumps(measured(arguments, folder), indent=1))


if __name__ == "__main__":
    main()
