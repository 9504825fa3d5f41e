"""Worker: how runs of `xlrec-ingest` went, and what they rejected."""

from __future__ import annotations

from typing import Any

from xlrec_es.kibana.dashboards.marks import over_time, stacked
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.panels import (
    TIMES,
    WHOLE,
    Dashboard,
    MarkdownPanel,
    Panel,
    Row,
    VegaPanel,
    needs,
    search_url,
    vega_lite,
)

NAME = "worker"
TIME_FIELD = "@timestamp"

_COMMAND = "xlrec-ingest run CATALOG --index {} --write-to RUNS"
_NONE_YET = (
    "No run had rejected a record when this was exported. "
    "Once one has, export the dashboards again."
)
_HEIGHT = 14

_SPEED = "How many documents a second did runs read?"
_BECAME = "What became of the documents?"
_REASONS = "Why were records rejected?"
_STAGES = "At which stage were they rejected?"
_RETRIES = "How often did a run have to ask Elasticsearch again?"
_TITLES = (_SPEED, _BECAME, _REASONS, _STAGES, _RETRIES)


def dashboard(names: Indices) -> Dashboard:
    """The dashboard.

    Args:
        names: Of which the runs and the rejected records are read.
    """
    panels = tuple(_panels(names))
    rows = (
        Row(panels[:2], _HEIGHT),
        Row(panels[2:4], _HEIGHT, (30, 18)),
        Row(panels[4:], _HEIGHT),
    )
    return Dashboard(
        NAME,
        f"{names.catalog}: Worker",
        "How runs of xlrec-ingest went: speed, rejected records, retries. By xlrec-es.",
        rows,
    )


def _panels(names: Indices) -> list[Panel]:
    if names.runs is None:
        return [needs(title, _COMMAND.format(names.catalog)) for title in _TITLES]
    return [
        _speed(names.runs),
        _became(names.runs),
        *_rejects(names.rejects),
        _retries(names.runs),
    ]


def _rejects(index: str | None) -> tuple[Panel, Panel]:
    if index is None:
        return MarkdownPanel(_REASONS, _NONE_YET), MarkdownPanel(_STAGES, _NONE_YET)
    return _reasons(index), _stages(index)


def _url(index: str, aggregations: dict[str, Any]) -> dict[str, Any]:
    return search_url(index, aggregations, time_field=TIME_FIELD)


def _speed(index: str) -> VegaPanel:
    search = _url(
        index,
        {
            "indices": {
                "terms": {"field": "index", "size": 10},
                "aggs": over_time(TIME_FIELD, speed={"avg": {"field": "documents_per_second"}}),
            }
        },
    )
    parts = {
        "transform": [
            {"flatten": ["times.buckets"], "as": ["time"]},
            {"calculate": "datum.time.key", "as": "at"},
            {"calculate": "datum.time.speed.value", "as": "speed"},
            {"filter": "isValid(datum.speed)"},
        ],
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {
            "x": _time("at"),
            "y": {
                "field": "speed",
                "type": "quantitative",
                "title": "documents a second",
                "axis": {"tickCount": 5},
            },
            "color": {"field": "key", "type": "nominal", "title": "index"},
        },
    }
    return VegaPanel(
        _SPEED,
        vega_lite(search, "aggregations.indices.buckets", parts),
        "Mean of the runs at a time. Encoding takes most of a run; see its summary.",
    )


def _became(index: str) -> VegaPanel:
    fates = ["indexed", "unchanged", "superseded", "deleted", "rejected"]
    sums = {name: {"sum": {"field": name}} for name in fates}
    mark, channels = stacked(
        ("run", "run", ""), ("what", "were", ""), ("documents", "documents", ",d")
    )
    parts = {
        "transform": [
            *({"calculate": f"datum.{name}.value", "as": name} for name in fates),
            {"calculate": "timeFormat(datum.key, '%Y-%m-%d %H:%M')", "as": "run"},
            {"fold": fates, "as": ["what", "documents"]},
            {"calculate": f"indexof({fates}, datum.what)", "as": "place"},
        ],
        "mark": {**mark, "size": 8},
        "encoding": {
            "x": _time("key"),
            "y": {"field": "documents", "type": "quantitative", "axis": WHOLE},
            "color": {"field": "what", "type": "nominal", "sort": fates, "title": "were"},
            **channels,
        },
    }
    return VegaPanel(
        _BECAME,
        vega_lite(_url(index, over_time(TIME_FIELD, **sums)), "aggregations.times.buckets", parts),
        "Unchanged ones were in the index already; superseded ones were older than it.",
    )


def _reasons(index: str) -> LensPanel:
    return LensPanel(
        _REASONS,
        index,
        "reason",
        "records",
        "Of each run the first thousand rejected records are counted; the reject file has all.",
        12,
        time_field=TIME_FIELD,
    )


def _stages(index: str) -> LensPanel:
    return LensPanel(
        _STAGES,
        index,
        "stage",
        "records",
        "Rejected while they were read, made a document, encoded or written.",
        10,
        time_field=TIME_FIELD,
    )


def _retries(index: str) -> VegaPanel:
    parts = {
        "transform": [{"calculate": "datum.retries.value", "as": "requests"}],
        "mark": {"type": "bar", "size": 8, "tooltip": True},
        "encoding": {
            "x": _time("key"),
            "y": {"field": "requests", "type": "quantitative", "axis": WHOLE},
        },
    }
    search = _url(index, over_time(TIME_FIELD, retries={"sum": {"field": "retries"}}))
    return VegaPanel(
        _RETRIES,
        vega_lite(search, "aggregations.times.buckets", parts),
        "Bulk requests that were sent once more. Many of them say that the cluster is overloaded.",
    )


def _time(field: str) -> dict[str, Any]:
    scale = {"padding": 8}
    return {"field": field, "type": "temporal", "title": "run", "scale": scale, "axis": TIMES}
