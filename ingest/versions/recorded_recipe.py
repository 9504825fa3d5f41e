"""What made a version's documents, as its `_meta` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ingest.documents.builder import Builder, DocumentBuilder
from ingest.documents.kept_fields import KeptFields
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from ingest.write.modes import COMPANION, mode_of
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.records.field_map import FieldMap


def recorded_builder(live: LiveIndex, field_map: FieldMap, recipe: Recipe) -> Builder:
    """What made the live version's documents, and so knows which of them are unchanged.

    Raises:
        IndexUnusable: Their texts are in another index.
    """
    builder = DocumentBuilder(field_map, recipe, LanguageDetector())
    mode = mode_of(live.meta)
    if mode is COMPANION:
        raise IndexUnusable(
            f"{live.name} is a companion, whose texts are in another index; make another one with "
            "the new encoder, xlrec-ingest run index:NAME --companion --index OTHER, and put it "
            "behind the alias: xlrec-es index swap"
        )
    return KeptFields(builder, (), in_place=True) if mode.in_place else builder


def recorded_field_map(meta: IndexMeta, given: Mapping[str, Any]) -> FieldMap:
    """What the live version was made with, but for what is given."""
    stored = meta.source.get("fields") or {}
    names = {field.name for field in fields(FieldMap)}
    known = {
        name: list(path) if isinstance(path, list | tuple) else path
        for name, path in stored.items()
        if name in names and path is not None
    }
    return FieldMap.from_mapping({**known, **given})
