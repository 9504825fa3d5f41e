"""Language tags, and which Elasticsearch analyzer reads which language."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

from xlrec_es.errors import UnknownLanguage

UNDETERMINED = "und"
"""The BCP 47 tag of a text whose language nobody knows."""

# Best first. `smartcn`, `kuromoji`, `nori`, `polish` and `ukrainian` are Elastic's own plugins; the
# others ship with Elasticsearch. Source: Elasticsearch reference, "Language analyzers" and
# "Analysis plugins".
_ANALYZERS: dict[str, tuple[str, ...]] = {
    "ar": ("arabic",),
    "bg": ("bulgarian",),
    "bn": ("bengali",),
    "ca": ("catalan",),
    "ckb": ("sorani",),
    "cs": ("czech",),
    "da": ("danish",),
    "de": ("german",),
    "el": ("greek",),
    "en": ("english",),
    "es": ("spanish",),
    "et": ("estonian",),
    "eu": ("basque",),
    "fa": ("persian",),
    "fi": ("finnish",),
    "fr": ("french",),
    "ga": ("irish",),
    "gl": ("galician",),
    "hi": ("hindi",),
    "hu": ("hungarian",),
    "hy": ("armenian",),
    "id": ("indonesian",),
    "it": ("italian",),
    "ja": ("kuromoji", "cjk"),
    "ko": ("nori", "cjk"),
    "lt": ("lithuanian",),
    "lv": ("latvian",),
    "nb": ("norwegian",),
    "nl": ("dutch",),
    "nn": ("norwegian",),
    "no": ("norwegian",),
    "pl": ("polish",),
    "pt": ("portuguese",),
    "pt-BR": ("brazilian", "portuguese"),
    "ro": ("romanian",),
    "ru": ("russian",),
    "sr": ("serbian",),
    "sv": ("swedish",),
    "th": ("thai",),
    "tr": ("turkish",),
    "uk": ("ukrainian",),
    "zh": ("smartcn", "cjk"),
}

FALLBACK_ANALYZER = "standard"

CANDIDATE_ANALYZERS = frozenset(name for names in _ANALYZERS.values() for name in names)
"""Every language analyzer that this program can make use of."""


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


def choose_analyzer(language: str, available: Collection[str]) -> str:
    """The best analyzer for a language among those that the cluster has, else `standard`."""
    base = language.split("-")[0]
    for name in (*_ANALYZERS.get(language, ()), *_ANALYZERS.get(base, ())):
        if name in available:
            return name
    return FALLBACK_ANALYZER
