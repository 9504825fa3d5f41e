"""Texts of many callers in one pass of the encoder.

A pass over sixteen short texts takes little longer than one over a single text. So what callers
send while a pass is under way waits for its end, and goes into the next one together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from prometheus_client import Counter

from ingest.encode import raw_vectors
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.encoder import Encoder, encode_query
from xlrec_es.vectors.vector import Vector

PASSES = Counter("xlrec_encoder_passes", "Passes of the encoder.")
TEXTS = Counter("xlrec_encoder_texts", "Texts that went into passes of the encoder.")


@dataclass(frozen=True, slots=True)
class Batching:
    """How texts are put together.

    Attributes:
        wait_s: Seconds that a pass waits for further callers, where there are several.
        most_texts: Of one pass.
        share: Of one caller in a pass, while others wait.
        most_waiting: Texts that may wait; callers beyond are sent away.
    """

    wait_s: float = 0.002
    most_texts: int = 256
    share: int = 32
    most_waiting: int = 8192


class TooManyWait(Exception):
    """No more texts may wait for the encoder."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What one caller gets.

    Attributes:
        vectors: Shape (n_texts, dims), float32.
        tokens: That were encoded; None if nobody asked, or the encoder does not tell.
    """

    vectors: Vector
    tokens: int | None


@dataclass(slots=True)
class _Caller:
    """Texts that somebody waits for, and what has become of them so far."""

    texts: Sequence[str]
    counted: bool
    query: bool
    done: asyncio.Future[Encoded]
    parts: list[Encoded] = field(default_factory=list)
    taken: int = 0

    @property
    def left(self) -> int:
        return len(self.texts) - self.taken


@dataclass(frozen=True, slots=True)
class _Slice:
    """Texts of one caller in a pass."""

    caller: _Caller
    texts: Sequence[str]


class Batcher:
    """Has one thread that encodes, for all callers of an event loop."""

    def __init__(self, encoder: Encoder, batching: Batching) -> None:
        """Nothing is encoded until `run` is under way.

        Args:
            encoder: Called from one thread alone.
            batching: How texts are put together.
        """
        self._encoder = encoder
        self._batching = batching
        self._callers: deque[_Caller] = deque()
        self._came = asyncio.Event()
        self._waiting = 0
        self._companions = 1  # callers of the last pass

    async def encode(
        self, texts: Sequence[str], *, counted: bool = False, query: bool = False
    ) -> Encoded:
        """Encode texts, together with those of others.

        Whoever is cancelled leaves: what is not in a pass yet is not encoded.

        Args:
            texts: At least one.
            counted: Whether tokens are counted, which takes a little time.
            query: Whether they are free texts of users, not documents.

        Raises:
            TooManyWait: So many wait that these would have to wait for long.
            EncoderError: The model failed on these texts.
        """
        if self._waiting + len(texts) > self._batching.most_waiting:
            raise TooManyWait(
                f"{self._waiting} texts wait for the encoder; ask again a little later"
            )
        caller = _Caller(texts, counted, query, asyncio.get_running_loop().create_future())
        self._callers.append(caller)
        self._waiting += len(texts)
        self._came.set()
        try:
            return await caller.done
        finally:
            self._waiting -= len(texts)

    async def run(self) -> None:
        """Encode what comes, until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "encode") as thread:
            while True:
                await self._came.wait()
                # A lone caller is not made to wait for others, who did not come the last time.
                if self._companions > 1 or len(self._callers) > 1:
                    await self._others()
                slices = self._next_pass()
                if slices:
                    results = await loop.run_in_executor(thread, self._encode_pass, slices)
                    self._give(slices, results)

    async def _others(self) -> None:
        """Wait a little for further callers, but not beyond a full pass."""
        end = asyncio.get_running_loop().time() + self._batching.wait_s
        while sum(caller.left for caller in self._callers) < self._batching.most_texts:
            left_s = end - asyncio.get_running_loop().time()
            if left_s <= 0:
                return
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left_s)
            except TimeoutError:
                return

    def _next_pass(self) -> list[_Slice]:
        """Texts of those who wait, in turn.

        Whoever came first goes first, with no more than a share of the pass while there are others.
        """
        waiting = deque(caller for caller in self._callers if not caller.done.done())
        later: deque[_Caller] = deque()
        slices: list[_Slice] = []
        room = self._batching.most_texts
        share = self._batching.share if len(waiting) > 1 else room
        while waiting and room:
            caller = waiting.popleft()
            size = min(caller.left, share, room)
            slices.append(_Slice(caller, caller.texts[caller.taken : caller.taken + size]))
            caller.taken += size
            room -= size
            if caller.left:
                later.append(caller)
        self._callers = waiting + later  # who has had a turn is behind those who have not
        self._companions = len(slices)
        if self._callers:
            self._came.set()
        else:
            self._came.clear()
        return slices

    def _encode_pass(self, slices: Sequence[_Slice]) -> list[Encoded | Exception]:
        """In the thread: all of them together, or each by itself where that fails."""
        texts = [text for one in slices for text in one.texts]
        PASSES.inc()
        TEXTS.inc(len(texts))
        try:
            vectors = self._vectors(slices, texts)  # (n_texts, dims)
            ends = np.cumsum([len(one.texts) for one in slices])[:-1]
            parts = zip(slices, np.split(vectors, ends), strict=True)
            return [self._checked(one, rows) for one, rows in parts]
        except Exception as error:  # of one caller's text, perhaps: the others are not to suffer
            if len(slices) == 1:
                return [error]
            return [result for one in slices for result in self._encode_pass([one])]

    def _vectors(self, slices: Sequence[_Slice], texts: Sequence[str]) -> Vector:
        """Of all texts; free texts and documents each by their prompt."""
        queries = np.repeat([one.caller.query for one in slices], [len(o.texts) for o in slices])
        vectors = np.empty((len(texts), self._encoder.dims), np.float32)
        for query, encode in ((False, raw_vectors.encode), (True, encode_query)):
            rows = np.flatnonzero(queries == query).tolist()
            if rows:
                vectors[rows] = encode(self._encoder, [texts[row] for row in rows])
        return vectors

    def _checked(self, one: _Slice, vectors: Vector) -> Encoded | Exception:
        if not np.isfinite(vectors).all():
            return EncoderError(f"{self._encoder.model} made NaN of a text")
        count: Callable[[Sequence[str]], int | None] | None = None
        if one.caller.counted:
            count = getattr(self._encoder, "count_tokens", None)
        return Encoded(vectors, None if count is None else count(one.texts))

    def _give(self, slices: Sequence[_Slice], results: Sequence[Encoded | Exception]) -> None:
        for one, result in zip(slices, results, strict=True):
            caller = one.caller
            if caller.done.done():  # it has left, or has failed
                continue
            if isinstance(result, Exception):
                caller.done.set_exception(result)
                continue
            caller.parts.append(result)
            if sum(len(part.vectors) for part in caller.parts) == len(caller.texts):
                caller.done.set_result(_joined(caller.parts))


def _joined(parts: Sequence[Encoded]) -> Encoded:
    counts = [part.tokens for part in parts]
    tokens = None if None in counts else sum(count or 0 for count in counts)
    return Encoded(np.concatenate([part.vectors for part in parts]), tokens)
