"""The fields of the object `xlrec`, and Elasticsearch's limits for hits and terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OWN_FIELD = "xlrec"
"""The object of a document that this program writes, and its key in an index's `_meta`."""

ID_FIELD = "xlrec.id"
WORK_FIELD = "xlrec.work"
LANGUAGE_FIELD = "xlrec.language"
VECTOR_FIELD = "xlrec.embedding"
IMAGE_FIELD = "xlrec.image_vector"
OF_PICTURE = ("image_vector", "image_hash")
"""Parts of `xlrec` that a picture makes."""

SPARSE_FIELD = "xlrec.sparse"
INDICATORS_FIELD = "xlrec.indicators"
POPULARITY_FIELD = "xlrec.popularity"
MARKET_POPULARITY_FIELD = "xlrec.market_popularity"
PROVENANCE_FIELD = "xlrec.indicators_from"
EVIDENCE_FIELD = "xlrec.evidence"
GENERATION_FIELD = "xlrec.generation"
TEXT_FIELD = "xlrec.text"


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of association between items, and where documents keep it.

    Attributes:
        name: As it is asked for.
        weights: Field of the other items and their weights.
        provenance: Field that says where these come from: `own`, `blended`, `inherited`, `none`.
        evidence: Field of how many users, or baskets, the item's own associations come from.
        generation: Field of the run that wrote them.
        key: Of the object `xlrec`, what holds these four; empty where they stand in it themselves.
    """

    name: str
    weights: str
    provenance: str
    evidence: str
    generation: str
    key: str = ""


TASTE = Relation("taste", INDICATORS_FIELD, PROVENANCE_FIELD, EVIDENCE_FIELD, GENERATION_FIELD)
"""What the same users like: learned by default, and served where no relation is named."""

BOUGHT_TOGETHER = Relation(
    "bought-together",
    "xlrec.bought_together.weights",
    "xlrec.bought_together.from",
    "xlrec.bought_together.evidence",
    "xlrec.bought_together.generation",
    key="bought_together",
)
"""What is in the same baskets: complements, and not what is bought in an item's place."""

RELATIONS = {relation.name: relation for relation in (BOUGHT_TOGETHER,)}
"""Those that are asked for by name."""


def relation_of(name: str | None) -> Relation:
    """The relation of that name; None for taste."""
    return TASTE if name is None else RELATIONS[name]


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
