"""Cursors: what the pages before have shown, as one opaque text. Pure.

A cursor holds the items themselves, not a place in a list. So the next page can leave them out,
whatever has become of the index, the history or the options since.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

from xlrec_es.errors import UsageError

MAX_ITEMS = 1000
"""Items that a cursor holds: a hundred pages of ten."""

MAX_CHARACTERS = 32_768
"""Of a cursor, for items with long ids."""

_VERSION = "x1."
_MAX_BYTES = 4 * 2**20  # unpacked: somebody else may have made it


def write_cursor(items: Sequence[str]) -> str | None:
    """The cursor after these items; None where it would hold too many, or become too long.

    Args:
        items: Work ids, in the order in which they were shown.
    """
    if len(items) > MAX_ITEMS:
        return None
    packed = zlib.compress(json.dumps(list(items)).encode(), 9)
    text = _VERSION + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return text if len(text) <= MAX_CHARACTERS else None


def read_cursor(text: str) -> tuple[str, ...]:
    """The items of a cursor.

    Raises:
        UsageError: It is none, or one of another version.
    """
    try:
        items = json.loads(_unpacked(text))
    except (ValueError, zlib.error, RecursionError) as error:
        raise _no_cursor(text) from error
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _no_cursor(text)
    if len(items) > MAX_ITEMS:
        raise _no_cursor(text)
    return tuple(items)


def _unpacked(text: str) -> bytes:
    if not text.startswith(_VERSION) or len(text) > MAX_CHARACTERS:
        raise ValueError("another version, or too long")
    coded = text.removeprefix(_VERSION).encode("ascii")
    packed = base64.b64decode(coded + b"=" * (-len(coded) % 4), b"-_", validate=True)
    reader = zlib.decompressobj()
    found = reader.decompress(packed, _MAX_BYTES)
    if not reader.eof:
        raise ValueError("cut off, or too long")
    return found


def _no_cursor(text: str) -> UsageError:
    return UsageError(
        f"{text[:40]!r} is no cursor of this version; give the `cursor` of the page before as it "
        "is, or begin again without one"
    )
