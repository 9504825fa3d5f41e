"""What an index says of itself in `_meta.xlrec`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from xlrec_es.index.fields import Relation
from xlrec_es.index.mapping import SCHEMA
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering, with_current_key


@dataclass(frozen=True, slots=True)
class IndexMeta:
    """What an index says of itself in `_meta.xlrec`.

    Attributes:
        schema: Version of the mapping.
        fingerprint: What made its vectors.
        centering: The mean vectors that were subtracted from them, by language.
        analyzers: Analyzer really used, by language.
        encoder: `learned_from`: which likes the encoder was fine-tuned on, see
            `leakage.encoder_leak`; and `license` of its weights. Each is left out if not known.
        segmenters: What cut the texts into words before they were stored, by language: package and
            version. None for most languages: Elasticsearch does it.
        title_field: The user's field that holds a document's title, or None.
        weights: Fusion weights by retriever; empty for the program's own.
        options: `max_interests` of `options.Options` where whoever asks gives none; empty for the
            program's own.
        tuning: What `xlrec-es tune` found weights and options by; empty if it did not.
        source: Where the documents came from: whatever the writer wants remembered.
        indicators: How the indicators were learned, and whether all of them are written; empty
            before the first time.
        relations: The same of each other relation that was learned, by name.
        forgotten: Users who are left out when something is learned; see `forgotten.Forgotten`.
            Empty if nobody is.
        images: `field`: which of the user's fields has the pictures; `fingerprint` of what made
            their vectors; and `alignment`, where they were brought into the space of texts. Empty
            without pictures.
    """

    fingerprint: Fingerprint
    centering: LanguageCentering
    analyzers: Mapping[str, str]
    title_field: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, float] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    indicators: Mapping[str, Any] = field(default_factory=dict)
    relations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=dict)
    segmenters: Mapping[str, str] = field(default_factory=dict)
    forgotten: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    schema: str = SCHEMA

    def learned(self, relation: Relation) -> Mapping[str, Any]:
        """What is noted of a relation: how it was learned, and whether it is all written."""
        return self.relations.get(relation.name, {}) if relation.key else self.indicators

    def with_learned(self, relation: Relation, note: Mapping[str, Any]) -> IndexMeta:
        """The same with another note of a relation."""
        if not relation.key:
            return replace(self, indicators=note)
        return replace(self, relations={**self.relations, relation.name: note})

    @property
    def pictures_say_texts(self) -> bool:
        """Whether pictures' vectors are in the space of the texts' vectors."""
        return bool(self.images) and self.images["fingerprint"].get("space") == "text"

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a text field, sorted."""
        return tuple(sorted(self.analyzers))

    def to_meta(self) -> dict[str, Any]:
        """As stored in `_meta.xlrec`."""
        return {
            "schema": self.schema,
            "fingerprint": self.fingerprint.to_meta(),
            "centering": self.centering.to_meta(),
            "analyzers": dict(self.analyzers),
            "title_field": self.title_field,
            "weights": dict(self.weights),
            "options": dict(self.options),
            "tuning": dict(self.tuning),
            "source": dict(self.source),
            "indicators": dict(self.indicators),
            **({"relations": dict(self.relations)} if self.relations else {}),
            "encoder": dict(self.encoder),
            "segmenters": dict(self.segmenters),
            **({"forgotten": dict(self.forgotten)} if self.forgotten else {}),
            **({"images": dict(self.images)} if self.images else {}),
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> IndexMeta:
        """The inverse of `to_meta`."""
        return cls(
            fingerprint=Fingerprint.from_meta(meta["fingerprint"]),
            centering=LanguageCentering.from_meta(with_current_key(meta)["centering"]),
            analyzers=dict(meta["analyzers"]),
            title_field=meta.get("title_field"),
            weights=dict(meta.get("weights") or {}),
            options=dict(meta.get("options") or {}),
            tuning=dict(meta.get("tuning") or {}),
            source=dict(meta.get("source") or {}),
            indicators=dict(meta.get("indicators") or {}),
            relations=dict(meta.get("relations") or {}),
            encoder=dict(meta.get("encoder") or {}),
            segmenters=dict(meta.get("segmenters") or {}),
            forgotten=dict(meta.get("forgotten") or {}),
            images=dict(meta.get("images") or {}),
            schema=meta["schema"],
        )
