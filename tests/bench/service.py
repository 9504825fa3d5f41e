"""What HTTP adds to a call of the library, and how the service bears many callers at once.

    PYTHONPATH=tests python tests/bench/service.py [--documents 30000] [--calls 300] [--seconds 60]

The synthetic catalogue of tests/bench/recommend.py, histories of 50, three target languages. In
turns: a call of the asynchronous library, and the same question over a kept connection; whether
the answers are equal is checked. Then callers who ask again as soon as they are answered, for so
many seconds; errors, times and the service's memory are told. Node, service and callers share the
machine. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
from synthetic_catalog import INDEX, TARGETS, write

from http_service import Service, service
from xlrec_es import AsyncRecommender, Connection, History, connect
from xlrec_es.cluster.connection import connect_async
from xlrec_es.node import running

HISTORY = 50
CALLERS = 64
MIB = 2**20


def question(rng: np.random.Generator, documents: int) -> dict[str, Any]:
    items = [f"w{number}" for number in rng.choice(documents, HISTORY, replace=False)]
    return {"history": items, "languages": list(TARGETS)}


async def in_turns(served: Service, url: str, documents: int, calls: int) -> dict[str, Any]:
    """Milliseconds of a call, by the library and over HTTP."""
    rng = np.random.default_rng(4)
    times: dict[str, list[float]] = {"library": [], "service": []}
    async with connect_async(Connection(url)) as client, aiohttp.ClientSession() as session:
        recommender = AsyncRecommender(client, INDEX)
        for number in range(calls + 50):
            asked = question(rng, documents)
            began = time.perf_counter()
            found = await recommender.recommend(
                History.of(asked["history"]), languages=asked["languages"]
            )
            between = time.perf_counter()
            async with session.post(f"{served.url}/v1/recommend", json=asked) as answer:
                told = await answer.json()
            ended = time.perf_counter()
            assert told == json.loads(json.dumps(dataclasses.asdict(found)))
            if number >= 50:  # warm
                times["library"].append(1000 * (between - began))
                times["service"].append(1000 * (ended - between))
    p50, p99 = (
        {name: float(np.quantile(of, q)) for name, of in times.items()} for q in (0.5, 0.99)
    )
    added = np.subtract(times["service"], times["library"])
    return {"p50 ms": p50, "p99 ms": p99, "added at p50 ms": float(np.median(added))}


async def crowd(served: Service, documents: int, seconds: float) -> dict[str, Any]:
    """Callers who ask again as soon as they are answered."""
    process = psutil.Process(served.process.pid)
    end = time.monotonic() + seconds
    times: list[float] = []
    statuses: dict[int, int] = {}
    memory = [process.memory_info().rss // MIB]

    async def caller(session: aiohttp.ClientSession, seed: int) -> None:
        rng = np.random.default_rng(seed)
        while time.monotonic() < end:
            asked = question(rng, documents)
            began = time.perf_counter()
            async with session.post(f"{served.url}/v1/recommend", json=asked) as answer:
                await answer.read()
            times.append(1000 * (time.perf_counter() - began))
            statuses[answer.status] = statuses.get(answer.status, 0) + 1

    async def watch() -> None:
        while True:
            await asyncio.sleep(seconds / 6)
            memory.append(process.memory_info().rss // MIB)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(caller(session, seed) for seed in range(CALLERS)))
        watching.cancel()
    return {
        "callers": CALLERS,
        "answers": statuses,
        "a second": len(times) / seconds,
        "p50 ms": float(np.quantile(times, 0.5)),
        "p99 ms": float(np.quantile(times, 0.99)),
        "memory MiB": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with running(heap="2g") as node, tempfile.TemporaryDirectory() as folder:
        with connect(Connection(node.url)) as client:
            write(client, given.documents)
        with service(Path(folder), "-i", INDEX, "--url", node.url) as served:
            alone = asyncio.run(in_turns(served, node.url, given.documents, given.calls))
            many = asyncio.run(crowd(served, given.documents, given.seconds))
    print(json.dumps({"in turns": alone, "many at once": many}, indent=1))


if __name__ == "__main__":
    main()
