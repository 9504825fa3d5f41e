"""Where a service listens."""

from __future__ import annotations

import socket

from xlrec_es.service.web import server


def test_answers_are_sent_at_once() -> None:
    """asyncio turns Nagle's algorithm off where a socket says that it is of TCP."""
    with server.Address(port=0).listen() as listening:
        assert listening.proto == socket.IPPROTO_TCP
