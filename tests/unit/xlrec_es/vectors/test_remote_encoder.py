"""The client of an encoder's endpoint, against servers that do what they should not."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from served import served
from xlrec_es.credentials import InsecureConnectionWarning
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.remote_encoder import RemoteEncoder

TOLD = {
    "model": "letters",
    "revision": "1",
    "dims": 2,
    "pooling": "mean",
    "prefix": "query: ",
    "max_tokens": 64,
}
SECRET = "planted-token"


class Scripted(ThreadingHTTPServer):
    """Answers `/encoder` and `/encode` with what it is given, byte for byte after the head."""

    def __init__(self) -> None:
        self.answers = {"/encoder": json.dumps(TOLD).encode()}
        self.status = 200
        self.location = ""
        self.pause_s = 0.0
        self.seen: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        with contextlib.suppress(OSError):  # who has heard enough hangs up
            for part in self.server.answers.get(self.path, b"").splitlines(keepends=True):
                self.wfile.write(part)
                time.sleep(self.server.pause_s)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    with served(server):
        yield server


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


def packed(*rows: list[float]) -> bytes:
    texts = [base64.b64encode(np.array(row, "<f4").tobytes()).decode() for row in rows]
    return json.dumps({"vectors": texts}).encode()


def test_vectors_come_as_they_were_sent(server: Scripted) -> None:
    server.answers["/encode"] = packed([1, 0], [0, 1])
    encoder = RemoteEncoder(server.url + "/", token=SECRET)
    np.testing.assert_array_equal(encoder.encode(["a", "b"]), np.eye(2, dtype=np.float32))
    assert server.seen == [(path, f"Bearer {SECRET}") for path in ("/encoder", "/encode")]


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[]",
        b"<html>",
        b"\xff",
        b"[" * 50_000,
        b"{}",
        json.dumps({**TOLD, "dims": "2"}).encode(),
        json.dumps({**TOLD, "dims": True}).encode(),
        json.dumps({**TOLD, "dims": 0}).encode(),
        json.dumps({**TOLD, "dims": 5000}).encode(),
        json.dumps({**TOLD, "model": None}).encode(),
    ],
)
def test_what_is_no_encoder_is_named(server: Scripted, told: bytes) -> None:
    server.answers["/encoder"] = told
    with pytest.raises(EncoderError, match="is no encoder"):
        RemoteEncoder(server.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b'{"vectors": 1}',
        b'{"vectors": [1]}',
        b'{"vectors": ["!"]}',
        b'{"vectors": ["AAA="]}',
        packed(),
        packed([1, 0], [0, 1]),
        packed([1, 0, 0]),
        packed([float("nan"), 0]),
    ],
)
def test_vectors_that_cannot_be_are_named(server: Scripted, answer: bytes) -> None:
    encoder = RemoteEncoder(server.url)
    server.answers["/encode"] = answer
    with pytest.raises(EncoderError, match="is no encoder"):
        encoder.encode(["a"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_follows_no_redirect(server: Scripted, status: int) -> None:
    with scripted() as other:
        server.status, server.location = status, other.url + "/encoder"
        with pytest.raises(EncoderError, match="sends elsewhere"):
            RemoteEncoder(server.url, token=SECRET)
        assert other.seen == []


def test_an_answer_without_end_is_given_up(server: Scripted) -> None:
    server.answers["/encoder"] = b" " * 10_000_000
    with pytest.raises(EncoderError, match="longer than 65536 bytes"):
        RemoteEncoder(server.url)


def test_an_answer_that_trickles_is_given_up(server: Scripted) -> None:
    server.answers["/encoder"], server.pause_s = b"\n" * 200, 0.2
    began = time.monotonic()
    with pytest.raises(EncoderError, match="takes too long"):
        RemoteEncoder(server.url, timeout_s=1.0)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_is_no_http_is_named(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            caller, _ = listening.accept()
            with caller:
                caller.recv(10_000)
                caller.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(EncoderError, match=r"no encoder at|is no encoder"):
            RemoteEncoder(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://planted:secret@encoder.example", None),
        ("planted:secret@encoder.example", None),
        ("https://encoder.example/?token=planted", None),
        ("encoder.example", None),
        ("file:///etc/hosts", None),
        ("http://", None),
        ("http://[::1", None),
        ("http://encoder.example:port", None),
        ("https://encoder.example", "planted\nsecret"),
        ("https://encoder.example", "plänted"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_no_secret_is_shown(
    url: str, token: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        RemoteEncoder(url, token=token)
    assert "planted" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_token_in_the_open_is_warned_of() -> None:
    with (
        pytest.warns(InsecureConnectionWarning, match="token goes to http://encoder.invalid"),
        pytest.raises(EncoderError, match="no encoder at"),
    ):
        RemoteEncoder("http://encoder.invalid:9600", token=SECRET)
