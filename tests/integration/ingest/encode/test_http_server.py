"""The encoder's endpoint, over real sockets."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from ingest.encode.http_server import MAX_BODY_BYTES, MAX_TEXTS, EncoderServer
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.remote_encoder import RemoteEncoder

TOKEN = "only-for-this-test"


class Letters:
    """A vector of letter counts; `fail` makes it fail as a model would."""

    model, revision, dims, pooling, prefix, max_tokens = "letters", "1", 26, "mean", "query: ", 64

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if "fail" in texts:
            raise EncoderError("out of memory")
        rows = np.stack([[text.count(chr(97 + n)) for n in range(26)] for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=[None, TOKEN])
def server(request: pytest.FixtureRequest) -> Iterator[EncoderServer]:
    with EncoderServer(Letters(), port=0, token=request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(server: EncoderServer, body: bytes, **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    if server.token:
        headers = {"Authorization": f"Bearer {server.token}", **headers}
    connection.request("POST", "/encode", body, headers)
    answer = connection.getresponse()
    result = answer.status, json.loads(answer.read())
    connection.close()
    return result


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
    with EncoderServer(Letters(), port=0, token=TOKEN) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for wrong in (None, "", "only-for-this-tes"):
                with pytest.raises(EncoderError, match="token is missing or wrong"):
                    RemoteEncoder(server.url, token=wrong)
        finally:
            server.shutdown()
            thread.join()


def test_too_many_waiting_requests_are_sent_away(server: EncoderServer) -> None:
    while server.waiting.acquire(blocking=False):
        pass
    assert post(server, b'{"texts": ["a"]}')[0] == 429


def test_who_asks_too_much_is_told_when_to_come_again() -> None:
    with EncoderServer(Letters(), port=0, token=None, rate=0.001) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert post(server, b'{"texts": ["a"]}')[0] == 200
            connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
            connection.request("POST", "/encode", b'{"texts": ["a"]}')
            answer = connection.getresponse()
            assert answer.status == 429
            assert 900 < int(answer.headers["Retry-After"]) <= 1000
            assert "come again" in json.loads(answer.read())["error"]
            connection.close()
        finally:
            server.shutdown()
            thread.join()


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
