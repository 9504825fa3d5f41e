"""Saved searches for Discover: documents that need a look. Pure.

Each is a filter in Elasticsearch's own language under a name for people, so that whoever has no
Kibana can send it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    ID_FIELD,
    LANGUAGE_FIELD,
    POPULARITY_FIELD,
    PROVENANCE_FIELD,
    VECTOR_FIELD,
    WORK_FIELD,
)
from xlrec_es.kibana.dashboards.catalog import (
    FINGERPRINT_FIELD,
    INGESTED_AT_FIELD,
    LANGUAGE_SOURCE_FIELD,
)
from xlrec_es.kibana.data_views import DataView
from xlrec_es.kibana.saved_objects import (
    DATA_VIEW,
    SEARCH,
    TYPE_VERSIONS,
    Reference,
    SavedObject,
    stable_id,
)

Query = Mapping[str, Any]

_VIEW_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.index"
_FILTER_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.filter[{}].meta.index"


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """Documents that have something in common.

    Attributes:
        name: Short and without spaces.
        title: What they have in common.
        description: Why they need a look, and what to do.
        filters: Queries that they pass, by a name for people.
        columns: Fields that are shown; empty for whole documents.
        sort: Fields and `asc` or `desc`.
        since: The span of time that is shown when it is opened; None where the data view has no
            time.
    """

    name: str
    title: str
    description: str
    filters: Mapping[str, Query]
    columns: tuple[str, ...] = ()
    sort: tuple[tuple[str, str], ...] = ()
    since: str | None = None

    def saved_object(self, catalog: str, view: DataView) -> SavedObject:
        """In Kibana's form.

        Args:
            catalog: The catalog's name; see `stable_id`.
            view: The data view that it searches.
        """
        id_ = view.id(catalog)
        named = list(self.filters.items())
        names = [_VIEW_REFERENCE, *(_FILTER_REFERENCE.format(n) for n in range(len(named)))]
        source = {
            "highlightAll": True,
            "version": True,
            "query": {"query": "", "language": "kuery"},
            "filter": [
                _filter(alias, query, reference)
                for (alias, query), reference in zip(named, names[1:], strict=True)
            ],
            "indexRefName": _VIEW_REFERENCE,
        }
        span = {"timeRange": {"from": self.since, "to": "now"}} if self.since else {}
        attributes = {
            "title": f"{catalog}: {self.title}",
            "description": self.description,
            "columns": list(self.columns),
            "sort": [list(pair) for pair in self.sort],
            "kibanaSavedObjectMeta": {"searchSourceJSON": orjson.dumps(source).decode()},
            "timeRestore": bool(self.since),
            **span,
            "hits": 0,
            "version": 1,
        }
        references = tuple(Reference(name, DATA_VIEW, id_) for name in names)
        return SavedObject(SEARCH, self.id(catalog), attributes, references, TYPE_VERSIONS[SEARCH])

    def id(self, catalog: str) -> str:
        """Its id."""
        return stable_id(catalog, SEARCH, self.name)


@dataclass(frozen=True, slots=True)
class CatalogSearches:
    """What the searches of a catalog depend on.

    Attributes:
        fingerprint: Digest of the encoder that its vectors are to be made by.
        title_field: The user's field that holds a title, or None.
        shown: Further fields to show first, such as a picture.
    """

    fingerprint: str
    title_field: str | None = None
    shown: tuple[str, ...] = ()

    def all(self) -> tuple[SavedSearch, ...]:
        """The searches."""
        popular = ((POPULARITY_FIELD, "desc"),)
        return (
            SavedSearch(
                "without-vector",
                "documents without a vector",
                "They are found by words alone. Bring them in again with: xlrec-ingest run",
                {"no vector": _without(VECTOR_FIELD)},
                self._columns(INGESTED_AT_FIELD),
                popular,
            ),
            SavedSearch(
                "other-fingerprint",
                "documents of another fingerprint",
                "Their vectors were made by another encoder than the index's when this was "
                "exported, and cannot be compared. Bring them in again with: xlrec-ingest run",
                {f"a fingerprint other than {self.fingerprint}": self._of_others()},
                self._columns(FINGERPRINT_FIELD, INGESTED_AT_FIELD),
                popular,
            ),
            SavedSearch(
                "detected-language",
                "languages that were detected, not declared",
                "A detected language may be wrong, most of all in short texts. Declare it with: "
                "xlrec-ingest run --field language=FIELD",
                {"language detected": {"term": {LANGUAGE_SOURCE_FIELD: "detected"}}},
                self._columns(LANGUAGE_SOURCE_FIELD),
                popular,
            ),
            SavedSearch(
                "popular-cold-start",
                "popular cold-start items",
                "No user is behind their associations, though many know them. Interactions may be "
                "missing, or name them by another ID.",
                {"popular, but no user behind its associations": _popular_and_cold()},
                self._columns(PROVENANCE_FIELD, EVIDENCE_FIELD),
                popular,
            ),
            SavedSearch(
                "most-inherited",
                "items with the most inherited associations",
                "The fewer users are behind an item, the more of its associations are inherited "
                "from similar items. Those with the fewest come first.",
                {"associations inherited": {"terms": {PROVENANCE_FIELD: ["inherited", "blended"]}}},
                self._columns(PROVENANCE_FIELD, EVIDENCE_FIELD),
                ((EVIDENCE_FIELD, "asc"), *popular),
            ),
        )

    def _columns(self, *own: str) -> tuple[str, ...]:
        title = () if self.title_field is None else (self.title_field,)
        base = (ID_FIELD, WORK_FIELD, LANGUAGE_FIELD, POPULARITY_FIELD)
        return tuple(dict.fromkeys((*title, *self.shown, *base, *own)))

    def _of_others(self) -> Query:
        return {
            "bool": {
                "filter": [{"exists": {"field": FINGERPRINT_FIELD}}],
                "must_not": [{"term": {FINGERPRINT_FIELD: self.fingerprint}}],
            }
        }


def rejects_search() -> SavedSearch:
    """Records that runs of the worker rejected."""
    return SavedSearch(
        "rejects-by-stage",
        "rejected records by stage",
        "Records that xlrec-ingest run rejected, and why. Mend them in the reject file, and bring "
        "them in again with: xlrec-ingest replay FILE",
        {},
        ("stage", "reason", "document", "file", "line", "index"),
        (("stage", "asc"), ("@timestamp", "desc")),
        since="now-90d",
    )


def _without(name: str) -> Query:
    return {"bool": {"must_not": [{"exists": {"field": name}}]}}


def _popular_and_cold() -> Query:
    return {
        "bool": {
            "filter": [{"range": {POPULARITY_FIELD: {"gt": 0}}}],
            "must_not": [{"range": {EVIDENCE_FIELD: {"gt": 0}}}],
        }
    }


def _filter(alias: str, query: Query, reference: str) -> dict[str, Any]:
    return {
        "$state": {"store": "appState"},
        "meta": {
            "type": "custom",
            "key": "query",
            "value": orjson.dumps(query).decode(),
            "alias": alias,
            "disabled": False,
            "negate": False,
            "indexRefName": reference,
        },
        "query": query,
    }
