"""Where a service listens, and how its processes end."""

from __future__ import annotations

import gc
import socket

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp

from xlrec_es.service.web import server


def test_answers_are_sent_at_once() -> None:
    """asyncio turns Nagle's algorithm off where a socket says that it is of TCP."""
    with server.Address(port=0).listen() as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_what_is_there_at_the_start_is_not_looked_through_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thresholds: list[int] = []
    monkeypatch.setattr(gc, "set_threshold", thresholds.append)
    made = Response()

    def make() -> ASGIApp:
        return made

    try:
        assert server._settled(make) is made
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
    assert thresholds == [10_000]
