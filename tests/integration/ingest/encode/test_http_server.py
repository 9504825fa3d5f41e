"""The encoder's endpoint, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ingest.cli.main import main
from ingest.encode import http_server
from ingest.encode.http_server import (
    MAX_BODY_BYTES,
    MAX_CONNECTIONS,
    MAX_TEXTS,
    MAX_WAITING,
    EncoderServer,
)
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.remote_encoder import RemoteEncoder

TOKEN = "only-for-this-test"
ONE_TEXT = b'{"texts": ["a"]}'
WHOLE_HEAD = b"POST /encode HTTP/1.0\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"


class Letters:
    """A vector of letter counts; `fail` makes it fail as a model would."""

    model, revision, dims, pooling, prefix, max_tokens = "letters", "1", 26, "mean", "query: ", 64

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if "fail" in texts:
            raise EncoderError("out of memory")
        rows = np.stack([[text.count(chr(97 + n)) for n in range(26)] for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Wide(Letters):
    """Its answers are larger than what a socket keeps for its reader."""

    dims = 16_384

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), self.dims), np.float32)


def free(places: threading.BoundedSemaphore) -> int:
    return places._value


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def serving(encoder: Encoder | None = None, **options: object) -> Iterator[EncoderServer]:
    """A server that listens; `options` as `EncoderServer` takes them."""
    with EncoderServer(encoder or Letters(), port=0, **{"token": None, **options}) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=[None, TOKEN])
def server(request: pytest.FixtureRequest) -> Iterator[EncoderServer]:
    with serving(token=request.param) as server:
        yield server


def post(server: EncoderServer, body: bytes, **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=60)
    if server.token:
        headers = {"Authorization": f"Bearer {server.token}", **headers}
    with contextlib.closing(connection):
        connection.request("POST", "/encode", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_encodes_as_the_encoder_itself(server: EncoderServer) -> None:
    remote = RemoteEncoder(server.url, token=server.token)
    assert (remote.model, remote.dims, remote.prefix) == ("letters", 26, "query: ")
    texts = ["board games", "Spiele", "ゲーム a"]
    np.testing.assert_array_equal(remote.encode(texts), Letters().encode(texts))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"texts": []}', 400),
        (b'{"texts": "a"}', 400),
        (b'{"texts": [" "]}', 400),
        (b'{"texts": [1]}', 400),
        (json.dumps({"texts": ["a"] * (MAX_TEXTS + 1)}).encode(), 400),
        (b'{"texts": ["fail"]}', 500),
    ],
)
def test_bad_requests_are_named(server: EncoderServer, body: bytes, status: int) -> None:
    got, answer = post(server, body)
    assert got == status
    assert answer["error"]
    assert post(server, b'{"texts": ["a"]}')[0] == 200, "the server goes on"


def test_a_large_body_is_refused_unread(server: EncoderServer) -> None:
    status, answer = post(server, b"", **{"Content-Length": str(MAX_BODY_BYTES + 1)})
    assert status == 413
    assert str(MAX_BODY_BYTES) in answer["error"]


def test_a_wrong_token_is_refused() -> None:
    with serving(token=TOKEN) as server:
        for wrong in (None, "", "only-for-this-tes"):
            with pytest.raises(EncoderError, match="token is missing or wrong"):
                RemoteEncoder(server.url, token=wrong)
        assert RemoteEncoder(server.url, token=f"{TOKEN}\n").dims == 26, "as a file has it"


class Slow(Letters):
    """Encodes when it may, and counts how many do so at once."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.at_once = self.most_at_once = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        assert self.may_go.wait(60)
        time.sleep(0.01)  # a thread that does not wait for its turn would come in now
        self.at_once -= 1
        return super().encode(texts)


def test_requests_take_turns_and_more_than_may_wait_are_sent_away() -> None:
    encoder = Slow()
    with serving(encoder) as server, ThreadPoolExecutor(MAX_WAITING) as callers:
        for _ in range(2):  # the places are free again after the first round
            encoder.may_go.clear()
            asked = [callers.submit(post, server, ONE_TEXT) for _ in range(MAX_WAITING)]
            until(lambda: not free(server.waiting))
            status, answer = post(server, ONE_TEXT)
            assert (status, answer["error"]) == (429, "too many requests wait; come again")
            encoder.may_go.set()
            assert [one.result()[0] for one in asked] == [200] * MAX_WAITING
    assert encoder.most_at_once == 1


def test_a_failing_encoder_gives_its_place_back(server: EncoderServer) -> None:
    for _ in range(MAX_WAITING + 1):
        assert post(server, b'{"texts": ["fail"]}')[0] == 500
    assert post(server, ONE_TEXT)[0] == 200


@pytest.mark.parametrize("sent", [b"", b"POST /encode HTTP/1.0\r\n", WHOLE_HEAD + b'{"te'])
@pytest.mark.parametrize("pause_s", [60.0, 0.1], ids=["silent", "a byte now and then"])
def test_whoever_is_slow_to_ask_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, pause_s: float
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_DEADLINE_S", 1.0)
    with serving() as server, socket.create_connection(server.server_address[:2]) as caller:
        began = time.monotonic()
        caller.sendall(sent)
        caller.settimeout(pause_s)
        answer = b""
        while time.monotonic() - began < 20:
            with contextlib.suppress(TimeoutError):
                answer = caller.recv(1000)
                break
            caller.sendall(b"x")
        assert 0.9 < time.monotonic() - began < 10
        assert b"408" in answer or not answer
        until(lambda: free(server.connections) == MAX_CONNECTIONS)


def test_whoever_does_not_take_the_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SOCKET_TIMEOUT_S", 0.5)
    body = json.dumps({"texts": ["a"] * MAX_TEXTS}).encode()
    head = WHOLE_HEAD.replace(b"20", str(len(body)).encode())
    with serving(Wide()) as server, socket.create_connection(server.server_address[:2]) as caller:
        caller.sendall(head + body)
        until(lambda: free(server.connections) == MAX_CONNECTIONS - 1)
        until(lambda: free(server.connections) == MAX_CONNECTIONS)


def test_callers_beyond_a_number_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 2)
    with serving() as server:
        for _ in range(2):  # their places are free again after the first round
            with contextlib.ExitStack() as stack:
                for _ in range(2):
                    stack.enter_context(socket.create_connection(server.server_address[:2]))
                until(lambda: not free(server.connections))
                one_more = socket.create_connection(server.server_address[:2])
                assert stack.enter_context(one_more).recv(1000).startswith(b"HTTP/1.0 503 ")
            until(lambda: free(server.connections) == 2)
            assert post(server, ONE_TEXT)[0] == 200


def test_who_asks_too_much_is_told_when_to_come_again() -> None:
    with serving(rate=0.001) as server:
        assert post(server, ONE_TEXT)[0] == 200
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=60)
        connection.request("POST", "/encode", ONE_TEXT)
        answer = connection.getresponse()
        assert answer.status == 429
        assert 900 < int(answer.headers["Retry-After"]) <= 1000
        assert "come again" in json.loads(answer.read())["error"]
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:9600"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "LOCALHOST:7000"}, 200),
        ({"Host": "[::1]:9600"}, 200),
        ({"Host": "rebound.example:9600"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost", "Origin": "https://other.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
    ],
)
def test_without_a_token_pages_of_other_sites_are_refused(
    headers: dict[str, str], status: int
) -> None:
    with serving() as server:
        assert post(server, ONE_TEXT, **headers)[0] == status
    with serving(token=TOKEN) as server:  # which no such page knows: a proxy may have any name
        assert post(server, ONE_TEXT, **headers)[0] == 200


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_token_is_none(blank: str) -> None:
    with pytest.raises(ConfigError, match="give a token"):
        EncoderServer(Letters(), host="0.0.0.0", port=0, token=blank)
    with serving(token=blank) as server:
        assert server.token is None


def test_the_command_takes_an_empty_token_for_none(tiny_model: Path) -> None:
    arguments = ["serve", "--model", str(tiny_model), "--host", "0.0.0.0", "--port", "0"]
    for given, variable in ((["--token", ""], {}), ([], {"XLREC_SERVE_TOKEN": " "})):
        done = CliRunner().invoke(main, [*arguments, *given], env=variable)
        assert (done.exit_code, "give a token" in done.output) == (2, True), done.output


def test_a_token_that_no_header_carries_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="token must be") as caught:
        EncoderServer(Letters(), port=0, token="pläntéd")
    assert "nt" not in str(caught.value).replace("token must", "")


def test_an_open_address_needs_a_token_and_a_taken_port_is_named(server: EncoderServer) -> None:
    with pytest.raises(ConfigError, match="give a token"):
        EncoderServer(Letters(), host="0.0.0.0", port=0, token=None)
    with pytest.raises(ConfigError, match="cannot listen"):
        EncoderServer(Letters(), port=server.server_address[1], token=None)


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(EncoderError, match="xlrec-ingest serve"):
        RemoteEncoder("http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="http"):
        RemoteEncoder("file:///etc/hosts")
