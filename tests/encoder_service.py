"""The encoder's service in a thread of the test's own process, with an encoder that it chooses."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import uvicorn

from http_service import Answer
from ingest.encode.server.application import LIMITS, Application, access_rules
from ingest.encode.server.batching import Batching
from xlrec_es.errors import EncoderError
from xlrec_es.service.web import server
from xlrec_es.service.web.limits import Limits
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector


class Letters:
    """A vector of letter counts; `fail` makes it fail as a model would."""

    model, revision, dims, pooling, prefix, max_tokens = "letters", "1", 26, "mean", "query: ", 64

    def encode(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`."""
        if "fail" in texts:
            raise EncoderError("out of memory")
        rows = np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts])
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Vector = (rows / np.maximum(length, 1e-9)).astype(np.float32)
        return unit


class Slow(Letters):
    """Encodes when it may; remembers each pass, and how many were under way at once."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.at_once = self.most_at_once = 0
        self.passes: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`."""
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.passes.append(list(texts))
        assert self.may_go.wait(60)
        self.at_once -= 1
        return super().encode(texts)

    @contextlib.contextmanager
    def going_at_last(self) -> Iterator[None]:
        """Let go of who waits, whatever happens: a test that fails is to end."""
        try:
            yield
        finally:
            self.may_go.set()


@dataclass(frozen=True)
class Service:
    """A service that listens."""

    url: str
    token: str | None
    uvicorn: uvicorn.Server = field(repr=False)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    @property
    def connections(self) -> int:
        return len(self.uvicorn.server_state.connections)

    def request(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own; what is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        with contextlib.closing(http.client.HTTPConnection(*self.address, timeout=60)) as asking:
            asking.request(method, path, content, headers)
            answer = asking.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())

    def encode(self, *texts: str, **headers: str) -> Answer:
        return self.request("POST", "/encode", {"texts": texts}, **headers)


@contextlib.contextmanager
def serving(
    encoder: Encoder | None = None,
    *,
    token: str | None = None,
    limits: Limits = LIMITS,
    rate: float | None = None,
    batching: Batching | None = None,
) -> Iterator[Service]:
    """A service on the localhost, stopped afterwards."""
    access = access_rules("127.0.0.1", token)
    application = Application(encoder or Letters(), access, limits, rate, batching or Batching())
    listening = server.Address(port=0).listen()
    running = uvicorn.Server(server.configured(application))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until(lambda: running.started)
        yield Service(server.url_of(listening), token, running)
    finally:
        running.should_exit = True
        thread.join()
        listening.close()


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
