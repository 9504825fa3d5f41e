"""What a service tells of itself: Prometheus's numbers, and a line for each request."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Collection
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of prometheus_client: folder where processes put their numbers together."""

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_OTHER = "other"

REQUESTS = Counter("xlrec_http_requests", "Requests answered.", ("path", "status"))
SECONDS = Histogram("xlrec_http_request_seconds", "Time of a request.", ("path",), buckets=_SECONDS)
UNDER_WAY = Gauge(
    "xlrec_http_requests_under_way", "Requests under way.", multiprocess_mode="livesum"
)


class Observed:
    """ASGI middleware that counts and logs. Logs have no ids, texts or parameters."""

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            paths: Those that numbers are kept for, with `{name}` for any part; all others are one.
        """
        self._app = app
        self._paths = frozenset(paths)
        self._patterns = [(compile_path(path)[0], path) for path in paths if "{" in path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._label(scope["path"])
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        UNDER_WAY.inc()
        try:
            await self._app(scope, receive, watched)
        finally:
            UNDER_WAY.dec()
            seconds = time.perf_counter() - began
            REQUESTS.labels(path, str(status)).inc()
            SECONDS.labels(path).observe(seconds)
            caller = scope.get("state", {}).get("caller", "-")
            logger.info("%s %s %d %d us %s", scope["method"], path, status, 1e6 * seconds, caller)

    def _label(self, path: str) -> str:
        """What a path is called: never by names in it, of which there may be any number."""
        if path in self._paths:
            return path
        return next((label for pattern, label in self._patterns if pattern.match(path)), _OTHER)


def metrics() -> Response:
    """All numbers, in Prometheus's text format; those of all processes."""
    if MULTIPROCESS not in os.environ:
        return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")
    _forget_dead(Path(os.environ[MULTIPROCESS]))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(
        generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def remove_numbers() -> None:
    """Delete what this process has counted, and all that is left with the last of several."""
    if MULTIPROCESS not in os.environ:
        return
    folder = Path(os.environ[MULTIPROCESS])
    for path in folder.glob("*_*.db"):
        if _process_of(path) == os.getpid() or not _is_alive(_process_of(path)):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others are still counting
        folder.rmdir()


def _forget_dead(folder: Path) -> None:
    """Take back what processes that were killed had under way."""
    for path in folder.glob("gauge_live*_*.db"):
        if not _is_alive(_process_of(path)):
            multiprocess.mark_process_dead(_process_of(path))  # type: ignore[no-untyped-call]


def _process_of(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks whether there is one
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
