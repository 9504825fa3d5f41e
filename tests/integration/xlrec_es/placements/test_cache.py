"""A change of a placement reaches every process within five seconds, and a call sees it whole."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from http_service import Service, service
from xlrec_es.placements.store import Store

WITHIN_S = 5.0
SIZES = (3, 5)
PINS = {3: "cooking-7", 5: "astronomy-5"}


@pytest.fixture
def name(es: Elasticsearch) -> Iterator[str]:
    name = f"xlrec-test-{uuid.uuid4().hex}"
    write_catalogue(es, name)
    yield name
    for index in es.indices.get(index=f"{name}*", expand_wildcards="all"):
        es.indices.delete(index=index)


@pytest.fixture
def served(name: str, es_url: str, tmp_path: Path) -> Iterator[Service]:
    arguments = ("-i", name, "--url", es_url, "--workers", "2")
    with service(tmp_path, *arguments, "--placements-index", f"{name}-placements") as started:
        yield started


def written(store: Store, name: str, size: int) -> int:
    definition = {"size": size, "pins": [{"item": PINS[size], "place": 1}]}
    return store.put(name, "row", definition, author="another process").current.number


def asked(served: Service) -> tuple[float, Any]:
    began = time.monotonic()
    answer = served.post("/v1/recommend", {"placement": "row"})
    assert answer.status == 200, answer.json
    return began, answer.json


def test_a_change_reaches_every_process_whole(
    es: Elasticsearch, served: Service, name: str
) -> None:
    assert len(psutil.Process(served.process.pid).children()) >= 2
    store = Store(es, f"{name}-placements")
    version = written(store, name, SIZES[0])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: asked(served), range(20)))  # both know the first version
        for size in (SIZES[1], SIZES[0]):
            version = written(store, name, size)
            at = time.monotonic()
            answers: list[tuple[float, Any]] = []
            while time.monotonic() - at < WITHIN_S + 1:
                answers += pool.map(lambda _: asked(served), range(8))
            late = [found for began, found in answers if began - at >= WITHIN_S]
            assert len(late) >= 8
            assert {found["placement"]["version"] for found in late} == {version}
            for _, found in answers:  # the size and the pin of one version
                assert found["items"][0]["id"] == PINS[len(found["items"])]
                is_new = found["placement"]["version"] == version
                assert (len(found["items"]) == size) == is_new
