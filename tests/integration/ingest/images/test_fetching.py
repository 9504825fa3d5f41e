"""Addresses of pictures: hosts that are allowed, redirects, sizes and times, on a real server."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from image_models import as_bytes, picture
from ingest.images import fetching
from ingest.images.decoding import MAX_BYTES, BadPicture
from ingest.images.fetching import Fetcher
from ingest.images.options import ImageOptions
from served import served
from tls_server import TlsServer

PNG = as_bytes(picture(0))


class Pictures(ThreadingHTTPServer):
    """Gives a picture, or what its path says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Say nothing: callers hang up."""


class Handler(BaseHTTPRequestHandler):
    server: Pictures

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host']} {self.path}")
        kind, _, rest = self.path.removeprefix("/").partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
            return
        if kind == "loop":
            self.send_response(301)
            self.send_header("Location", f"/loop/{int(rest or 0) + 1}")
            self.end_headers()
            return
        if kind in ("slow", "continue"):
            self.dawdle(b"x" if kind == "slow" else b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.send_response(404 if kind == "missing" else 200)
        self.end_headers()
        with contextlib.suppress(OSError):
            if kind == "endless":
                while True:
                    self.wfile.write(bytes(1024 * 1024))
            if kind == "drip":
                for _ in range(100):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.05)
            self.wfile.write(PNG)

    def dawdle(self, sent: bytes) -> None:
        """Send what begins an answer for ever, and never what ends its header."""
        if sent == b"x":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.wfile.write(sent)
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    with Pictures() as server, served(server):
        yield server


def fetcher(*hosts: str) -> Fetcher:
    return Fetcher(ImageOptions("icon", "model", hosts=hosts))


def test_a_host_that_is_allowed_is_asked(pictures: Pictures) -> None:
    assert fetcher(pictures.host).fetch(f"http://{pictures.host}/a/b.png?size=3") == PNG
    assert pictures.asked == [f"{pictures.host} /a/b.png?size=3"]


def test_no_other_host_is_asked(pictures: Pictures) -> None:
    address = f"http://{pictures.host}/a.png"
    for hosts in ((), ("cdn.example.com",), ("127.0.0.1",), ("127.0.0.1:1",)):
        with pytest.raises(BadPicture, match=f"pictures of {pictures.host} are not fetched"):
            fetcher(*hosts).fetch(address)
    assert pictures.asked == []


def test_a_name_of_a_private_network_needs_its_address_allowed_too(pictures: Pictures) -> None:
    named = f"localhost:{pictures.server_port}"
    with pytest.raises(BadPicture, match=r"localhost is (127\.0\.0\.1|::1), an address of a priv"):
        fetcher(named).fetch(f"http://{named}/a.png")
    assert pictures.asked == []
    allowed = (named, pictures.host, f"[::1]:{pictures.server_port}")
    with contextlib.suppress(BadPicture):  # where localhost is ::1 first, no server listens there
        assert fetcher(*allowed).fetch(f"http://{named}/a.png") == PNG
        assert pictures.asked == [f"{named} /a.png"]


def test_redirects_lead_to_allowed_hosts_alone(pictures: Pictures) -> None:
    mine = fetcher(pictures.host)
    assert mine.fetch(f"http://{pictures.host}/to//a.png") == PNG
    assert mine.fetch(f"http://{pictures.host}/to/http://{pictures.host}/a.png") == PNG
    for place, reason in (
        ("http://169.254.169.254/latest", "pictures of 169.254.169.254 are not fetched"),
        (f"http://localhost:{pictures.server_port}/", "pictures of localhost:.* are not fetched"),
        ("file:///etc/hostname", "is no http or https address"),
        ("ftp://a.b/c", "is no http or https address"),
    ):
        with pytest.raises(BadPicture, match=reason):
            mine.fetch(f"http://{pictures.host}/to/{place}")
    with pytest.raises(BadPicture, match="the end of more than 5 redirects"):
        mine.fetch(f"http://{pictures.host}/loop/")
    assert sum("/loop/" in asked for asked in pictures.asked) == 6


def test_no_more_is_read_than_a_picture_may_have(pictures: Pictures) -> None:
    found = fetcher(pictures.host).fetch(f"http://{pictures.host}/endless")
    assert MAX_BYTES < len(found) <= MAX_BYTES + 64 * 1024


@pytest.mark.parametrize("kind", ["drip", "slow", "continue"])
def test_a_server_that_takes_its_time_is_left(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.raises(BadPicture, match=r"takes more than"):
        fetcher(pictures.host).fetch(f"http://{pictures.host}/{kind}")
    assert time.monotonic() - start < 3


def test_a_host_is_asked_at_the_next_of_its_addresses(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = pictures.server_port
    resolve = socket.getaddrinfo

    def of_the_name(host: str, *rest: object, **options: object) -> list[Any]:
        names = ["127.0.0.2", "127.0.0.1"] if host == "bücher.test" else [host]
        return [one for name in names for one in resolve(name, *rest, **options)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", of_the_name)
    mine = fetcher(f"bücher.test:{port}", pictures.host, f"127.0.0.2:{port}")
    assert mine.fetch(f"http://bücher.test:{port}/a.png") == PNG
    assert pictures.asked == [f"xn--bcher-kva.test:{port} /a.png"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("http://{}/missing", "answers with status 404"),
        ("http://user@{}/a.png", "has a user name in it"),
        ("http://{}:99999/", "cannot be had|no host"),
        ("http://[::1", "cannot be had"),
        ("http://", "is no http or https address"),
    ],
)
def test_what_cannot_be_had_is_told(pictures: Pictures, path: str, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        fetcher(pictures.host).fetch(path.format(pictures.host))


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with TlsServer() as server, served(server):
        server.show("server")
        host = server.url.removeprefix("https://")
        with pytest.raises(BadPicture, match=r"cannot be had: .*certificate"):
            fetcher(host).fetch(f"{server.url}/a.png")
        assert server.headers == []
