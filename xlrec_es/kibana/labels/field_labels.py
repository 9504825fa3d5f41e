"""What the fields of the object `xlrec` are called in Kibana, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xlrec_es.index.fields import (
    INDICATORS_FIELD,
    MARKET_POPULARITY_FIELD,
    TEXT_FIELD,
    VECTOR_FIELD,
)
from xlrec_es.index.mapped_fields import mapped_fields

PERCENT = {"id": "percent", "params": {"pattern": "0,0.[0]%"}}
WHOLE = {"id": "number", "params": {"pattern": "0,0"}}
"""Formats of shares and of counts."""


@dataclass(frozen=True, slots=True)
class FieldLabel:
    """How Kibana shows a field.

    Attributes:
        label: In place of its name.
        description: What it holds.
        format: Kibana's formatter with its parameters; None for that of the field's type.
    """

    label: str
    description: str
    format: Mapping[str, Any] | None = None


HIDDEN = (VECTOR_FIELD, INDICATORS_FIELD, MARKET_POPULARITY_FIELD, "xlrec.bought_together.weights")
"""Hundreds of numbers in each document, which nobody reads in a table."""

LABELS = {
    "xlrec.id": FieldLabel("ID", "The document's ID, as histories name it."),
    "xlrec.work": FieldLabel("Item", "The item: its language versions share it."),
    "xlrec.language": FieldLabel("Language", "BCP 47 tag of the document; und if it is unknown."),
    "xlrec.language_source": FieldLabel(
        "Language is", "declared by the record, or detected in its text, which may be wrong."
    ),
    "xlrec.embedding": FieldLabel(
        "Vector", "The meaning of the text, of length 1 and language-centered."
    ),
    "xlrec.indicators": FieldLabel(
        "Associations", "Items that the same users like, with weights. Learned or inherited."
    ),
    "xlrec.indicators_from": FieldLabel(
        "Associations are",
        "own (learned from its users), blended, inherited from similar items, or none.",
    ),
    "xlrec.evidence": FieldLabel(
        "Users behind associations",
        "How many users the item's own associations come from; 0 for a cold-start item.",
        WHOLE,
    ),
    "xlrec.generation": FieldLabel(
        "Learning run", "The run of xlrec-ingest learn that wrote the associations."
    ),
    "xlrec.bought_together.weights": FieldLabel(
        "Bought together", "Items of the same baskets, with weights."
    ),
    "xlrec.bought_together.from": FieldLabel(
        "Bought together is", "own, blended, inherited or none, as for associations."
    ),
    "xlrec.bought_together.evidence": FieldLabel(
        "Baskets behind it", "How many baskets the item's own weights come from.", WHOLE
    ),
    "xlrec.bought_together.generation": FieldLabel(
        "Learning run of baskets", "The run of xlrec-ingest learn that wrote them."
    ),
    "xlrec.popularity": FieldLabel(
        "Popularity", "How popular the item is, from 0 to 1, over all markets.", PERCENT
    ),
    "xlrec.market_popularity": FieldLabel(
        "Popularity by market", "The same in each market, from 0 to 1."
    ),
    "xlrec.content_hash": FieldLabel(
        "Content hash", "Stands for the text: one that has not changed is not encoded again."
    ),
    "xlrec.fingerprint": FieldLabel(
        "Fingerprint", "Stands for the encoder that made the vector, and its settings."
    ),
    "xlrec.ingested_at": FieldLabel("Written", "When xlrec-ingest wrote the document."),
}
"""By the field's path; texts have one for each language, see `label_of`."""


def label_of(path: str) -> FieldLabel | None:
    """How a field of ours is shown; None if it is not ours."""
    if path.startswith(f"{TEXT_FIELD}."):
        language = path.removeprefix(f"{TEXT_FIELD}.")
        return FieldLabel(f"Text ({language})", f"What a search by words reads in {language}.")
    return LABELS.get(path)


def labels_of(mappings: Mapping[str, Any]) -> dict[str, FieldLabel]:
    """How the fields of ours that an index has are shown, by path.

    Args:
        mappings: As Elasticsearch gives them.
    """
    found = ((field.path, label_of(field.path)) for field in mapped_fields(mappings))
    return {path: label for path, label in found if label is not None}
