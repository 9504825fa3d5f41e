"""The encoder's service over real sockets: who is answered, what is refused, and what it costs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from encoder_service import Letters, Service, Slow, serving, until
from ingest.cli.main import main
from ingest.encode.server.application import LIMITS, MAX_BODY_BYTES, access_rules
from ingest.encode.server.encoding import MAX_TEXTS
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.service.web import connections, server
from xlrec_es.service.web.observation import UNDER_WAY
from xlrec_es.vectors.remote_encoder import RemoteEncoder
from xlrec_es.vectors.vector import Vector

TOKEN = "only-for-this-test"
WHOLE_HEAD = b"POST /encode HTTP/1.0\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"


class Wide(Letters):
    """Its answers are larger than what a socket keeps for its reader."""

    dims = 16_384

    def encode(self, texts: Sequence[str]) -> Vector:
        return np.ones((len(texts), self.dims), np.float32)


@pytest.fixture(params=[None, TOKEN])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with serving(token=request.param) as started:
        yield started


def test_encodes_as_the_encoder_itself(service: Service) -> None:
    remote = RemoteEncoder(service.url, token=service.token)
    assert (remote.model, remote.dims, remote.prefix) == ("letters", 26, "query: ")
    texts = ["board games", "Spiele", "ゲーム a"]
    np.testing.assert_array_equal(remote.encode(texts), Letters().encode(texts))
    many = [f"{chr(97 + n % 26)} {n}" for n in range(2 * MAX_TEXTS + 3)]
    np.testing.assert_array_equal(remote.encode(many), Letters().encode(many))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b'{"texts": []}', 400),
        (b'{"texts": "a"}', 400),
        (b'{"texts": [" "]}', 400),
        (b'{"texts": [1]}', 400),
        (json.dumps({"texts": ["a"] * (MAX_TEXTS + 1)}).encode(), 400),
        (b'{"texts": ["fail"]}', 500),
    ],
)
def test_bad_requests_are_named(service: Service, body: bytes, status: int) -> None:
    answer = service.request("POST", "/encode", body)
    assert answer.status == answer.json["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"] == answer.json["error"]["message"]
    assert service.encode("a").status == 200, "the service goes on"


def test_a_large_body_is_refused_unread(service: Service) -> None:
    answer = service.request(
        "POST", "/encode", b"", **{"Content-Length": str(MAX_BODY_BYTES + 1), "Connection": "close"}
    )
    assert answer.status == 413
    assert str(MAX_BODY_BYTES) in answer.json["detail"]


def test_a_wrong_token_is_refused() -> None:
    with serving(token=TOKEN) as service:
        for missing in (None, ""):
            with pytest.raises(EncoderError, match="refused: a token is needed"):
                RemoteEncoder(service.url, token=missing)
        with pytest.raises(EncoderError, match="refused: this service knows no such token"):
            RemoteEncoder(service.url, token="only-for-this-tes")
        assert RemoteEncoder(service.url, token=f"{TOKEN}\n").dims == 26, "as a file has it"
        for path in ("/encoder", "/v1/models", "/metrics"):
            assert service.request("GET", path).status == 200
            assert service.request("GET", path, Authorization="Bearer no").status == 401
        assert service.request("GET", "/healthz", Authorization="").json == {"status": "ok"}


def test_what_is_not_there_and_the_wrong_method(service: Service) -> None:
    for path in ("/", "/encode/", "//encode", "/docs"):
        assert service.request("POST", path, b"{}").status == 404
    assert service.request("GET", "/encode").status == 405


def test_requests_beyond_a_number_are_sent_away_and_the_rest_go_in_one_pass() -> None:
    encoder = Slow()
    with (
        serving(encoder, limits=replace(LIMITS, requests=8)) as service,
        ThreadPoolExecutor(8) as callers,
        encoder.going_at_last(),
    ):
        for _ in range(2):  # the places are free again after the first round
            encoder.may_go.clear()
            encoder.passes.clear()
            asked = [callers.submit(service.encode, "a") for _ in range(8)]
            until(lambda: UNDER_WAY._value.get() == 8)
            refused = service.encode("a")
            assert (refused.status, refused.headers["retry-after"]) == (429, "1")
            assert "8 requests are under way" in refused.json["detail"]
            assert service.request("GET", "/healthz").status == 200
            encoder.may_go.set()
            assert [one.result().status for one in asked] == [200] * 8
            assert sum(map(len, encoder.passes)) == 8
            assert len(encoder.passes) <= 3
    assert encoder.most_at_once == 1


@pytest.mark.parametrize("sent", [b"", b"POST /encode HTTP/1.0\r\n", WHOLE_HEAD + b'{"te'])
@pytest.mark.parametrize("pause_s", [60.0, 0.1], ids=["silent", "a byte now and then"])
def test_whoever_is_slow_to_ask_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, pause_s: float
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 1.0)
    with (
        serving(limits=replace(LIMITS, body_s=1.0)) as service,
        socket.create_connection(service.address) as caller,
    ):
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
        until(lambda: service.connections == 0)


def test_what_is_left_of_a_refused_body_keeps_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 1.0)
    with serving() as service, socket.create_connection(service.address) as caller:
        length = str(MAX_BODY_BYTES + 1).encode()
        caller.sendall(WHOLE_HEAD.replace(b"20", length).replace(b"1.0", b"1.1"))
        assert b" 413 " in caller.recv(4000).splitlines()[0]
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 20:
                caller.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began < 10
        until(lambda: service.connections == 0)


def test_whoever_does_not_take_the_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "DRAIN_S", 0.5)
    body = json.dumps({"texts": ["a"] * MAX_TEXTS}).encode()
    head = WHOLE_HEAD.replace(b"20", str(len(body)).encode())
    with serving(Wide()) as service, socket.create_connection(service.address) as caller:
        caller.sendall(head + body)
        until(lambda: service.connections == 1)
        until(lambda: service.connections == 0)


def test_who_asks_too_much_is_told_when_to_come_again() -> None:
    with serving(rate=0.001) as service:
        assert service.encode("a").status == 200
        answer = service.encode("a")
        assert answer.status == 429
        assert 900 < int(answer.headers["retry-after"]) <= 1000
        assert "come again" in answer.json["detail"]


@pytest.mark.parametrize(
    ("headers", "without", "with_token"),
    [
        ({"Host": "127.0.0.1:9600"}, 200, 200),
        ({"Host": "localhost"}, 200, 200),
        ({"Host": "LOCALHOST:7000"}, 200, 200),
        ({"Host": "[::1]:9600"}, 200, 200),
        ({"Host": "rebound.example:9600"}, 421, 200),  # a proxy may have any name
        ({"Host": "127.0.0.1.rebound.example"}, 421, 200),
        ({"Host": ""}, 421, 421),
        ({"Host": "localhost", "Origin": "https://other.example"}, 403, 403),
        ({"Host": "localhost", "Origin": "null"}, 403, 403),
    ],
)
def test_pages_of_other_sites_are_refused(
    headers: dict[str, str], without: int, with_token: int
) -> None:
    with serving() as service:
        assert service.encode("a", **headers).status == without
    with serving(token=TOKEN) as service:
        assert service.encode("a", **headers).status == with_token


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_token_is_none(blank: str) -> None:
    with pytest.raises(ConfigError, match="give a token"):
        access_rules("0.0.0.0", blank)
    assert access_rules("127.0.0.1", blank).tokens == ()


def test_the_command_takes_an_empty_token_for_none(tiny_model: Path) -> None:
    arguments = ["serve", "--model", str(tiny_model), "--host", "0.0.0.0", "--port", "0"]
    for given, variable in ((["--token", ""], {}), ([], {"XLREC_SERVE_TOKEN": " "})):
        done = CliRunner().invoke(main, [*arguments, *given], env=variable)
        assert (done.exit_code, "give a token (--token" in done.output) == (2, True), done.output


@pytest.mark.parametrize("token", ["pläntéd-of-a-good-length", "planted-short"])
def test_a_token_that_cannot_be_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ConfigError, match=r"token must be|is shorter than 16") as caught:
        access_rules("127.0.0.1", token)
    assert token not in str(caught.value)


def test_an_open_address_needs_a_token_and_a_taken_port_is_named(service: Service) -> None:
    with pytest.raises(ConfigError, match="give a token"):
        access_rules("0.0.0.0", None)
    with pytest.raises(ConfigError, match="cannot listen"):
        server.Address(*service.address).listen()


def test_what_is_encoded_is_counted(service: Service) -> None:
    service.encode("a", "b")
    told = service.request("GET", "/metrics").content.decode()
    assert re.search(r'^xlrec_http_requests_total\{path="/encode",status="200"\} [1-9]', told, re.M)
    assert re.search(r"^xlrec_encoder_texts_total [1-9]", told, re.M)


def under_way(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        told = answer.read().decode()
    [number] = re.findall(r"^xlrec_http_requests_under_way (\S+)$", told, re.M)
    return float(number) - 1  # this one


def test_sigterm_lets_what_is_asked_be_answered(tiny_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ingest", "serve", "--model", str(tiny_model), "--port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, env={**os.environ}, text=True
        )
        with process, ThreadPoolExecutor(8) as callers:
            line = process.stdout.readline() if process.stdout else ""
            [url] = re.findall(r"at (http://\S+);", line)
            remote = RemoteEncoder(url)
            asked = [callers.submit(remote.encode, ["chess"] * 200) for _ in range(8)]
            until(lambda: under_way(url) or any(one.done() for one in asked))
            process.send_signal(signal.SIGTERM)
            vectors = [one.result() for one in asked if one.exception() is None]
            assert vectors, "those that were accepted"
            assert all(len(rows) == 200 for rows in vectors)
            for one in asked:
                assert one.exception() is None or "no encoder at" in str(one.exception())
            assert process.wait(60) == 0
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
