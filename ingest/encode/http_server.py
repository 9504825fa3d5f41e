"""A small HTTP endpoint that encodes free texts, for query sides that have no torch.

    POST /encode   {"texts": ["..."]}  ->  {"vectors": ["<base64 of little-endian float32>"]}
    GET  /encoder  what encodes: the parts of the fingerprint that are the encoder's
    GET  /healthz  {"status": "ok"}

Loopback without a token; anywhere else a token is required (`Authorization: Bearer ...`). There is
no TLS: put it behind the proxy that you trust with the rest, which then is the one address that
asks, and the one to limit rates.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import logging
import math
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from ingest.encode.rate_limit import RateLimit
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.encoder import Encoder

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
MAX_TEXTS = 256
MAX_WAITING = 32
"""Requests that may wait for the encoder; more are answered 429."""

_SOCKET_TIMEOUT_S = 30


class EncoderServer(ThreadingHTTPServer):
    """Serves one encoder; requests take turns."""

    daemon_threads = True

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
            token: What callers must know; None on the loopback address alone.
            rate: Texts a second that one address may have encoded (see `RateLimit`); None: as
                many as there is time for.

        Raises:
            UsageError: The rate is not above zero.
            ConfigError: An address that others can reach, without a token; or it is taken.
        """
        if token is None and not _is_loopback(host):
            raise ConfigError(
                f"{host} can be reached by others: give a token (--token, XLREC_SERVE_TOKEN), or "
                "listen on 127.0.0.1"
            )
        self.encoder = encoder
        self.token = token
        self.limit = None if rate is None else RateLimit(rate, clock=time.monotonic)
        self.turn = threading.Lock()
        self.waiting = threading.BoundedSemaphore(MAX_WAITING)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, reason: str, *, wait_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = {} if wait_s is None else {"Retry-After": str(wait_s)}


class _Handler(BaseHTTPRequestHandler):
    server: EncoderServer
    timeout = _SOCKET_TIMEOUT_S  # a caller that sends nothing does not hold a thread for ever

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
            return True
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.server.token.encode()):
            return True
        self._answer(HTTPStatus.UNAUTHORIZED, {"error": "the token is missing or wrong"})
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
        logger.info("%s %s", self.address_string(), format % args)
