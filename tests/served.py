"""Servers of the standard library that answer from a thread of the test's own process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from socketserver import BaseServer

# How often it looks whether it is to stop. By default it takes half a second to see that, which
# each of some hundred tests would wait for.
_LOOKS_EVERY_S = 0.01


@contextlib.contextmanager
def served(server: BaseServer) -> Iterator[None]:
    """Let a server answer for as long as the `with` block lasts, and close it afterwards."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(_LOOKS_EVERY_S,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
