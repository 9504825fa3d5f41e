"""Pictures of documents: which have changed, and their vectors or why there are none."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL.Image import Image

from ingest.documents.document import Document
from ingest.images.alignment import Alignment
from ingest.images.decoding import BadPicture, decode
from ingest.images.encoder import ImageEncoder
from ingest.images.fetching import Fetcher
from ingest.images.options import ImageOptions
from ingest.images.space import TEXT, ImageSpace
from xlrec_es.records.values import kind_of
from xlrec_es.vectors.vector import Vector

_FETCHED = 16
"""Pictures that are fetched at a time, so up to 320 MiB as they are stored."""

_BATCH = 32
_BATCH_PIXELS = 32_000_000
"""Of pictures that are decoded and wait for the model, beside the last: up to 230 MB in all."""


class Features:
    """Raw vectors of pictures, each encoded once where several documents name it.

    Args:
        options: Where pictures are.
        encoder: Makes their vectors.

    Attributes:
        encoded: Pictures that were encoded so far.
    """

    def __init__(self, options: ImageOptions, encoder: ImageEncoder) -> None:
        self.encoder = encoder
        self._fetcher = Fetcher(options)
        self._kept: dict[str, Vector] = {}
        self._one_at_a_time = threading.Lock()  # a run may encode texts in several threads
        self.encoded = 0

    def state(self, document: Document) -> str | None:
        """What stands for a document's picture, see `Fetcher.state`; None if it has none."""
        if not document.has_picture:
            return None
        return self._fetcher.state(document.image) if isinstance(document.image, str) else "other"

    def of(self, documents: Sequence[Document], *, keep: bool = False) -> list[Vector | str]:
        """The features of each document's picture, shape (n_features,), or why there are none.

        Args:
            documents: Such as have a picture.
            keep: Whether they are kept for when they are asked for the next time.

        Raises:
            EncoderError: The model failed.
        """
        states = [self.state(document) or "" for document in documents]
        with self._one_at_a_time:
            made = self._made(states, documents, keep=keep)
        return [made[state] for state in states]

    def _made(
        self, states: Sequence[str], documents: Sequence[Document], *, keep: bool
    ) -> dict[str, Vector | str]:
        """Features, or why there are none, by what stands for the picture."""
        first = {
            state: document
            for state, document in zip(states, documents, strict=True)
            if state not in self._kept
        }
        made: dict[str, Vector | str] = dict(
            zip(first, self._encode([*first.values()]), strict=True)
        )
        for state in {*states} - made.keys():
            made[state] = self._kept[state] if keep else self._kept.pop(state)
        if keep:
            self._kept |= {s: one for s, one in made.items() if not isinstance(one, str)}
        return made

    def _encode(self, documents: Sequence[Document]) -> list[Vector | str]:
        found: list[Vector | str] = ["" for _ in documents]
        waiting: list[tuple[int, Image]] = []

        def encode_waiting() -> None:
            vectors = self.encoder.encode([picture for _, picture in waiting])
            self.encoded += len(waiting)
            for (row, _), vector in zip(waiting, vectors, strict=True):
                good = np.linalg.norm(vector) > 0.5  # False for NaN
                found[row] = vector if good else "the image model made zeros or NaN of it"
            waiting.clear()

        pixels = 0
        for row, picture in enumerate(self._pictures(documents)):
            if isinstance(picture, str):
                found[row] = picture
                continue
            waiting.append((row, picture))
            pixels += picture.width * picture.height
            if len(waiting) >= _BATCH or pixels >= _BATCH_PIXELS:
                encode_waiting()
                pixels = 0
        if waiting:
            encode_waiting()
        return found

    def _pictures(self, documents: Sequence[Document]) -> Iterator[Image | str]:
        """Each picture, or why there is none; some at a time."""
        with ThreadPoolExecutor(_FETCHED, "picture") as executor:
            for start in range(0, len(documents), _FETCHED):
                some = documents[start : start + _FETCHED]
                for data in executor.map(self._fetched, [one.image for one in some]):
                    try:
                        yield data if isinstance(data, str) else decode(data)
                    except BadPicture as error:
                        yield str(error)

    def _fetched(self, value: object) -> bytes | str:
        if not isinstance(value, str):
            return f"the picture is {kind_of(value)}, not text"
        try:
            return self._fetcher.fetch(value)
        except BadPicture as error:
            return str(error)


class Pictures:
    """What a run knows of pictures.

    Args:
        features: Of pictures.
        space: In which their vectors are.
        alignment: Brings features into the space of texts; None in the model's own space.
    """

    def __init__(
        self, features: Features, space: ImageSpace, alignment: Alignment | None = None
    ) -> None:
        self._features, self._space, self._alignment = features, space, alignment
        self._digest = space.digest

    @property
    def stands_for_text(self) -> bool:
        """Whether a picture's vector can be that of a document without a text."""
        return self._space.space == TEXT

    @property
    def encoded(self) -> int:
        """Pictures that were encoded so far."""
        return self._features.encoded

    def state(self, document: Document) -> str | None:
        """What stands for the vector of a document's picture; None if it has no picture."""
        state = self._features.state(document)
        if state is None:
            return None
        return hashlib.blake2b(f"{self._digest}\0{state}".encode(), digest_size=16).hexdigest()

    def vectors(self, documents: Sequence[Document]) -> list[Vector | str]:
        """The vector of each document's picture, shape (dims,), or why there is none.

        Args:
            documents: Such as have a picture.

        Raises:
            EncoderError: The model failed.
        """
        found = self._features.of(documents)
        if self._alignment is None:
            return found
        rows = [row for row, one in enumerate(found) if not isinstance(one, str)]
        if rows:
            aligned = self._alignment.apply(np.stack([found[row] for row in rows]))
            for row, vector in zip(rows, aligned, strict=True):
                found[row] = vector
        return found
