"""Cursors; whoever has one may have written it themselves."""

from __future__ import annotations

import base64
import json
import zlib
from hashlib import sha256

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.recommend.cursor import MAX_CHARACTERS, MAX_ITEMS, read_cursor, write_cursor

ODD = ["7", 'quote"', "ünï日本", "a,b\n", "x" * 512]


def packed(content: bytes) -> str:
    return "x1." + base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


@pytest.mark.parametrize("items", [[], ODD, [f"item-{n}" for n in range(MAX_ITEMS)]])
def test_items_come_back(items: list[str]) -> None:
    cursor = write_cursor(items)
    assert cursor is not None
    assert read_cursor(cursor) == tuple(items)
    assert cursor.isascii()
    assert cursor.isprintable()
    assert "=" not in cursor


def test_a_cursor_is_compact() -> None:
    cursor = write_cursor([f"item-{n}" for n in range(100)])
    assert cursor is not None
    assert len(cursor) < 500


def test_a_cursor_that_would_be_too_long_is_none() -> None:
    assert write_cursor([str(n) for n in range(MAX_ITEMS + 1)]) is None
    assert write_cursor([sha256(str(n).encode()).hexdigest() for n in range(900)]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page 2",
        "x1.",
        "x1.!!!!",
        "x1.日本",
        "x2." + packed(b"[]")[3:],
        packed(b"no json"),
        packed(b'{"a": 1}'),
        packed(b'["a", 1]'),
        packed(b"[" * 100_000),
        packed(json.dumps(["a"] * (MAX_ITEMS + 1)).encode()),
        packed(b'["' + b"a" * 5 * 2**20 + b'"]'),
        packed(b'["a"]')[:-6],
        "x1." + "A" * MAX_CHARACTERS,
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no cursor of this version; give the `cursor`"):
        read_cursor(text)
