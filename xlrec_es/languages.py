"""Language tags (BCP 47), read and brought into one form."""

from __future__ import annotations

from functools import lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

from xlrec_es.errors import UnknownLanguage

UNDETERMINED = "und"
"""The BCP 47 tag of a text whose language nobody knows."""


def normalize(tag: str) -> str:
    """The canonical form of a BCP 47 tag: `EN_us` becomes `en-US`, `jpn` becomes `ja`.

    Raises:
        UnknownLanguage: It is not a valid tag.
    """
    try:
        if langcodes.tag_is_valid(tag):
            return langcodes.standardize_tag(tag)
    except LanguageTagError:
        pass
    raise UnknownLanguage(
        f"{tag!r} is not a language tag; use BCP 47 codes such as en, de, ja or zh-Hant"
    )


@lru_cache(maxsize=1024)
def is_tag(text: str) -> bool:
    """Whether this is a valid BCP 47 tag."""
    try:
        normalize(text)
    except UnknownLanguage:
        return False
    return True
