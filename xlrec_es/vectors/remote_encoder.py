"""An encoder that runs elsewhere: the other side of `xlrec-ingest serve`."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np

from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.vector import Vector


class RemoteEncoder:
    """An `Encoder` behind HTTP. Asks once, when made, what it is."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 10.0) -> None:
        """Ask the server what it encodes with.

        Args:
            url: As `xlrec-ingest serve` prints it.
            token: If it wants one.
            timeout_s: Seconds that a request may take.

        Raises:
            ConfigError: Not an http or https address.
            EncoderError: It does not answer, or refuses.
        """
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"the encoder's address {url!r} must begin with http:// or https://")
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        told = self._ask("/encoder", None)
        self.model: str = told["model"]
        self.revision: str = told["revision"]
        self.dims: int = told["dims"]
        self.pooling: str = told["pooling"]
        self.prefix: str = told["prefix"]
        self.max_tokens: int = told["max_tokens"]

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1.

        Raises:
            EncoderError: The server does not answer, or refuses.
        """
        packed = self._ask("/encode", {"texts": list(texts)})["vectors"]
        rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in packed]
        return np.stack(rows).astype(np.float32)

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read(1000).decode(errors="replace")
            raise EncoderError(f"the encoder at {self._url} refused: {reason}") from error
        except (OSError, ValueError) as error:
            raise EncoderError(
                f"no encoder at {self._url} ({error}); start one with: xlrec-ingest serve"
            ) from error
