"""An encoder behind an OpenAI-compatible service, or Elasticsearch's inference."""

from __future__ import annotations

import threading
import urllib.error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors import probe
from xlrec_es.vectors.endpoint import Asking, Endpoint
from xlrec_es.vectors.remote_encoder import batches
from xlrec_es.vectors.vector import MAX_DIMS, Vector

INFERENCE = "/_inference/"
"""What the address of Elasticsearch's inference has in it."""

CHARACTERS_OF_A_TOKEN = 4
"""English has about four; other scripts have fewer, so that more tokens than asked for are sent."""

_BATCH_BYTES = 768 * 1024
_LEAST_CHARACTERS = 32  # a shorter text is refused for another reason than its length
_TOO_LONG = (400, 413, 422)  # what services answer to a text of more tokens than they take
_OVERHEAD_BYTES = 64 * 1024  # of an answer, whatever else it holds
_NUMBER_BYTES = 32  # of one number in an answer, with what stands between them
_MOST_MODELS_TOLD = 5
_MOST_CUT = 4
"""Of vectors that are cut, numbers that may come for each one that an index can hold."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a service is asked for vectors.

    Attributes:
        api_key: What it must be told; None: nothing.
        prefix: What is put before each text here; None: nothing. What the service itself puts there
            comes on top.
        text_prefix: What is put before each free text of a user; None: the prefix.
        max_tokens: Four times as many characters of a text are sent.
        dims: What vectors are cut to, of a model that was trained for it (Matryoshka): by the
            service where it can, else here. None: not.
        batch_texts: Of one request. 32 is the most that text-embeddings-inference takes unless it
            is told otherwise.
        timeout_s: Seconds that one request may take.
        retry_s: Seconds within which a service that is busy, or away, is asked again.
    """

    api_key: str | None = field(default=None, repr=False)
    prefix: str | None = None
    text_prefix: str | None = None
    max_tokens: int = 128
    dims: int | None = None
    batch_texts: int = 32
    timeout_s: float = 10.0
    retry_s: float = 2.0


DEFAULTS = ServiceOptions()


class OpenAIEncoder:
    """An `Encoder` behind a service. Asks, when made, for the vectors of a few fixed texts.

    Attributes:
        tokens: Encoded so far, where the service tells; for whoever watches.
        parallel: How many calls of `encode` it works at at once.
        device: Where it runs: its address.
    """

    pooling = "service"

    def __init__(
        self, url: str, model: str | None = None, *, options: ServiceOptions = DEFAULTS
    ) -> None:
        """Find out what encodes there.

        Args:
            url: Of what `/embeddings` is below, such as `http://localhost:8080/v1`; or of an
                endpoint of Elasticsearch's inference, with `_inference/text_embedding/` in it.
            model: Its name there; None for the only one. Elasticsearch's endpoint has one.
            options: How it is asked.

        Raises:
            ConfigError: Not an http or https address, or no header can carry the key; or the model
                is to be named.
            EncoderError: It does not answer, or refuses, or it is no encoder; or its vectors cannot
                be cut as they are to be.
        """
        self._is_inference = INFERENCE in url
        asking = Asking(
            options.api_key,
            scheme="ApiKey" if self._is_inference else "Bearer",
            timeout_s=options.timeout_s,
            retry_s=options.retry_s,
            advice="is it started, and does the address end as it must, in /v1 for most?",
        )
        self._endpoint = Endpoint(url, asking)
        self.device = self._endpoint.url
        self._options = options
        self._lock = threading.Lock()  # several threads may encode at once
        self.tokens = 0
        self.parallel = 4
        self.prefix = options.prefix or ""
        self.text_prefix = self.prefix if options.text_prefix is None else options.text_prefix
        self.max_tokens = options.max_tokens
        if self._is_inference:
            self.model = model or urlsplit(self._endpoint.url).path.rpartition("/")[2]
        else:
            self.model = model or self._only_model()
        self._answered = 0  # numbers of a vector, until the first answer tells
        self._wanted = options.dims
        vectors = self._first()
        self.dims = vectors.shape[1]
        self.revision = probe.sketch(vectors)

    def _first(self) -> Vector:
        """The vectors of the fixed texts, which tell how long all are.

        Raises:
            EncoderError: The service does not answer, or refuses, or cannot cut them so.
        """
        wanted = self._wanted
        try:
            vectors = self._encode_all(probe.TEXTS)
        except EncoderError as error:
            if wanted is None or _status(error) not in _TOO_LONG:
                raise
            self._wanted, self._answered = None, 0
            self._encode_all(probe.TEXTS)  # or it refuses for another reason, and says which
            raise EncoderError(
                f"the model {self.model} at {self.device} gives no vectors of {wanted} dimensions "
                f"({error}), and {self._answered} by itself; leave --dims out"
            ) from error
        if wanted is not None and vectors.shape[1] < wanted:
            raise EncoderError(
                f"the model {self.model} at {self.device} has {self._answered} dimensions, so its "
                f"vectors cannot be cut to {wanted}"
            )
        return vectors

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts, in as many requests as it takes.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1, but for those that the service
            made zeros of.

        Raises:
            EncoderError: The service does not answer, or refuses, or answers something else.
        """
        return self._encode_behind(self.prefix, texts)

    def encode_query(self, texts: Sequence[str]) -> Vector:
        """As `encode`, for free texts of users, which get `text_prefix`."""
        return self._encode_behind(self.text_prefix, texts)

    def _encode_behind(self, prefix: str, texts: Sequence[str]) -> Vector:
        most = CHARACTERS_OF_A_TOKEN * self.max_tokens
        return self._encode_all([prefix + text[:most] for text in texts])

    def _encode_all(self, texts: Sequence[str]) -> Vector:
        parts = batches(texts, self._options.batch_texts, _BATCH_BYTES)
        made = [self._encode_shorter(part) for part in parts]
        if not made:
            return np.zeros((0, self.dims), np.float32)
        vectors = np.concatenate(made)[:, : self._wanted]  # (n_texts, dims)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, length, out=vectors, where=length > 0)
        return vectors

    def _encode_shorter(self, texts: list[str]) -> Vector:
        """Encode texts; the one that the service takes for too long is cut in half, and again."""
        try:
            return self._encode(texts)
        except EncoderError as error:
            if _status(error) not in _TOO_LONG:
                raise
            if len(texts) == 1 and len(texts[0]) < 2 * _LEAST_CHARACTERS:
                raise
        if len(texts) == 1:
            return self._encode_shorter([texts[0][: len(texts[0]) // 2]])
        half = len(texts) // 2
        first = self._encode_shorter(texts[:half])
        return np.concatenate([first, self._encode_shorter(texts[half:])])

    def _encode(self, texts: Sequence[str]) -> Vector:
        longest = self._answered or self._longest
        most = _OVERHEAD_BYTES + len(texts) * longest * _NUMBER_BYTES
        if self._is_inference:
            answer = self._endpoint.ask("", {"input": texts}, max_bytes=most)
            rows = answer.get("text_embedding")
        else:
            body: dict[str, Any] = {"model": self.model, "input": texts, "encoding_format": "float"}
            if self._wanted is not None:
                body["dimensions"] = self._wanted  # a service that does not know it passes it by
            answer = self._endpoint.ask("/embeddings", body, max_bytes=most)
            rows = answer.get("data")
        vectors = self._checked(rows, len(texts))
        self._count(answer.get("usage"))
        return vectors

    def _checked(self, rows: object, n_texts: int) -> Vector:
        """The vectors of an answer, in the order of the texts."""
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise self._endpoint.not_understood("its answer holds no list of embeddings")
        if len(rows) != n_texts:
            raise self._endpoint.not_understood(f"{len(rows)} embeddings of {n_texts} texts")
        places = [row.get("index", n) for n, row in enumerate(rows)]
        if any(type(place) is not int for place in places) or sorted(places) != list(
            range(n_texts)
        ):
            raise self._endpoint.not_understood("an index of its embeddings is twice there, or not")
        vectors = self._array([row.get("embedding") for row in rows])
        in_order = np.empty_like(vectors)
        in_order[places] = vectors
        return in_order

    def _array(self, embeddings: list[Any]) -> Vector:
        try:
            vectors = np.array(embeddings, np.float32)
        except (TypeError, ValueError) as error:
            raise self._endpoint.not_understood("an embedding is no list of numbers") from error
        dims = self._answered or vectors.shape[-1]
        if vectors.ndim != 2 or vectors.shape[1] != dims or not 0 < dims <= self._longest:
            raise self._endpoint.not_understood(
                f"embeddings of the shape {vectors.shape}; "
                f"{self._answered or f'1 to {self._longest}'} numbers each were expected"
            )
        if not np.isfinite(vectors).all():
            raise self._endpoint.not_understood("an embedding is not finite")
        self._answered = dims
        return vectors

    @property
    def _longest(self) -> int:
        """Numbers of a vector that may come; those that are cut may be more than are stored."""
        return MAX_DIMS if self._wanted is None else _MOST_CUT * MAX_DIMS

    def _count(self, usage: object) -> None:
        n_tokens = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
        if type(n_tokens) is int:
            with self._lock:
                self.tokens += n_tokens

    def _only_model(self) -> str:
        """The model of a service that has one.

        Raises:
            ConfigError: It has several, or does not tell.
        """
        listed = self._endpoint.ask("/models", max_bytes=16 * _OVERHEAD_BYTES).get("data")
        entries = listed if isinstance(listed, list) else []
        names = [entry["id"] for entry in entries if isinstance(entry, Mapping) and "id" in entry]
        if len(names) != 1 or not isinstance(names[0], str):
            told = ", ".join(map(str, names[:_MOST_MODELS_TOLD])) or "it names none"
            raise ConfigError(
                f"name the model of {self._endpoint.url} behind its address: "
                f"{self._endpoint.url}#MODEL ({told})"
            )
        return names[0]


def _status(error: EncoderError) -> int | None:
    """The HTTP status that a service refused with; None if it did not."""
    cause = error.__cause__
    return cause.code if isinstance(cause, urllib.error.HTTPError) else None
