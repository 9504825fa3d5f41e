"""A small HTTP endpoint that encodes free texts, for query sides that have no torch.

    POST /encode   {"texts": ["..."]}  ->  {"vectors": ["<base64 of little-endian float32>"]}
    GET  /encoder  what encodes: the parts of the fingerprint that are the encoder's
    GET  /healthz  {"status": "ok"}

Loopback without a token; anywhere else a token is required (`Authorization: Bearer ...`). There is
no TLS: put it behind the proxy that you trust with the rest, which then is the one address that
asks, and the one to limit rates. Without a token, pages that a browser of this machine shows are
refused: they ask from a name that is not this machine's, or say where they are from.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import io
import logging
import math
import re
import socket
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from ingest.encode.rate_limit import RateLimit
from xlrec_es.credentials import is_loopback, parse_token
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.visible_text import visible

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
MAX_TEXTS = 256
MAX_WAITING = 32
"""Requests that may wait for the encoder; more are answered 429."""

MAX_CONNECTIONS = 128
"""Callers at one time, each of which has a thread; more are answered 503."""

REQUEST_DEADLINE_S = 30.0
"""Seconds within which a whole request must have come."""

SOCKET_TIMEOUT_S = 30.0
"""Seconds within which a caller must take the whole answer."""

_FULL = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class EncoderServer(ThreadingHTTPServer):
    """Serves one encoder; requests take turns."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS  # callers that come at once are not made to wait

    def __init__(
        self,
        encoder: Encoder,
        *,
        host: str = "127.0.0.1",
        port: int = 9600,
        token: str | None,
        rate: float | None = None,
    ) -> None:
        """Listen; `serve_forever` answers.

        Args:
            encoder: What encodes.
            host: Address to listen on.
            port: 0 for any free one.
            token: What callers must know; None, or blank, on the localhost alone.
            rate: Texts a second that one address may have encoded (see `RateLimit`); None: as
                many as there is time for.

        Raises:
            UsageError: The rate is not above zero.
            ConfigError: An address that others can reach, without a token; or it is taken. Or no
                header can carry the token.
        """
        token = parse_token(token)
        if token is None and not is_loopback(host):
            raise ConfigError(
                f"{host} can be reached by others: give a token (--token, XLREC_SERVE_TOKEN), or "
                "listen on 127.0.0.1"
            )
        self.encoder = encoder
        self.token = token
        self.limit = None if rate is None else RateLimit(rate, clock=time.monotonic)
        self.turn = threading.Lock()
        self.waiting = threading.BoundedSemaphore(MAX_WAITING)
        self.connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Begin a thread for a caller, if there is one left."""
        if not self.connections.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.setblocking(False)
                request.sendall(_FULL)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was begun
            self.connections.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Serve a caller."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release()


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a point in time, however little comes at once."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._socket = sock
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - the base's
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not come in time")
        self._socket.settimeout(left)
        try:
            return self._socket.recv_into(buffer)
        finally:
            self._socket.settimeout(SOCKET_TIMEOUT_S)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, reason: str, *, wait_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = {} if wait_s is None else {"Retry-After": str(wait_s)}


class _Handler(BaseHTTPRequestHandler):
    server: EncoderServer

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(SOCKET_TIMEOUT_S)
        self.rfile.close()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, REQUEST_DEADLINE_S))

    def do_GET(self) -> None:
        encoder = self.server.encoder
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, {"status": "ok"})
        elif self.path == "/encoder" and self._is_known():
            names = ("model", "revision", "dims", "pooling", "prefix", "max_tokens")
            self._answer(HTTPStatus.OK, {name: getattr(encoder, name) for name in names})
        elif self.path != "/encoder":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"nothing is at {self.path}"})

    def do_POST(self) -> None:
        if not self._is_known():
            return
        try:
            texts = self._read_texts()
            self._check_rate(len(texts))
            if not self.server.waiting.acquire(blocking=False):
                raise _Refused(
                    HTTPStatus.TOO_MANY_REQUESTS, "too many requests wait; come again", wait_s=1
                )
            try:
                with self.server.turn:
                    vectors = self.server.encoder.encode(texts)  # (n_texts, dims)
            finally:
                self.server.waiting.release()
        except _Refused as refused:
            self._answer(refused.status, {"error": str(refused)}, refused.headers)
        except EncoderError as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)})
        else:
            packed = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
            self._answer(HTTPStatus.OK, {"vectors": packed})

    def _is_known(self) -> bool:
        if self.server.token is None:
            return self._is_of_this_machine()
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.server.token.encode()):
            return True
        self._answer(HTTPStatus.UNAUTHORIZED, {"error": "the token is missing or wrong"})
        return False

    def _is_of_this_machine(self) -> bool:
        """Refuse pages of other sites, whose names may be made to stand for this machine."""
        name = re.sub(r":\d+$", "", self.headers.get("Host", ""))
        if is_loopback(name.lower()) and "Origin" not in self.headers:
            return True
        self._answer(
            HTTPStatus.FORBIDDEN,
            {"error": "without a token, programs of this machine alone are answered, by its name"},
        )
        return False

    def _check_rate(self, texts: int) -> None:
        limit = self.server.limit
        wait_s = 0.0 if limit is None else limit.wait_s(self.client_address[0], texts)
        if wait_s > 0:
            raise _Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"you have had as many texts as one may for now; come again in {wait_s:.1f} s",
                wait_s=math.ceil(wait_s),
            )

    def _read_texts(self) -> list[str]:
        if self.path != "/encode":
            raise _Refused(HTTPStatus.NOT_FOUND, f"nothing is at {self.path}")
        try:
            length = int(self.headers["Content-Length"])
        except (TypeError, ValueError):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing") from None
        if not 0 <= length <= MAX_BODY_BYTES:
            self.close_connection = True  # what is not read cannot be followed by a next request
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_BODY_BYTES} bytes, please"
            )
        try:
            body = orjson.loads(self.rfile.read(length))
        except TimeoutError as error:
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT, str(error)) from None
        except orjson.JSONDecodeError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"not JSON: {error}") from None
        texts = body.get("texts") if isinstance(body, dict) else None
        if (
            not isinstance(texts, list)
            or not all(isinstance(text, str) and text.strip() for text in texts)
            or not 1 <= len(texts) <= MAX_TEXTS
        ):
            raise _Refused(
                HTTPStatus.BAD_REQUEST,
                f'send {{"texts": [...]}} with 1 to {MAX_TEXTS} texts that are not empty',
            )
        return texts

    def _answer(
        self, status: HTTPStatus, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        payload = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the base's names
        """To the log, not to standard error; texts are never logged."""
        logger.info("%s %s", self.address_string(), visible(format % args))
