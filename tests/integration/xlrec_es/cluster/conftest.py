"""The node with security, and the index `shop` on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from nodes import VERSIONS
from secured_node import OTHERS, Secured, delete_shop
from xlrec_es.cluster.connection import connect


@pytest.fixture(scope="module")
def secured(secured_of_version: Callable[[str], Secured]) -> Iterator[Secured]:
    """With indices that no key for `shop` may touch."""
    secured = secured_of_version(VERSIONS[0])
    for other in OTHERS:
        secured.client.indices.create(index=other)
    yield secured
    for other in OTHERS:
        secured.client.indices.delete(index=other)


@pytest.fixture
def shop(secured: Secured) -> Iterator[Secured]:
    """With a catalogue as the index `shop`, and nothing else under its name."""
    write_catalogue(secured.client, "shop")
    yield secured
    delete_shop(secured)


@pytest.fixture
def client_of(secured: Secured) -> Iterator[Callable[[str], Elasticsearch]]:
    with contextlib.ExitStack() as stack:
        yield lambda kind: stack.enter_context(connect(secured.as_(kind)))
