"""Language tags (BCP 47): brought into one form, and which of them a language names.

One rule everywhere: a language names its variants, as `zh` does `zh-CN` and `zh-Hant-TW`, and
between variants of one language there is no language border.

Source: RFC 4647 (https://www.rfc-editor.org/rfc/rfc4647), basic filtering (3.3.1) and lookup (3.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


def base_language(tag: str) -> str:
    """The language without its script and region: `en-GB` and `en-US` are both `en`."""
    first, _, rest = tag.partition("-")
    return tag if first == "x" and rest else first


def names(language: str, tag: str) -> bool:
    """Whether a language names a tag: itself, or a variant of itself (basic filtering)."""
    language, tag = language.lower(), tag.lower()
    return tag == language or tag.startswith(language + "-")


def lookup(tag: str, among: Collection[str]) -> str | None:
    """The most special of some languages that names a tag, or None (lookup)."""
    found = (language for language in among if names(language, tag))
    return max(found, key=len, default=None)


def named_by(language: str, tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that a language names; else the one that comes nearest to it.

    Where there is no `de-AT`, it stands for `de`, and for no other variant.
    """
    tags = tuple(tags)
    if named := tuple(tag for tag in tags if names(language, tag)):
        return named
    nearest = lookup(language, tags)
    return () if nearest is None else (nearest,)


def by_language(tags: Iterable[str], languages: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Tags by the language that they belong to.

    Args:
        tags: Each in one group.
        languages: A tag belongs to the most special of these that names it; else to its base
            language. Alone in that, it is its own.

    Returns:
        In the order of the tags.
    """
    groups: dict[str, list[str]] = {}
    for tag in tags:
        groups.setdefault(lookup(tag, languages) or base_language(tag), []).append(tag)
    return {
        name if name in languages or len(own) > 1 else own[0]: tuple(own)
        for name, own in groups.items()
    }
