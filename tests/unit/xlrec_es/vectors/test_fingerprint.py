"""What stands for everything that made a vector."""

from __future__ import annotations

from dataclasses import fields, replace

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


@pytest.mark.parametrize("name", [field.name for field in fields(Fingerprint)])
def test_everything_counts(name: str) -> None:
    other = replace(PRINT, **{name: 8 if name == "dims" else "other"})
    assert other.digest != PRINT.digest
    [difference] = other.differences(PRINT)
    assert difference.startswith(f"{name} is ")


def test_it_is_read_as_it_was_written() -> None:
    assert Fingerprint.from_meta({**PRINT.to_meta(), "of a later program": 1}) == PRINT
