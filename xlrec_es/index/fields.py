"""The fields of the object `xlrec`, and Elasticsearch's limits for hits and terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

OWN_FIELD = "xlrec"
"""The object of a document that this program writes, and its key in an index's `_meta`."""

ID_FIELD = "xlrec.id"
WORK_FIELD = "xlrec.work"
LANGUAGE_FIELD = "xlrec.language"
VECTOR_FIELD = "xlrec.embedding"
INDICATORS_FIELD = "xlrec.indicators"
POPULARITY_FIELD = "xlrec.popularity"
MARKET_POPULARITY_FIELD = "xlrec.market_popularity"
PROVENANCE_FIELD = "xlrec.indicators_from"
EVIDENCE_FIELD = "xlrec.evidence"
GENERATION_FIELD = "xlrec.generation"
TEXT_FIELD = "xlrec.text"

MAX_HITS = 10_000
"""Elasticsearch's own `index.max_result_window`, and its limit for `num_candidates`."""

MAX_TERMS = 65_536
"""Elasticsearch's own `index.max_terms_count`."""


def text_field(language: str) -> str:
    """The field that texts in a language are searched in; each language has its own analyzer."""
    return f"{TEXT_FIELD}.{language}"


def in_language(tags: Sequence[str]) -> dict[str, Any]:
    """The query for the documents of a language: those of each tag of the index that it names."""
    if len(tags) == 1:
        return {"term": {LANGUAGE_FIELD: tags[0]}}
    return {"terms": {LANGUAGE_FIELD: list(tags)}}
