"""Fields of pictures, and whether one holds a picture itself, and not where it is."""

from __future__ import annotations

import re
from typing import NamedTuple

DATA = re.compile(r"data:", re.IGNORECASE)
_BASE64_OF_PICTURES = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")  # PNG, JPEG, WebP, GIF
_SHORTEST_BASE64 = 40  # characters; the smallest GIF has 26 bytes
_NO_PATH = re.compile(r"[A-Za-z0-9+/\s]{4096,}+={0,2}+\s*+")  # longer than a path can be


class PictureField(NamedTuple):
    """Field of the records that has their pictures.

    Attributes:
        path: Of the field.
        asked: Whether pictures are asked for. If not, they are left as they are, but what the field
            holds is not stored either.
    """

    path: str
    asked: bool = True


def is_inline(value: object) -> bool:
    """Whether it is a `data:` address, or Base64.

    Base64 is known by a picture's beginning, or because no path is so long.
    """
    if not isinstance(value, str):
        return False
    text = value.lstrip()
    long_enough = len(text) >= _SHORTEST_BASE64
    if DATA.match(text) or (long_enough and text.startswith(_BASE64_OF_PICTURES)):
        return True
    return bool(_NO_PATH.fullmatch(text))
