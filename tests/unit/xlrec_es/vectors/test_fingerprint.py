"""What stands for everything that made a vector."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace

import pytest

from xlrec_es.vectors.fingerprint import Fingerprint

PRINT = Fingerprint(
    "hash",
    "1",
    16,
    "sum",
    "",
    "title, text; cleaning 1; first 512 tokens",
    "centre-a3222c71abe5",
)


def test_documents_of_earlier_programs_keep_their_digest() -> None:
    """Else each index would be refused: the digest was made by the first program."""
    assert PRINT.digest == "54f97dbf8cf1e962"
    assert replace(PRINT, centering="none").digest == "8a03b79b2dce9156"


MADE_BY = [field.name for field in fields(Fingerprint) if field.default is MISSING]


@pytest.mark.parametrize("name", MADE_BY)
def test_everything_counts(name: str) -> None:
    other = replace(PRINT, **{name: 8 if name == "dims" else "other"})
    assert other.digest != PRINT.digest
    [difference] = other.differences(PRINT)
    assert difference.startswith(f"{name} is ")


def test_it_is_read_as_it_was_written() -> None:
    assert Fingerprint.from_meta({**PRINT.to_meta(), "of a later program": 1}) == PRINT
    asked = replace(PRINT, text_prefix="query: ")
    assert Fingerprint.from_meta(asked.to_meta()) == asked


def test_what_earlier_programs_stored_is_what_it_was() -> None:
    names = ("model", "revision", "dims", "pooling", "prefix", "recipe", "centering")
    assert PRINT.to_meta().keys() == {*names}
    assert Fingerprint.from_meta(PRINT.to_meta()).text_prefix is None


@pytest.mark.parametrize("lacking", MADE_BY)
def test_a_description_that_lacks_something_is_none(lacking: str) -> None:
    meta = {name: value for name, value in PRINT.to_meta().items() if name != lacking}
    with pytest.raises(KeyError, match=lacking):
        Fingerprint.from_meta(meta)


def test_learned_sparse_weights_count_where_there_are_any() -> None:
    one, other = (replace(PRINT, sparse=name) for name in ("splade at 1", "splade at 2"))
    assert len({PRINT.digest, one.digest, other.digest}) == 3
    assert Fingerprint.from_meta(one.to_meta()) == one
    [difference] = one.differences(PRINT)
    assert difference == "learned sparse weights are splade at 1 here and none there"
    assert one.differences(other)[0].endswith("are splade at 1 here and splade at 2 there")


def test_the_prompt_of_free_texts_leaves_documents_as_they_are() -> None:
    asked = replace(PRINT, text_prefix="query: ")
    assert asked.digest == PRINT.digest


def test_free_texts_of_another_prompt_are_not_compared() -> None:
    one, other = (replace(PRINT, text_prefix=text) for text in ("query: ", ""))
    [difference] = one.differences(other)
    assert difference == "free texts get the prefix 'query: ' here and '' there"
    assert one.differences(one) == ()


def test_an_index_of_an_earlier_program_takes_the_same_encoder() -> None:
    asked = replace(PRINT, text_prefix="query: ")
    assert asked.differences(PRINT) == ()
    assert PRINT.differences(asked) == ()
    assert asked.or_equal([PRINT]) == asked, "and its prompt is known from then on"
    assert PRINT.or_equal([asked]) == asked
