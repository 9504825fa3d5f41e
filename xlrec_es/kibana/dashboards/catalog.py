"""Catalog: what is in the index, by language, and what a search would not find in it."""

from __future__ import annotations

from typing import Any

from xlrec_es.index.fields import (
    INDICATORS_FIELD,
    LANGUAGE_FIELD,
    OWN_FIELD,
    POPULARITY_FIELD,
    PROVENANCE_FIELD,
    VECTOR_FIELD,
)
from xlrec_es.kibana.dashboards.marks import SHARE, over_time, share, stacked, untitled
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.panels import (
    TIMES,
    WHOLE,
    Dashboard,
    MarkdownPanel,
    Row,
    VegaPanel,
    search_url,
    vega_lite,
)

NAME = "catalog"
INGESTED_AT_FIELD = f"{OWN_FIELD}.ingested_at"
FINGERPRINT_FIELD = f"{OWN_FIELD}.fingerprint"
LANGUAGE_SOURCE_FIELD = f"{OWN_FIELD}.language_source"

WITHOUT_LANGUAGE = "none"
NOT_LEARNED = "not learned"
UNTOLD = "not said"

_LANGUAGES = 50
_BUCKETS = 0.05
_HEIGHT = 14


def dashboard(names: Indices, notes: MarkdownPanel | None = None) -> Dashboard:
    """The dashboard.

    Args:
        names: Of which the catalog is read.
        notes: Where to look closer; see `links`.
    """
    index = names.catalog
    rows: tuple[Row, ...] = (
        Row((_documents(index), _coverage(index)), _HEIGHT),
        Row((_provenance(index), _popularity(index)), _HEIGHT),
        Row((_written(index),), _HEIGHT),
        Row((_declared(index), _fingerprints(index)), _HEIGHT),
    )
    if notes is not None:
        rows = (*rows, Row((notes,), _HEIGHT))
    return Dashboard(
        NAME,
        f"{index}: Catalog",
        "What the index holds in each language, and what is missing. By xlrec-es.",
        rows,
    )


def _to_fill(index: str) -> str:
    """What to run where a panel has nothing to show before anything is learned."""
    return f"To fill this, run: xlrec-ingest learn INTERACTIONS --index {index}."


def _by_language(**inner: dict[str, Any]) -> dict[str, Any]:
    terms = {"field": LANGUAGE_FIELD, "size": _LANGUAGES, "missing": WITHOUT_LANGUAGE}
    return {"languages": {"terms": terms, **({"aggs": inner} if inner else {})}}


def _documents(index: str) -> LensPanel:
    return LensPanel(
        "How many documents are there in each language?",
        index,
        LANGUAGE_FIELD,
        "documents",
        "Documents by xlrec.language. Click on a bar to see that language alone in every panel.",
        _LANGUAGES,
        shows_missing=True,
    )


def _coverage(index: str) -> VegaPanel:
    search = search_url(
        index,
        _by_language(
            vectors={"filter": {"exists": {"field": VECTOR_FIELD}}},
            indicators={"filter": {"exists": {"field": INDICATORS_FIELD}}},
        ),
    )
    names = ["a vector", "associations"]
    parts = {
        "transform": [
            {"calculate": "datum.vectors.doc_count / datum.doc_count", "as": names[0]},
            {"calculate": "datum.indicators.doc_count / datum.doc_count", "as": names[1]},
            {"fold": names, "as": ["what", "share"]},
        ],
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": untitled("key", "language"),
            "yOffset": {"field": "what", "sort": names, "title": "have"},
            "x": _share("share", "share of documents"),
            "color": {"field": "what", "type": "nominal", "sort": names, "title": "have"},
        },
    }
    return VegaPanel(
        "Which share of each language has a vector, and which has associations?",
        vega_lite(search, "aggregations.languages.buckets", parts),
        "Without a vector, a document is found by words alone. Associations are learned from "
        f"interactions, or inherited from similar items. {_to_fill(index)}",
    )


def _provenance(index: str) -> VegaPanel:
    order = ["own", "blended", "inherited", "none", NOT_LEARNED]
    return _parts_by_language(
        index,
        "How much of each language is cold?",
        "Where an item's associations come from: its own users, its own and similar items, similar "
        f"items alone (a cold-start item), or nowhere. {_to_fill(index)}",
        terms={"field": PROVENANCE_FIELD, "missing": NOT_LEARNED},
        named=("associations", order),
    )


def _declared(index: str) -> VegaPanel:
    return _parts_by_language(
        index,
        "Which languages were declared, and which only detected?",
        "A detected language may be wrong, most of all in short texts.",
        terms={"field": LANGUAGE_SOURCE_FIELD, "missing": UNTOLD},
        named=("language is", ["declared", "detected", UNTOLD]),
    )


def _parts_by_language(
    index: str,
    title: str,
    description: str,
    *,
    terms: dict[str, Any],
    named: tuple[str, list[str]],
) -> VegaPanel:
    """A bar for each language, of the whole's length, parted by the values of a field."""
    legend, order = named
    mark, channels = stacked(
        ("language", "language", ""),
        ("what", legend, ""),
        ("share", "share of documents", SHARE),
        ("documents", "documents", ",d"),
    )
    parts = {
        "transform": [
            {"calculate": "datum.key", "as": "language"},
            {"flatten": ["parts.buckets"], "as": ["part"]},
            {"calculate": "datum.part.key", "as": "what"},
            {"calculate": "datum.part.doc_count", "as": "documents"},
            {"calculate": "datum.documents / datum.doc_count", "as": "share"},
            {"calculate": f"indexof({order}, datum.what)", "as": "place"},
        ],
        "mark": mark,
        "encoding": {
            "y": untitled("key", "language"),
            "x": _share("share", "share of documents"),
            "color": {"field": "what", "type": "nominal", "sort": order, "title": legend},
            **channels,
        },
    }
    search = search_url(index, _by_language(parts={"terms": {**terms, "size": len(order) + 5}}))
    return VegaPanel(title, vega_lite(search, "aggregations.languages.buckets", parts), description)


def _popularity(index: str) -> VegaPanel:
    histogram = {"field": POPULARITY_FIELD, "interval": _BUCKETS, "min_doc_count": 1}
    search = search_url(index, _by_language(popularity={"histogram": histogram}))
    parts = {
        "transform": [
            {"flatten": ["popularity.buckets"], "as": ["part"]},
            {"calculate": "datum.part.key", "as": "from"},
            {"calculate": f"datum.part.key + {_BUCKETS}", "as": "to"},
            {"calculate": "datum.part.doc_count", "as": "documents"},
        ],
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "bin": {"binned": True, "step": _BUCKETS},
                "title": "popularity",
            },
            "x2": {"field": "to"},
            "y": _count("documents"),
            "color": {"field": "key", "type": "nominal", "title": "language"},
        },
    }
    return VegaPanel(
        "How is popularity spread?",
        vega_lite(search, "aggregations.languages.buckets", parts),
        "Documents by xlrec.popularity, from 0 to 1. Most catalogs have few popular items. "
        f"{_to_fill(index)}",
    )


def _written(index: str) -> VegaPanel:
    search = search_url(
        index,
        over_time(INGESTED_AT_FIELD, **_by_language()),
        time_field=INGESTED_AT_FIELD,
    )
    parts = {
        "transform": [
            {"flatten": ["languages.buckets"], "as": ["part"]},
            {"calculate": "datum.part.key", "as": "language"},
            {"calculate": "datum.part.doc_count", "as": "documents"},
        ],
        "mark": {"type": "bar", "size": 8, "tooltip": True},
        "encoding": {
            "x": {
                "field": "key",
                "type": "temporal",
                "title": "written",
                "scale": {"padding": 8},
                "axis": TIMES,
            },
            "y": _count("documents"),
            "color": {"field": "language", "type": "nominal"},
        },
    }
    return VegaPanel(
        "When were the documents written?",
        vega_lite(search, "aggregations.times.buckets", parts),
        "By xlrec.ingested_at, within the time that the dashboard shows.",
    )


def _fingerprints(index: str) -> LensPanel:
    return LensPanel(
        "Were all vectors made by one encoder?",
        index,
        FINGERPRINT_FIELD,
        "documents",
        "By xlrec.fingerprint, which stands for the encoder and its settings. Vectors of two "
        "cannot be compared: one bar is well, two are a fault. Without a vector, it is missing.",
        shows_missing=True,
    )


def _count(field: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "title": "documents",
        "axis": WHOLE,
    }


def _share(field: str, title: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        **share(title),
    }
