"""Texts of many callers in one pass: whose they are, in which order, and what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder_service import Letters, Slow
from ingest.encode.server.batching import Batcher, Batching, TooManyWait
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import Vector


@contextlib.asynccontextmanager
async def running(batcher: Batcher) -> AsyncIterator[Batcher]:
    task = asyncio.create_task(batcher.run())
    try:
        yield batcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until_passes(encoder: Slow, number: int) -> None:
    async with asyncio.timeout(30):
        while len(encoder.passes) < number:
            await asyncio.sleep(0.005)


async def asked(batcher: Batcher, *callers: Sequence[str]) -> list[asyncio.Task[object]]:
    """Callers whose texts wait."""
    tasks = [asyncio.create_task(batcher.encode(list(texts))) for texts in callers]
    await asyncio.sleep(0)
    return tasks


def test_what_comes_during_a_pass_goes_into_the_next_one_together() -> None:
    async def check(encoder: Slow) -> None:
        async with running(Batcher(encoder, Batching())) as batcher:
            first = await asked(batcher, ["a"])
            await until_passes(encoder, 1)
            others = await asked(batcher, *([f"{letter}"] for letter in "bcdefgh"))
            encoder.may_go.set()
            for letter, task in zip("abcdefgh", first + others, strict=True):
                np.testing.assert_array_equal((await task).vectors, Letters().encode([letter]))
        assert encoder.passes == [["a"], list("bcdefgh")]
        assert encoder.most_at_once == 1

    encoder = Slow()
    with encoder.going_at_last():
        asyncio.run(check(encoder))


def test_a_large_request_is_cut_and_no_caller_waits_for_all_of_it() -> None:
    async def check(encoder: Slow) -> None:
        batching = Batching(most_texts=8, share=4)
        async with running(Batcher(encoder, batching)) as batcher:
            first = await asked(batcher, ["z"])
            await until_passes(encoder, 1)
            large = await asked(batcher, ["a"] * 10, ["b"] * 10)
            small = await asked(batcher, ["c"])
            encoder.may_go.set()
            answers = [await task for task in (*first, *large, *small)]
        assert [len(one.vectors) for one in answers] == [1, 10, 10, 1]
        passes = ["".join(texts) for texts in encoder.passes]
        # Whoever had a turn is behind the one that had none.
        assert passes[1:3] == ["aaaabbbb", "caaaabbb"]
        assert sum(map(len, passes)) == 22

    encoder = Slow()
    with encoder.going_at_last():
        asyncio.run(check(encoder))


def test_ones_error_is_not_the_others() -> None:
    async def check(encoder: Slow) -> None:
        async with running(Batcher(encoder, Batching())) as batcher:
            first = await asked(batcher, ["z"])
            await until_passes(encoder, 1)
            tasks = await asked(batcher, ["a"], ["b", "fail"], ["c"])
            encoder.may_go.set()
            await first[0]
            good, bad, other = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(bad, EncoderError)
        np.testing.assert_array_equal(good.vectors, Letters().encode(["a"]))
        np.testing.assert_array_equal(other.vectors, Letters().encode(["c"]))

    encoder = Slow()
    with encoder.going_at_last():
        asyncio.run(check(encoder))


def test_who_leaves_takes_nobody_along_and_is_not_encoded() -> None:
    async def check(encoder: Slow) -> None:
        async with running(Batcher(encoder, Batching(most_waiting=4))) as batcher:
            in_a_pass = await asked(batcher, ["a"])
            await until_passes(encoder, 1)
            waiting = await asked(batcher, ["b"], ["c"], ["d"])
            with pytest.raises(TooManyWait):
                await batcher.encode(["e"])
            waiting[0].cancel()
            in_a_pass[0].cancel()
            await asyncio.sleep(0)
            more = await asked(batcher, ["e", "f"])  # their places are free
            encoder.may_go.set()
            for task, texts in ((waiting[1], ["c"]), (waiting[2], ["d"]), (more[0], ["e", "f"])):
                np.testing.assert_array_equal((await task).vectors, Letters().encode(texts))
        assert encoder.passes == [["a"], ["c", "d", "e", "f"]]

    encoder = Slow()
    with encoder.going_at_last():
        asyncio.run(check(encoder))


class Odd(Letters):
    """Makes what no encoder should, of some texts; counts the tokens."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def encode(self, texts: Sequence[str]) -> Vector:
        self.threads.add(threading.get_ident())
        if "boom" in texts:
            raise RuntimeError("boom")
        vectors = super().encode(texts)
        if "nan" in texts:
            vectors[texts.index("nan")] = np.nan
        return vectors[1:] if "short" in texts else vectors

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text.split()) for text in texts)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("boom", RuntimeError, "boom"),
        ("nan", EncoderError, "letters made NaN of a text"),
        ("short", EncoderError, "shape"),
    ],
)
def test_whatever_an_encoder_does_the_next_caller_is_answered(
    text: str, error: type[Exception], told: str
) -> None:
    async def check(encoder: Odd) -> None:
        async with running(Batcher(encoder, Batching())) as batcher:
            for _ in range(2):
                with pytest.raises(error, match=told):
                    await batcher.encode([text])
                encoded = await batcher.encode(["two words", "one"], counted=True)
                assert (encoded.vectors.shape, encoded.tokens) == ((2, 26), 3)
                assert (await batcher.encode(["a"])).tokens is None, "nobody asked"
        assert len(encoder.threads) == 1
        assert threading.get_ident() not in encoder.threads

    asyncio.run(check(Odd()))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.text("abcdefghij", min_size=1, max_size=4), min_size=1), max_size=12),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_everybody_gets_their_own_vectors(
    callers: list[list[str]], most_texts: int, share: int
) -> None:
    async def check() -> None:
        batching = Batching(wait_s=0.0005, most_texts=most_texts, share=share)
        async with running(Batcher(Letters(), batching)) as batcher:
            answers = await asyncio.gather(*(batcher.encode(texts) for texts in callers))
        for texts, answer in zip(callers, answers, strict=True):
            np.testing.assert_array_equal(answer.vectors, Letters().encode(texts))

    asyncio.run(check())
