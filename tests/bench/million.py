"""A million short documents by a fast encoder: speed, memory, disk, and recommendations beside it.

    python tests/bench/million.py [--documents 1000000] [--dims 256]

The encoder is a static one, made here with weights that are drawn: how fast it is does not depend
on them. The worker is `xlrec-ingest run` in a process of its own, whose memory is looked at each
five seconds. Beside it another process's recommendations are timed, by the texts of histories of 20
documents that are in the index already. They are timed again when the worker has ended, and when
the index is merged into one segment, each time in turns with one plain kNN search. What the vectors
take on disk is Elasticsearch's own number (`_disk_usage`), beside the estimate that `doctor` makes.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from elasticsearch import Elasticsearch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Whitespace

from xlrec_es import Connection, History, Options, Recommender, connect
from xlrec_es.errors import XlrecError
from xlrec_es.index.live_index import find_live
from xlrec_es.node import running
from xlrec_es.recommend.options import DENSE, LEXICAL
from xlrec_es.vectors.vector_index import DEFAULT

INDEX = "million"
WORDS = 20_000
LANGUAGES = ("de", "en", "fr", "ja", "zh")
EACH_S = 5.0
TURNS = 100


def make_model(folder: Path, dims: int) -> None:
    """A static encoder of words that are drawn."""
    # Any other text has the tokens of its bytes: a tokenizer that knows few words is refused.
    pieces = ["[UNK]", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [f"word{number}" for number in range(WORDS)]
    tokenizer = Tokenizer(Unigram([(piece, 0.0) for piece in pieces], unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = Whitespace()
    weights = torch.randn(len(pieces), dims, generator=torch.Generator().manual_seed(0))
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[module]).save(str(folder))


def write_items(path: Path, count: int) -> None:
    """Titles of 3 to 12 words, in five languages in turn."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            words = (
                f"word{int(draw.paretovariate(0.6)) % WORDS}" for _ in range(draw.randint(3, 12))
            )
            language = LANGUAGES[number % len(LANGUAGES)]
            record = {"id": f"w{number}", "language": language, "title": " ".join(words)}
            file.write(json.dumps(record) + "\n")


def resident_megabytes(pid: int) -> float:
    """Memory of a process that is there in RAM; Linux alone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [resident] = (line for line in lines if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024


def asked(client: Elasticsearch) -> Iterator[float]:
    """Milliseconds of one recommendation after another; NaN while there is nothing to ask."""
    draw = random.Random(1)
    recommender = Recommender(client, INDEX, options=Options(weights={DENSE: 0.75, LEXICAL: 0.25}))
    while True:
        history = History.of(f"w{number}" for number in draw.sample(range(5_000), 20))
        start = time.perf_counter()
        try:
            recommender.recommend(history, languages=["de", "fr"])
        except XlrecError:
            yield float("nan")
        else:
            yield 1000 * (time.perf_counter() - start)


def in_turns(client: Elasticsearch, index: str, calls: Iterator[float]) -> dict[str, float]:
    """Milliseconds of a recommendation and of a plain kNN search, of `TURNS` each in turns."""
    stored = client.get(index=index, id="w7", source_includes="xlrec.embedding")
    vector = stored["_source"]["xlrec"]["embedding"]
    knn = {"field": "xlrec.embedding", "query_vector": vector, "k": 50, "num_candidates": 100}
    plain, whole = [], []
    for _ in range(TURNS):
        start = time.perf_counter()
        client.search(index=index, knn=knn, source=False)
        plain.append(1000 * (time.perf_counter() - start))
        whole.append(next(calls))
    segments = client.indices.stats(index=index, metric="segments")["_all"]["primaries"]
    return {
        "segments": segments["segments"]["count"],
        "ms of a plain kNN search, p50": float(np.median(plain)),
        "ms of a recommendation, p50": float(np.nanmedian(whole)),
    }


def watched(worker: subprocess.Popen[str], calls: Iterator[float]) -> dict[str, list[float]]:
    """What is seen beside the worker until it ends."""
    found: dict[str, list[float]] = {"MB": [], "ms": []}
    while worker.poll() is None:
        found["MB"].append(resident_megabytes(worker.pid))
        found["ms"].append(next(calls))
        time.sleep(EACH_S)
    return found


def vectors_on_disk(client: Elasticsearch, index: str) -> int:
    """Bytes of an index's vectors and their graph."""
    answer = client.options(request_timeout=600).indices.disk_usage(
        index=index, run_expensive_tasks=True
    )
    return int(answer[index]["fields"]["xlrec.embedding"]["knn_vectors_in_bytes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=256)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running(heap="2g") as node:
        folder = Path(name)
        make_model(folder / "model", given.dims)
        write_items(folder / "items.jsonl", given.documents)
        command = [sys.executable, "-m", "ingest", "run", str(folder / "items.jsonl")]
        command += ["--index", INDEX, "--model", str(folder / "model"), "--quiet", "--json"]
        with connect(Connection(node.url)) as client:
            calls = asked(client)
            start = time.perf_counter()
            with subprocess.Popen(
                [*command, "--url", node.url], stdout=subprocess.PIPE, text=True
            ) as worker:
                seen = watched(worker, calls)
                assert worker.stdout is not None
                summary = json.loads(worker.stdout.read())
            seconds = time.perf_counter() - start
            live = find_live(client, INDEX)
            after = in_turns(client, live.name, calls)
            client.options(request_timeout=3600).indices.forcemerge(
                index=live.name, max_num_segments=1
            )
            merged = in_turns(client, live.name, calls)
            on_disk = vectors_on_disk(client, live.name)
            whole = client.indices.stats(index=live.name, metric="store")["_all"]["primaries"]
        found = report(given, seen, seconds, summary) | {
            "after it": after,
            "merged": merged,
            "vectors on disk, MB": on_disk / 1e6,
            "the same by doctor's estimate": given.documents * DEFAULT.disk_bytes(given.dims) / 1e6,
            "index on disk, MB": whole["store"]["size_in_bytes"] / 1e6,
        }
        print(json.dumps(found, indent=2))


def report(
    given: argparse.Namespace,
    seen: dict[str, list[float]],
    seconds: float,
    summary: dict[str, Any],
) -> dict[str, Any]:
    """The numbers of a run."""
    memory = np.array(seen["MB"][2:])  # when the libraries are there
    quarter = max(1, len(memory) // 4)
    return {
        "documents": summary["documents"],
        "dims": given.dims,
        "seconds": seconds,
        "documents a second": summary["documents"] / seconds,
        "bottleneck": summary["bottleneck"],
        "MB, mean of the second quarter": float(memory[quarter : 2 * quarter].mean()),
        "MB, mean of the last quarter": float(memory[-quarter:].mean()),
        "MB at most": float(memory.max()),
        "ms of a recommendation beside it, p50": float(np.nanmedian(seen["ms"])),
        "calls beside it": int(np.isfinite(seen["ms"]).sum()),
    }


if __name__ == "__main__":
    main()
