"""Texts of others, made fit for a terminal. Pure."""

from __future__ import annotations

import re

# What moves the cursor, sets the clipboard or the title, or starts such a sequence: all controls
# but tab and line feed, those of 8 bits too. And halves of pairs, which cannot be printed at all.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def visible(text: str) -> str:
    r"""A text whose control characters are written out, such as `\u001b`.

    JSON stays the same JSON: there they can stand within strings alone, which write them so.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
