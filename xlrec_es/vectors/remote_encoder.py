"""An encoder that runs elsewhere: the other side of `xlrec-ingest serve`."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import orjson

from xlrec_es.credentials import (
    InsecureConnectionWarning,
    check_address,
    goes_in_the_open,
    parse_token,
)
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import Vector

MAX_DIMS = 4096
"""What Elasticsearch's `dense_vector` holds."""

_OVERHEAD_BYTES = 64 * 1024  # of an answer, whatever else it holds
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("model", "revision", "pooling", "prefix"), str),
    **dict.fromkeys(("dims", "max_tokens"), int),
}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: it would send the token to the address in it."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the base's
        return None


class RemoteEncoder:
    """An `Encoder` behind HTTP. Asks once, when made, what it is."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 10.0) -> None:
        """Ask the server what it encodes with.

        Args:
            url: As `xlrec-ingest serve` prints it.
            token: If it wants one.
            timeout_s: Seconds that a request may take.

        Raises:
            ConfigError: Not an http or https address, or no header can carry the token.
            EncoderError: It does not answer, or refuses, or it is no encoder.
        """
        check_address(url, whose="the encoder's")
        self._url = url.rstrip("/")
        self._token = parse_token(token)
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(_NoRedirects)
        if self._token is not None and goes_in_the_open(url):
            warnings.warn(
                f"the encoder's token goes to {self._url} in the open: anyone in between can "
                "read it. Put the encoder behind a proxy that speaks https",
                InsecureConnectionWarning,
                stacklevel=2,
            )
        told = self._ask("/encoder", None, max_bytes=_OVERHEAD_BYTES)
        if not all(type(told.get(name)) is kind for name, kind in _KINDS.items()):
            raise self._not_understood()
        self.model: str = told["model"]
        self.revision: str = told["revision"]
        self.dims: int = told["dims"]
        self.pooling: str = told["pooling"]
        self.prefix: str = told["prefix"]
        self.max_tokens: int = told["max_tokens"]
        if not 0 < self.dims <= MAX_DIMS:
            raise self._not_understood()

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1.

        Raises:
            EncoderError: The server does not answer, or refuses, or answers something else.
        """
        row_bytes = 4 * self.dims  # 4 letters of base64 for 3 bytes, and the quotation marks
        most = _OVERHEAD_BYTES + len(texts) * (2 * row_bytes + 4)
        packed = self._ask("/encode", {"texts": list(texts)}, max_bytes=most).get("vectors")
        try:
            rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in packed or ()]
        except (TypeError, ValueError) as error:
            raise self._not_understood() from error
        if len(rows) != len(texts) or any(row.shape != (self.dims,) for row in rows):
            raise self._not_understood()
        vectors = np.stack(rows).astype(np.float32)  # (n_texts, dims)
        if not np.isfinite(vectors).all():
            raise self._not_understood()
        return vectors

    def _ask(self, path: str, body: dict[str, Any] | None, *, max_bytes: int) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                answer = orjson.loads(_read(response, max_bytes, deadline))
        except urllib.error.HTTPError as error:
            raise EncoderError(f"the encoder at {self._url} {_reason(error)}") from error
        except orjson.JSONDecodeError as error:
            raise self._not_understood() from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise EncoderError(
                f"no encoder at {self._url} ({error}); start one with: xlrec-ingest serve"
            ) from error
        if not isinstance(answer, dict):
            raise self._not_understood()
        return answer

    def _not_understood(self) -> EncoderError:
        return EncoderError(
            f"what answers at {self._url} is no encoder, or one of another version; give the "
            "address that xlrec-ingest serve prints"
        )


def _read(response: BinaryIO, max_bytes: int, deadline: float) -> bytes:
    """The whole answer, unless it is too long or takes too long."""
    parts, size = [], 0
    while part := response.read1(64 * 1024):  # type: ignore[attr-defined] # as it comes
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise ValueError(f"its answer is longer than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("its answer takes too long")
    return b"".join(parts)


def _reason(error: urllib.error.HTTPError) -> str:
    """What a server says that does not answer with 200."""
    with error:
        if error.code in (301, 302, 303, 307, 308):
            return "sends elsewhere; give the address that it stands for itself"
        try:
            said = error.read(1000).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            said = ""
    return f"refused: {said or error.code}"
