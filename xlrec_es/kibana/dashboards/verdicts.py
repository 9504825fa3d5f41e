"""Of Quality: what evaluations say in sentences, and what `tune` decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xlrec_es.evaluate.result_rows import NOTE, TUNING
from xlrec_es.kibana.dashboards.marks import (
    NUMBER,
    axis_of,
    estimates,
    metrics,
    nominal,
    sentences,
)
from xlrec_es.kibana.panels import VegaPanel, search_url, vega_lite

TIME_FIELD = "@timestamp"
NOTES = "What must be known before these numbers are trusted?"
TUNED = "Which settings did tune find better, and were they taken?"
GAIN = "gain on users that the settings were not chosen on"
LATEST = "The latest evaluation within the dashboard's time. "
FOUND = "aggregations.latest.buckets"
"""Where an answer to the search of `latest` has it."""

LEAK = "LEAK"
"""With which the notes of an evaluation begin that is worth nothing."""
_COLORS = {LEAK: "#F6726A", "verdict": "#16C5C0", "note": "#BFDBFF"}
_SENTENCES = 20


def latest(index: str, terms: Mapping[str, str], inner: Mapping[str, Any]) -> dict[str, Any]:
    """A search of the latest evaluation's rows of some terms."""
    of = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    aggregations = {
        "latest": {
            "terms": {"field": "evaluation", "size": 1, "order": {"at": "desc"}},
            "aggs": {
                "at": {"max": {"field": TIME_FIELD}},
                "rows": {"filter": of, "aggs": dict(inner)},
            },
        }
    }
    return search_url(index, aggregations, time_field=TIME_FIELD)


def notes(index: str) -> VegaPanel:
    """What the latest evaluation says in sentences."""
    verdict = {"verdict": {"max": {"field": "note.verdict"}}}
    terms = {"field": "note.text", "size": _SENTENCES, "order": {"verdict": "desc"}}
    search = latest(index, {"kind": NOTE}, {"notes": {"terms": terms, "aggs": verdict}})
    parts = {
        "transform": [
            {"flatten": ["rows.notes.buckets"], "as": ["row"]},
            {"calculate": "datum.row.key", "as": "sentence"},
            {
                "calculate": f"indexof(datum.sentence, '{LEAK}') == 0 ? '{LEAK}' : "
                "datum.row.verdict.value ? 'verdict' : 'note'",
                "as": "kind",
            },
            {"calculate": f"indexof({[*_COLORS]}, datum.kind)", "as": "place"},
        ],
        **sentences("kind", _COLORS, order="place"),
    }
    return VegaPanel(
        NOTES,
        vega_lite(search, FOUND, parts),
        f"{LATEST}{LEAK}: the index has learned from what it is tested on, and the numbers say "
        "nothing. Evaluate with --write-training, learn from that file, and evaluate again.",
    )


def tuned(index: str) -> VegaPanel:
    """What `tune` found and decided, each time that it ran."""
    moments = {"field": TIME_FIELD, "size": 30, "order": {"_key": "desc"}}
    inner = {**metrics("tuning.gain."), "written": {"max": {"field": "tuning.written"}}}
    of = {
        "tuned": {
            "filter": {"term": {"kind": TUNING}},
            "aggs": {"times": {"terms": moments, "aggs": inner}},
        }
    }
    color = {"field": "settings", "type": "nominal", "title": "settings were"}
    parts = {
        "transform": [
            *({"calculate": f"datum.{name}.value", "as": name} for name in ("low", "high", "mean")),
            {"calculate": "datum.written.value ? 'taken' : 'left as they were'", "as": "settings"},
            {"calculate": "utcFormat(datum.key, '%Y-%m-%d %H:%M')", "as": "at"},
        ],
        "encoding": {"y": nominal("at", "tuned at")},
        "layer": estimates({"title": GAIN, "axis": axis_of(NUMBER)}, color=color),
    }
    return VegaPanel(
        TUNED,
        vega_lite(
            search_url(index, of, time_field=TIME_FIELD), "aggregations.tuned.times.buckets", parts
        ),
        "Gain of the proposed settings over those before, with its 95% interval. Settings are "
        "taken if the interval is above zero. Times are UTC.",
    )
