"""Of Quality: what gates of a reindex decided, why, and how near to their limits checks were."""

from __future__ import annotations

from xlrec_es.evaluate.result_rows import CHECK, GATE
from xlrec_es.kibana.dashboards.marks import ENDS, NUMBER, axis_of, sentences, taken, told
from xlrec_es.kibana.dashboards.verdicts import TIME_FIELD
from xlrec_es.kibana.panels import POINT, TIMES, VegaPanel, search_url, vega_lite

DECIDED = "What did gates of reindexes decide, and why?"
CHECKED = "How near to their limits were the checks?"

REFUSED, SWAPPED, WAITS = "refused", "passed and swapped", "passed, not swapped"
"""What becomes of a new version."""
_COLORS = {REFUSED: "#F6726A", SWAPPED: "#16C5C0", WAITS: "#BFDBFF"}

_LIMIT = {"type": "tick", "orient": "horizontal", "size": 18, "thickness": 2, "opacity": 1}
"""A mark of a limit: a short line."""

_DECISIONS, _CHECKS, _TIMES = 12, 20, 100
"""Most buckets of each."""


def decided(index: str) -> VegaPanel:
    """A sentence for each of the latest decisions."""
    inner = {
        "at": {"max": {"field": TIME_FIELD}},
        "passed": {"max": {"field": "gate.passed"}},
        "swapped": {"max": {"field": "gate.swapped"}},
        **{
            name: {"terms": {"field": field, "size": 1}}
            for name, field in (
                ("version", "index"),
                ("source", "gate.source"),
                ("command", "gate.command"),
                ("reason", "gate.reason"),
            )
        },
    }
    decisions = {"field": "gate.decision", "size": _DECISIONS, "order": {"at": "desc"}}
    of = {
        "gates": {
            "filter": {"term": {"kind": GATE}},
            "aggs": {"decisions": {"terms": decisions, "aggs": inner}},
        }
    }
    only = {name: f"datum.{name}.buckets[0].key" for name in ("version", "source", "command")}
    sentence = (
        "utcFormat(datum.at.value, '%Y-%m-%d %H:%M') + ': ' + datum.command + ' of ' + "
        "datum.source + ' into ' + datum.version + ', ' + datum.decision + '. ' + "
        "datum.reason.buckets[0].key"
    )
    parts = {
        "transform": [
            *({"calculate": text, "as": name} for name, text in only.items()),
            {
                "calculate": f"!datum.passed.value ? '{REFUSED}' : datum.swapped.value ? "
                f"'{SWAPPED}' : '{WAITS}'",
                "as": "decision",
            },
            {"calculate": sentence, "as": "sentence"},
        ],
        **sentences("decision", _COLORS, order=None),
    }
    return VegaPanel(
        DECIDED,
        vega_lite(
            search_url(index, of, time_field=TIME_FIELD),
            "aggregations.gates.decisions.buckets",
            parts,
        ),
        "What index reindex and reencode checked before the new version took the place of the "
        "old one. A refused version changes nothing: the alias stays. Times are UTC.",
    )


def checked(index: str) -> VegaPanel:
    """The number of each check that has a limit, with the limit as a line."""
    names = ("mean", "low", "high", "limit", "ok")
    fields = dict(zip(names, ("value", "low", "high", "limit", "ok"), strict=True))
    values = {name: {"max": {"field": f"check.{field}"}} for name, field in fields.items()}
    times = {"field": TIME_FIELD, "size": _TIMES, "order": {"_key": "desc"}}
    parts_of = {"field": "check.of", "size": _CHECKS, "missing": ""}
    numbered = [{"term": {"kind": CHECK}}, {"exists": {"field": "check.limit"}}]
    of = {
        "gates": {
            "filter": {"bool": {"filter": numbered}},
            "aggs": {
                "checks": {
                    "terms": {"field": "check.name", "size": _CHECKS},
                    "aggs": {
                        "of": {
                            "terms": parts_of,
                            "aggs": {"times": {"terms": times, "aggs": values}},
                        }
                    },
                }
            },
        }
    }
    # Each of the layers would draw the legend's symbols in a way of its own.
    legend = {"symbolType": "circle", "symbolOpacity": 1}
    color = {"field": "check", "type": "nominal", "title": "check", "legend": legend}
    value = {"type": "quantitative", "title": "share", "axis": axis_of(NUMBER)}
    description, tooltip = told(
        ("check", "check", ""),
        ("of", "of", ""),
        ("when", "decided", ""),
        ("mean", "measured", NUMBER),
        ("limit", "limit", NUMBER),
        *((end, name, NUMBER) for end, name in ENDS.items()),
        ("was", "was", ""),
    )
    parts = {
        "transform": [
            {"calculate": "datum.key", "as": "check"},
            {"flatten": ["of.buckets"], "as": ["one"]},
            {"calculate": "datum.one.key || 'all'", "as": "of"},
            {"flatten": ["one.times.buckets"], "as": ["time"]},
            {"calculate": "datum.time.key", "as": "at"},
            {"calculate": "utcFormat(datum.at, '%Y-%m-%d %H:%M')", "as": "when"},
            *taken("time", names),
            {"calculate": "datum.ok ? 'passed' : 'failed'", "as": "was"},
        ],
        "encoding": {
            "x": {"field": "at", "type": "temporal", "title": "decided", "axis": TIMES},
            "color": color,
        },
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "bar", "size": 2, "aria": False},
                "encoding": {"y": {"field": "low", **value}, "y2": {"field": "high"}},
            },
            {
                "mark": {**_LIMIT, "aria": False},
                "encoding": {"y": {"field": "limit", **value}},
            },
            {
                "mark": {**POINT, "tooltip": True, "description": description},
                "encoding": {
                    "y": {"field": "mean", **value},
                    "shape": {
                        "field": "was",
                        "type": "nominal",
                        "scale": {"domain": ["passed", "failed"], "range": ["circle", "cross"]},
                        "title": "check was",
                        # Vega's own is black, which a dark page hides.
                        "legend": {"symbolFillColor": "gray", "symbolStrokeColor": "gray"},
                    },
                    "tooltip": tooltip,
                },
            },
        ],
    }
    return VegaPanel(
        CHECKED,
        vega_lite(
            search_url(index, of, time_field=TIME_FIELD), "aggregations.gates.checks.buckets", parts
        ),
        "The number of each check, and its limit as a short line. counts: documents that one "
        "version has more or less, of a language; at most the limit. recall (of the worst "
        "language), overlap and encoder: at least the limit. evaluation: change of recall, with "
        "its 95% interval, which must reach the limit.",
    )
