"""The fields of the object `xlrec`, and Elasticsearch's limit for hits."""

from __future__ import annotations

ID_FIELD = "xlrec.id"
WORK_FIELD = "xlrec.work"
LANGUAGE_FIELD = "xlrec.language"
VECTOR_FIELD = "xlrec.embedding"
INDICATORS_FIELD = "xlrec.indicators"
POPULARITY_FIELD = "xlrec.popularity"
MARKET_POPULARITY_FIELD = "xlrec.market_popularity"


MAX_HITS = 10_000
"""Elasticsearch's own `index.max_result_window`, and its limit for `num_candidates`."""


PROVENANCE_FIELD = "xlrec.indicators_from"
EVIDENCE_FIELD = "xlrec.evidence"
GENERATION_FIELD = "xlrec.generation"
