"""The worker against the loop that everybody writes first, on a node of its own.

    python tests/bench/worker.py speed [--texts 20000]     # the embedded encoder, mixed lengths
    python tests/bench/worker.py flat [--sizes 20000 200000]  # an encoder that takes no time
    python tests/bench/worker.py stalled [--texts 100000]  # the same, and the node stands still
    python tests/bench/worker.py write [--texts 20000]     # writing alone

`speed`: against "read 500, model.encode, helpers.bulk" with the same model, in documents a second;
both take turns. `flat`: what a document costs once 2,000 are done, and peak memory, in a process
for each size. `stalled`: memory while the node is stopped for 60 s after 20,000 documents. `write`:
documents for each second that the client's process computes, against helpers.bulk. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch, helpers

from ingest.documents.document import Document
from ingest.encode.encoder_pool import encoder_for
from ingest.encode.options import EMBEDDED, EncoderOptions
from ingest.encode.raw_vectors import parallel
from ingest.encode.sentence_transformer import load_encoder
from ingest.run import assemble as runs
from ingest.run.counts import Tally
from ingest.run.index_setup import create_index
from ingest.run.job import RunJob
from ingest.sources.source import open_source
from xlrec_es.cluster.bulk import BulkWriter
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.retry import Cluster
from xlrec_es.node import running
from xlrec_es.records.record import Record
from xlrec_es.vectors.language_centering import LanguageCentering

DIMS = 384
START_UP = 2000
STALL_AFTER = 20_000
STALL_S = 60
WORDS = [
    "open",
    "window",
    "river",
    "stone",
    "paper",
    "light",
    "garden",
    "winter",
    "music",
    "letter",
    "bridge",
]


class Instant:
    """An encoder that takes no time: the same unit vector for every text, but for its length."""

    model, revision, pooling, prefix, max_tokens, dims = "instant", "1", "none", "", 512, DIMS
    batch_tokens = 4096

    def encode(self, texts: list[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), DIMS), np.float32)
        vectors[np.arange(len(texts)), [len(text) % DIMS for text in texts]] = 1
        return vectors


def write_texts(path: Path, n: int) -> None:
    """Records of 5 to 400 words, most of them short, as catalogues have them."""
    draw = random.Random(0)
    with path.open("w") as file:
        for number in range(n):
            words = draw.choices(WORDS, k=min(400, int(draw.lognormvariate(3, 1)) + 5))
            record = {"id": number, "language": "en", "title": " ".join(words), "price": number}
            file.write(json.dumps(record) + "\n")


def naive(path: Path, client: Elasticsearch, index: str, model: Any) -> None:  # noqa: ANN401
    """What everybody writes first."""
    client.indices.create(
        index=index,
        mappings={"properties": {"vector": {"type": "dense_vector", "dims": DIMS,
                                            "similarity": "dot_product",
                                            "index_options": {"type": "int8_hnsw"}}}},
    )  # fmt: skip
    with path.open() as file:
        while some := [json.loads(line) for line in itertools.islice(file, 500)]:
            vectors = model.encode([record["title"] for record in some], normalize_embeddings=True)
            helpers.bulk(
                client,
                (
                    {"_index": index, "_id": record["id"], **record, "vector": vector.tolist()}
                    for record, vector in zip(some, vectors, strict=True)
                ),
            )
    client.indices.refresh(index=index)


def speed(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    """In pieces, each of them by every way before the next one: a machine has good minutes and bad.

    A piece is a whole run of the worker, with what it asks of the cluster before it starts.
    """
    plain = load_encoder(options=EncoderOptions(dtype="float32"))._transformer
    stack = contextlib.ExitStack()
    encoders = [
        stack.enter_context(encoder_for(EMBEDDED, EncoderOptions(dtype=dtype)))
        for dtype in ("float32", "auto")
    ]
    ways = ["naive", "worker, float32", f"worker, {encoders[1].dtype}"]  # type: ignore[attr-defined]
    seconds, encoding = np.zeros(len(ways)), np.zeros(len(ways))
    whole, pieces = folder / "items.jsonl", []
    write_texts(whole, arguments.texts)
    with stack, connect(Connection(url)) as client, whole.open() as file:
        while some := list(itertools.islice(file, arguments.piece)):
            pieces.append(len(some))
            path = folder / f"{len(pieces)}.jsonl"
            path.write_text("".join(some))
            start = time.perf_counter()
            naive(path, client, f"naive-{len(pieces)}", plain)
            seconds[0] += time.perf_counter() - start
            for way, encoder in enumerate(encoders, 1):
                job = RunJob(str(path), f"ours-{way}", centering="none")
                start = time.perf_counter()
                summary = runs.run(job, Connection(url), encoder=encoder)
                seconds[way] += time.perf_counter() - start
                encoding[way] += summary["seconds"]["encode"] / parallel(encoder)
            print(len(pieces), (seconds[0] / seconds).round(2), file=sys.stderr, flush=True)
    rates = arguments.texts / seconds
    return {
        "texts": arguments.texts,
        "pieces": len(pieces),
        "documents/s": dict(zip(ways, rates, strict=True)),
        "times naive": dict(zip(ways, rates / rates[0], strict=True)),
        "encoder busy, of all the time": dict(zip(ways, encoding / seconds, strict=True)),
    }


def flat(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    """Each size in a process of its own, for its peak memory."""
    report: dict[str, Any] = {}
    for size in arguments.sizes:
        report[str(size)] = in_process_of_its_own(folder, size, "--url", url)
        print(size, json.dumps(report[str(size)]), file=sys.stderr, flush=True)  # it takes a while
    return report


def stalled(arguments: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    """Memory while the node stands still for a minute, in the midst of a run."""
    node = str(arguments.node_pid)
    return in_process_of_its_own(folder, arguments.texts, "--url", url, "--node-pid", node)


def in_process_of_its_own(folder: Path, size: int, *options: str) -> dict[str, Any]:
    path = folder / f"items-{size}.jsonl"
    write_texts(path, size)
    command = [sys.executable, __file__, "one", "--path", str(path), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


class Watch:
    """An observer that notes what each document costs, and may stop the node for a while."""

    def __init__(self, node_pid: int | None) -> None:
        self.points: list[tuple[int, float, float]] = []  # documents, wall time, CPU time
        self.megabytes: list[float] = []
        self._node_pid = node_pid

    def __call__(self, phase: str, tally: Tally, _fraction: float | None) -> None:
        if phase != "index":
            return
        self.points.append((tally.documents, time.perf_counter(), time.process_time()))
        if self._node_pid and tally.documents > STALL_AFTER:
            threading.Thread(target=self._stall, args=(self._node_pid,)).start()
            self._node_pid = None

    def _stall(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        for _ in range(STALL_S // 10 + 1):
            self.megabytes.append(resident_megabytes())
            time.sleep(10)
        os.kill(pid, signal.SIGCONT)

    def cost(self, first: int, last: int) -> dict[str, float]:
        """What a document costs between two numbers of documents, in milliseconds."""
        n, wall, cpu = zip(*(point for point in self.points if first <= point[0] <= last))  # noqa: B905
        between = n[-1] - n[0]
        return {
            "wall ms": 1000 * (wall[-1] - wall[0]) / between,
            "client's CPU ms": 1000 * (cpu[-1] - cpu[0]) / between,
        }


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def one(arguments: argparse.Namespace) -> dict[str, Any]:
    watch = Watch(arguments.node_pid)
    job = RunJob(str(arguments.path), arguments.path.stem, centering="none")
    summary = runs.run(job, Connection(arguments.url), encoder=Instant(), observe=watch)
    n = summary["documents"]
    report: dict[str, Any] = {
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bottleneck": summary["bottleneck"],
    }
    if watch.megabytes:
        return report | {"MB each 10 s of the stop": watch.megabytes, "documents": n}
    report["a document"] = watch.cost(START_UP, n)
    if n > 20_000:
        report["of the first 10,000"] = watch.cost(START_UP, 10_000)
        report["of the last 10,000"] = watch.cost(n - 10_000, n)
    return report


def write(arguments: argparse.Namespace, url: str, _folder: Path) -> dict[str, Any]:
    vectors = np.random.default_rng(0).standard_normal((arguments.texts, DIMS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    documents = [
        Document(f"{n}", f"{n}", "en", "declared", f"text {n}", None, {"n": n}, "h",
                 Record({}, n), 1)
        for n in range(arguments.texts)
    ]  # fmt: skip
    rates: dict[str, list[float]] = {}
    with connect(Connection(url)) as client:
        for turn in range(arguments.turns):
            for name in ("helpers.bulk", "worker's writer"):
                target = create_index(
                    RunJob("-", f"w-{turn}-{name[0]}"),
                    source=open_source("-"),
                    languages=["en"],
                    centering=LanguageCentering.none(),
                    encoder=Instant(),
                    cluster=Cluster(client, probe(client)),
                )

                def actions(index: str = target.live.name) -> Iterator[dict[str, Any]]:
                    for document, vector in zip(documents, vectors, strict=True):
                        own = {
                            "id": document.id,
                            "work": document.id,
                            "language": "en",
                            "text": {"en": document.text},
                            "embedding": vector.tolist(),
                        }
                        yield {"_index": index, "_id": document.id, "n": document.source["n"],
                               "xlrec": own}  # fmt: skip

                start = time.process_time()
                if name == "helpers.bulk":
                    helpers.bulk(client, actions())
                else:
                    BulkWriter(client, target.live.name).write(
                        target.operation(d, v) for d, v in zip(documents, vectors, strict=True)
                    )
                spent = time.process_time() - start
                rates.setdefault(name, []).append(arguments.texts / spent)
    best = {name: max(found) for name, found in rates.items()}
    ratio = best["worker's writer"] / best["helpers.bulk"]
    return {"documents a CPU second": best, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["speed", "flat", "stalled", "write", "one"])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--piece", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 200_000])
    parser.add_argument("--url")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--node-pid", type=int)
    arguments = parser.parse_args()
    if arguments.what == "one":
        print(json.dumps(one(arguments)))
        return
    with running(heap="1g") as node, tempfile.TemporaryDirectory() as folder:
        arguments.node_pid = node.pid
        measure = {"speed": speed, "flat": flat, "stalled": stalled, "write": write}[arguments.what]
        print(json.dumps(measure(arguments, node.url, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
