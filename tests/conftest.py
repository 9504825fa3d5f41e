"""What the tests share: an environment without this program's variables, and Elasticsearch.

A node that cannot be had is a failure: a green run must not hide that nothing was tried.
"""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from nodes import LEFT_OUT, VERSIONS, small_node
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.interactions.likes import Likes, read_likes

pytest_plugins = ["longest_first", "no_skips", "secured_each", "tiny_model"]

PREFIX = "xlrec-test-"
GIVEN_URL = os.environ.get("XLREC_ES_TEST_URL")

# A run under nohup or in the background has these ignored, and so has every process that it starts:
# a test that sends one to a child would wait for ever.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# What a developer has set for daily work is not what the tests are about; the cache may stay.
for name in [name for name in os.environ if name.startswith("XLREC_") and name != "XLREC_CACHE"]:
    del os.environ[name]
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may depend on what a model hub serves today
# Models of tests are tiny, and other processes use the machine too. Two threads of torch then wait
# for each other, busily: on a machine at work, training took ten times the processor time. Set
# before torch is imported, and for each process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_report_header() -> str:
    if GIVEN_URL:
        return f"elasticsearch: {GIVEN_URL} (XLREC_ES_TEST_URL)"
    note = f"; no Java for {', '.join(LEFT_OUT)}" if LEFT_OUT else ""
    return f"elasticsearch: {', '.join(VERSIONS)}{note}"


@pytest.fixture(scope="session")
def es_url() -> Iterator[str]:
    """The cluster that XLREC_ES_TEST_URL names, or a node of the newest server."""
    if GIVEN_URL:
        yield GIVEN_URL
        return
    with small_node() as info:
        yield info.url


@pytest.fixture(scope="session")
def oldest_es_url() -> Iterator[str]:
    """A node of the oldest supported server."""
    with small_node(VERSIONS[-1]) as info:
        yield info.url


@pytest.fixture(scope="session")
def es(es_url: str) -> Iterator[Elasticsearch]:
    with contextlib.closing(connect(Connection(es_url))) as client:
        yield client


@pytest.fixture(params=["given"] if GIVEN_URL else VERSIONS)
def es_each(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """One client after another: every version of Elasticsearch that can be tested here."""
    newest = request.param in ("given", VERSIONS[0])
    url = request.getfixturevalue("es_url" if newest else "oldest_es_url")
    with contextlib.closing(connect(Connection(url))) as client:
        yield client


@pytest.fixture
def index_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of this test's own; indices whose names begin with it are deleted afterwards."""
    clients = [
        request.getfixturevalue(name) for name in ("es", "es_each") if name in request.fixturenames
    ]
    name = f"{PREFIX}{uuid.uuid4().hex}"
    yield name
    for client in clients:
        # One by one: Elasticsearch refuses to delete by wildcard.
        for index in client.indices.get(index=f"{name}*", expand_wildcards="all"):
            client.indices.delete(index=index)


@pytest.fixture
def likes(tmp_path: Path) -> Likes:
    """Forty users like all five works, one a day."""
    rows = [
        f"p{user},{work},2026-01-{day + 1:02}"
        for user in range(40)
        for day, work in enumerate("abcde")
    ]
    path = tmp_path / "likes.csv"
    path.write_text("user,item,time\n" + "\n".join(rows))
    return read_likes(path, dict(zip("abcde", "abcde", strict=True)))
