"""Which Elasticsearch analyzer reads which language, and which of them a cluster has."""

from __future__ import annotations

from collections.abc import Collection

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.languages import base_language


def available_analyzers(client: Elasticsearch) -> frozenset[str]:
    """The language analyzers that the cluster has; each is tried, for there is no list to read."""
    found = set()
    for name in sorted(CANDIDATE_ANALYZERS):
        try:
            client.indices.analyze(analyzer=name, text="")
        except elasticsearch.BadRequestError:
            continue
        found.add(name)
    return frozenset(found)


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


def choose_analyzer(language: str, available: Collection[str]) -> str:
    """The best analyzer for a language among those that the cluster has, else `standard`."""
    for name in (*_ANALYZERS.get(language, ()), *_ANALYZERS.get(base_language(language), ())):
        if name in available:
            return name
    return FALLBACK_ANALYZER
