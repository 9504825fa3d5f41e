"""Whether a field holds a picture itself, and not where it is."""

from __future__ import annotations

import re

DATA = re.compile(r"data:", re.IGNORECASE)
_BASE64_OF_PICTURES = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")  # PNG, JPEG, WebP, GIF
_SHORTEST_BASE64 = 40  # characters; the smallest GIF has 26 bytes


def is_inline(value: object) -> bool:
    """Whether it is a `data:` address, or Base64 that begins as that of a picture."""
    if not isinstance(value, str):
        return False
    text = value.lstrip()
    long_enough = len(text) >= _SHORTEST_BASE64
    return bool(DATA.match(text)) or (long_enough and text.startswith(_BASE64_OF_PICTURES))
