"""A node with security of every version of Elasticsearch, one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from nodes import HEAP, VERSIONS
from secured_node import SETTINGS, Secured, delete_shop
from xlrec_es.node import running


@pytest.fixture(scope="session", params=VERSIONS)
def secured_server(request: pytest.FixtureRequest) -> Iterator[Secured]:
    """The node."""
    with running(version=request.param, settings=SETTINGS, heap=HEAP) as node:
        secured = Secured(node.connection)
        with contextlib.closing(secured.client):
            yield secured


@pytest.fixture
def secured_each(secured_server: Secured) -> Iterator[Secured]:
    """The node, on which no index `shop` is left behind."""
    yield secured_server
    delete_shop(secured_server)
