"""A proxy in front of a real Elasticsearch that does to requests what networks do."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from served import served

Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    Attributes:
        forward: Whether the server gets it.
        status: Answered in place of the server's own answer; None for no answer at all.
        body: Goes with the status.
        edit: Changes the items (of a bulk request; else the responses) of the server's own answer,
            where there is no `status`.
        wait_s: Pause before the answer.
        cut: Where the connections to both sides break: half through the `request`, while the server
            is `applying` it, or half through the `answer`.
    """

    forward: bool = True
    status: int | None = None
    body: bytes = b"{}"
    edit: Callable[[Items], Items] | None = None
    wait_s: float = 0.0
    cut: str = ""


DROPPED_BEFORE = Fault(forward=False)
DROPPED_AFTER = Fault()


@dataclass
class FaultProxy:
    """The proxy: its address, to which requests it is to go wrong, and what has passed."""

    url: str = ""
    path: str = "_bulk"
    faults: list[Fault] = field(default_factory=list)
    bulk_sizes: list[int] = field(default_factory=list)
    when: Callable[[bytes], Fault | None] = lambda _body: None
    under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, change: int) -> None:
        """Note that requests have come to be, or are no longer, under way."""
        with self._lock:
            self.under_way += change

    def next_fault(self, body: bytes) -> Fault | None:
        """The fault of this request, if any."""
        self.bulk_sizes.append(body.count(b"\n") // 2)
        return self.faults.pop(0) if self.faults else self.when(body)


class Handler(BaseHTTPRequestHandler):
    """Passes requests on, some with their faults."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on an open connection takes 40 ms more
    proxy: FaultProxy
    host: str

    def handle_any(self) -> None:
        self.proxy.count(1)
        try:
            self.handle_one()
        finally:
            self.proxy.count(-1)

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        meant = urlsplit(self.path).path.endswith(self.proxy.path)
        fault = self.proxy.next_fault(body) if meant else None
        if fault is None:
            self.reply(*self.forward(body))
            return
        if fault.cut in ("request", "applying"):
            self.leave(body if fault.cut == "applying" else body[: len(body) // 2])
            self.close_connection = True
            return
        answer = self.forward(body) if fault.forward else None
        time.sleep(fault.wait_s)
        if fault.status is not None:
            self.reply(fault.status, {}, fault.body)
        elif fault.cut and answer:
            status, headers, content = answer
            self.reply(status, headers, content[: len(content) // 2], size=len(content))
            self.close_connection = True
        elif fault.edit and answer:
            status, headers, content = answer
            name = "items" if self.proxy.path == "_bulk" else "responses"
            edited = {name: fault.edit(json.loads(content)[name])}
            self.reply(status, headers, json.dumps(edited).encode())
        else:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with closing(http.client.HTTPConnection(self.host, timeout=30)) as connection:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def leave(self, body: bytes) -> None:
        """Send this much to the server, and hear no answer."""
        with closing(http.client.HTTPConnection(self.host, timeout=30)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)

    def reply(
        self, status: int, headers: dict[str, str], body: bytes, *, size: int | None = None
    ) -> None:
        kind = "text/html" if body.startswith(b"<") else "application/json"
        kept = {"x-elastic-product": "Elasticsearch", "content-type": kind}
        kept |= {k.lower(): v for k, v in headers.items() if k.lower() in kept}
        self.send_response(status)
        for name, value in kept.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if size is None else size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def fault_proxy(target: str, path: str = "_bulk") -> Iterator[FaultProxy]:
    """Run a proxy in front of the Elasticsearch at this URL; requests to this path are at risk."""
    proxy = FaultProxy(path=path)
    handler = type("Bound", (Handler,), {"proxy": proxy, "host": urlsplit(target).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    with served(server):
        yield proxy
