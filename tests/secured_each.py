"""A node with security of every version of Elasticsearch, each started once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from nodes import VERSIONS, small_node
from secured_node import SETTINGS, Secured, delete_shop


@pytest.fixture(scope="session")
def secured_of_version() -> Iterator[Callable[[str], Secured]]:
    """Starts a version's node when it is first asked for. It stays for the tests that follow."""
    started: dict[str, Secured] = {}
    with contextlib.ExitStack() as stack:

        def of_version(version: str) -> Secured:
            if version not in started:
                node = stack.enter_context(small_node(version, settings=SETTINGS))
                started[version] = Secured(node.connection)
                stack.enter_context(contextlib.closing(started[version].client))
            return started[version]

        yield of_version


@pytest.fixture(scope="session", params=VERSIONS)
def secured_server(
    request: pytest.FixtureRequest, secured_of_version: Callable[[str], Secured]
) -> Secured:
    """The node."""
    return secured_of_version(request.param)


@pytest.fixture
def secured_each(secured_server: Secured) -> Iterator[Secured]:
    """The node, on which no index `shop` is left behind."""
    yield secured_server
    delete_shop(secured_server)
