"""An encoder that runs elsewhere: the other side of `xlrec-ingest serve`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from xlrec_es.vectors.endpoint import Asking, Endpoint
from xlrec_es.vectors.vector import MAX_DIMS, Vector

BATCH_TEXTS = 256
"""Texts of one request."""

BATCH_BYTES = 768 * 1024
"""Of the texts of one request, if they are several; the server takes a body of 1 MiB."""

QUERY = "query"
"""The task of texts that are searched by, in place of documents."""

_OVERHEAD_BYTES = 64 * 1024  # of an answer, whatever else it holds
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("model", "revision", "pooling", "prefix"), str),
    **dict.fromkeys(("dims", "max_tokens"), int),
}


class RemoteEncoder:
    """An `Encoder` behind HTTP. Asks once, when made, what it is.

    Attributes:
        long_texts: Whether texts beyond `max_tokens` are cut off there (`truncate`) or encoded in
            windows (`chunk`).
        parallel: How many calls of `encode` it works at at once: the server puts them together.
        device: Where it runs: its address.
    """

    parallel = 4

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 10.0,
        retry_s: float = 0.0,
    ) -> None:
        """Ask the server what it encodes with.

        Args:
            url: As `xlrec-ingest serve` prints it.
            token: If it wants one.
            timeout_s: Seconds that a request may take.
            retry_s: Seconds within which a server that is busy, or away, is asked again.

        Raises:
            ConfigError: Not an http or https address, or no header can carry the token.
            EncoderError: It does not answer, or refuses, or it is no encoder.
        """
        self._endpoint = Endpoint(url, Asking(token, timeout_s=timeout_s, retry_s=retry_s))
        self.device = self._endpoint.url
        told = self._endpoint.ask("/encoder", max_bytes=_OVERHEAD_BYTES)
        if not all(type(told.get(name)) is kind for name, kind in _KINDS.items()):
            raise self._endpoint.not_understood()
        self.model: str = told["model"]
        self.revision: str = told["revision"]
        self.dims: int = told["dims"]
        self.pooling: str = told["pooling"]
        self.prefix: str = told["prefix"]
        self.text_prefix = _text_or_none(told.get("text_prefix"))  # older servers do not say
        self.license = _text_or_none(told.get("license"))
        self.max_tokens: int = told["max_tokens"]
        self.long_texts = str(told.get("long_texts", "truncate"))  # older servers do not say
        if not 0 < self.dims <= MAX_DIMS:
            raise self._endpoint.not_understood()

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts, in as many requests as it takes.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1.

        Raises:
            EncoderError: The server does not answer, or refuses, or answers something else.
        """
        return self._encode_all(texts, {})

    def encode_query(self, texts: Sequence[str]) -> Vector:
        """As `encode`, for free texts of users, which get `text_prefix`."""
        return self._encode_all(texts, {"task": QUERY})

    def _encode_all(self, texts: Sequence[str], task: Mapping[str, str]) -> Vector:
        made = [self._encode(batch, task) for batch in batches(texts, BATCH_TEXTS, BATCH_BYTES)]
        return np.concatenate(made) if made else np.zeros((0, self.dims), np.float32)

    def _encode(self, texts: Sequence[str], task: Mapping[str, str]) -> Vector:
        row_bytes = 4 * self.dims  # 4 letters of base64 for 3 bytes, and the quotation marks
        most = _OVERHEAD_BYTES + len(texts) * (2 * row_bytes + 4)
        body = {"texts": list(texts), **task}
        answer = self._endpoint.ask("/encode", body, max_bytes=most)
        packed = answer.get("vectors")
        try:
            rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in packed or ()]
        except (TypeError, ValueError) as error:
            raise self._endpoint.not_understood() from error
        if len(rows) != len(texts) or any(row.shape != (self.dims,) for row in rows):
            raise self._endpoint.not_understood()
        vectors = np.stack(rows).astype(np.float32)  # (n_texts, dims)
        if not np.isfinite(vectors).all():
            raise self._endpoint.not_understood()
        return vectors


def _text_or_none(told: object) -> str | None:
    return told if isinstance(told, str) else None


def batches(texts: Sequence[str], most_texts: int, most_bytes: int) -> Iterator[list[str]]:
    """Texts in parts of so many, and of so many bytes of JSON; a longer text is a part of its own.

    Yields:
        Parts, which are not empty, in order.
    """
    part: list[str] = []
    size = 0
    for text in texts:
        n_bytes = len(json.dumps(text)) + 2
        if part and (len(part) == most_texts or size + n_bytes > most_bytes):
            yield part
            part, size = [], 0
        part.append(text)
        size += n_bytes
    if part:
        yield part
