"""Texts of others, made fit for a terminal or a picture. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What moves the cursor, sets the clipboard or the title, or starts such a sequence: all controls
# but tab and line feed, those of 8 bits too. And halves of pairs, which cannot be printed at all.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# What XML 1.0 forbids (https://www.w3.org/TR/xml, "Char").
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_CHARACTERS = 10_000  # of a text in a picture; a longer one is drawn for minutes


def visible(text: str) -> str:
    r"""A text whose control characters are written out, such as `\u001b`.

    JSON stays the same JSON: there they can stand within strings alone, which write them so.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def drawable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A copy of some JSON whose texts a picture may hold: vl-convert ends the process at others."""
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value[:_MOST_CHARACTERS])
    if isinstance(value, Mapping):
        return {drawable(name): drawable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [drawable(one) for one in value]
    return value
