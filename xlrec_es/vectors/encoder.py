"""What the program asks of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from xlrec_es.vectors.vector import Vector


def encode_query(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """Encode free texts of users, by the prompt for them if the encoder has one of its own.

    Args:
        encoder: Has a method `encode_query` if it tells free texts from documents.
        texts: Texts without the prefix.

    Returns:
        See `Encoder.encode`.

    Raises:
        EncoderError: The model failed.
    """
    own: Callable[[Sequence[str]], Vector] = getattr(encoder, "encode_query", encoder.encode)
    return own(texts)


def text_prefix(encoder: Encoder) -> str | None:
    """What it puts before free texts; None if it does not tell them from documents."""
    told: str | None = getattr(encoder, "text_prefix", None)
    return told


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model(self) -> str:
        """Name of the model, for people."""

    @property
    def revision(self) -> str:
        """Commit of the hub, or a hash of the weights: equal revisions make equal vectors."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    @property
    def pooling(self) -> str:
        """How token vectors became one: `mean`, `cls` ..."""

    @property
    def prefix(self) -> str:
        """What is put before each text (`query: ` for E5)."""

    @property
    def max_tokens(self) -> int:
        """Longest text, in tokens; what is beyond is cut off."""

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1.

        Raises:
            EncoderError: The model failed.
        """
