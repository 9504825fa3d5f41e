"""Traffic: what users were shown and clicked, by variant, language, rank and retriever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xlrec_es.interactions.weighting import EVENT_WEIGHTS
from xlrec_es.kibana.dashboards.marks import SHARE, estimates, nominal, over_time, said, share
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.panels import (
    TIMES,
    VEGA_LITE,
    Dashboard,
    Panel,
    Row,
    VegaPanel,
    needs,
    search_url,
    vega_lite,
)
from xlrec_es.recommend.options import EXPLORE, RETRIEVERS

NAME = "traffic"
TIME_FIELD = "time"

_COMMAND = "xlrec-es serve --index {} --impressions-index SHOWN --events-index CLICKS"
_HEIGHT = 15
_MANY = 40
"""Most variants, languages or ranks."""

SHOWN = "How many recommendations were shown?"
RATE = "Which share of them was clicked?"
VARIANTS = "Which variant is clicked more?"
LANGUAGES = "Which languages are clicked more?"
RANKS = "How far down the list do users click?"
SOURCES = "Whose recommendations are clicked?"
ASKED = "Which languages were asked for, and which were shown?"
PARTIAL = "Which share of the lists was partial?"
OF_CLICKS = (RATE, VARIANTS, LANGUAGES, RANKS, SOURCES)

_INTERVAL = (
    "Clicks are events that say where the item was shown, in a list that was logged; a "
    "recommendation counts once. The intervals are Wilson's, of 95%, over recommendations; those "
    "of compare-logs are over users, and are the ones to decide by."
)

_DISLIKES = [name for name, weight in EVENT_WEIGHTS.items() if weight < 0]
_IS_SHOWN = {"exists": {"field": "propensity"}}
_PLACED = [{"exists": {"field": "impression"}}, {"exists": {"field": "event"}}]
_HAS_PLACE = {"bool": {"filter": _PLACED, "must_not": [_IS_SHOWN]}}
"""An event that says where in which list its item was shown."""
_IS_CLICKED = {
    "bool": {"filter": _PLACED, "must_not": [_IS_SHOWN, {"terms": {"event": _DISLIKES}}]}
}
_FIRST_PLACE = {"bool": {"filter": [_IS_SHOWN, {"term": {"place": 1}}]}}
"""One document for each list."""
_IS_PARTIAL = {"bool": {"filter": [*_FIRST_PLACE["bool"]["filter"], {"term": {"degraded": True}}]}}

_Z = 1.959963984540054  # of 95%


def dashboard(names: Indices) -> Dashboard:
    """The dashboard.

    Args:
        names: Of which what was shown and what was clicked is read.
    """
    panels = _panels(names)
    rows = (
        Row((panels[SHOWN], panels[RATE]), _HEIGHT),
        Row((panels[VARIANTS], panels[LANGUAGES]), _HEIGHT),
        Row((panels[RANKS], panels[SOURCES]), _HEIGHT),
        Row((panels[ASKED], panels[PARTIAL]), _HEIGHT),
    )
    return Dashboard(
        NAME,
        f"{names.catalog}: Traffic",
        "What users were shown and clicked, by variant, language, rank and retriever. By xlrec-es.",
        rows,
        since="now-30d",
    )


def _panels(names: Indices) -> Mapping[str, Panel]:
    every = (SHOWN, *OF_CLICKS, ASKED, PARTIAL)
    missing: dict[str, Panel] = {
        title: needs(title, _COMMAND.format(names.catalog)) for title in every
    }
    if names.shown is None:
        return missing
    lists = (_shown(names.shown), _asked(names.shown), _partial(names.shown))
    found: dict[str, Panel] = {panel.title: panel for panel in lists}
    if names.clicks is not None:
        found |= {panel.title: panel for panel in _of_clicks(names)}
    return missing | found


def _of_clicks(names: Indices) -> tuple[VegaPanel, ...]:
    return (
        _rate_over_time(names),
        _rates(names, VARIANTS, "variant", axis="variant"),
        _rates(names, LANGUAGES, "language", axis="language of the item"),
        _rates_by_rank(names),
        _rates_by_retriever(names),
    )


def _of_both(names: Indices, aggregations: Mapping[str, Any]) -> dict[str, Any]:
    """A search of what was shown and of what was done, which may be in one index."""
    both = ",".join(dict.fromkeys(one for one in (names.shown, names.clicks) if one is not None))
    return _url(both, aggregations)


def _url(index: str, aggregations: Mapping[str, Any]) -> dict[str, Any]:
    return search_url(index, aggregations, time_field=TIME_FIELD)


_ONCE = {"cardinality": {"field": "impression", "precision_threshold": 40_000}}
"""Recommendations, each once; up to so many are counted nearly exactly."""

_COUNTS = {
    "shown": {
        "filter": _IS_SHOWN,
        "aggs": {"named": {"value_count": {"field": "impression"}}, "once": _ONCE},
    },
    # A recommendation that was clicked twice, or clicked and bought, was clicked.
    "clicked": {"filter": _IS_CLICKED, "aggs": {"once": _ONCE}},
    "either": {
        "filter": {"bool": {"should": [_IS_SHOWN, _IS_CLICKED]}},
        "aggs": {"once": _ONCE},
    },
}
"""Of a bucket: how many recommendations were shown, and how many of them were clicked.

Elasticsearch does not join, so what was clicked and not shown is what there is more of in both.
"""

_ANSWER = "answer"
_ANY_CLICK = {"clicks": {"global": {}, "aggs": {"there": {"filter": _HAS_PLACE}}}}
"""Whether there has ever been an event that says where its item was shown."""
_ONLY_WITH_CLICKS = {"filter": "datum.clicks.there.doc_count > 0"}


def _not_shown(bucket: str) -> str:
    """How many clicks of a bucket are on nothing that was logged; none where lists are unnamed."""
    return (
        f"({bucket}.shown.named.value < {bucket}.shown.doc_count ? 0 : "
        f"max(0, {bucket}.either.once.value - {bucket}.shown.once.value))"
    )


def _drawn(
    names: Indices, title: str, search: dict[str, Any], parts: dict[str, Any], *, about: str
) -> VegaPanel:
    """A panel of clicks, which says so if there are none of any time, in place of drawing 0%."""
    search["body"]["aggs"] |= _ANY_CLICK
    lines = ["There is no click that says where it was shown. Make some with:"]
    lines += [f"xlrec-es serve --impressions-index {names.shown} --events-index {names.clicks}"]
    there = f"data('{_ANSWER}')[0]"
    otherwise = parts.pop("said", "''")
    text = f"!{there} ? '' : {there}.clicks.there.doc_count > 0 ? {otherwise} : {lines}"
    parts["transform"] = [_ONLY_WITH_CLICKS, *parts["transform"]]
    spec = vega_lite(search, "aggregations", {**said(text), **parts}, name=_ANSWER)
    return VegaPanel(title, spec, about)


def _wilson(bucket: str, unlogged: str) -> list[dict[str, Any]]:
    """Transforms to the rate of a bucket with `_COUNTS`, with its interval.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"
    (https://doi.org/10.1080/01621459.1927.10502953).

    Args:
        bucket: Where it is.
        unlogged: How many of its clicks do not count.
    """
    square = _Z * _Z
    spread = (
        f"{_Z} * sqrt(datum.mean * (1 - datum.mean) / datum.n + {square} / (4 * datum.n * datum.n))"
    )
    ends = {"low": "-", "high": "+"}
    return [
        {"calculate": f"{bucket}.shown.doc_count", "as": "n"},
        {"filter": "datum.n > 0"},
        {"calculate": f"{bucket}.clicked.once.value - {unlogged}", "as": "logged"},
        {"calculate": "clamp(datum.logged, 0, datum.n)", "as": "clicks"},
        {"calculate": "datum.clicks / datum.n", "as": "mean"},
        *(
            {
                "calculate": f"(datum.mean + {square} / (2 * datum.n) {sign} {spread})"
                f" / (1 + {square} / datum.n)",
                "as": end,
            }
            for end, sign in ends.items()
        ),
    ]


_CLICKED = share("clicked")


def _rows(*, buckets: str = "values.buckets") -> dict[str, Any]:
    return {"flatten": [buckets], "as": ["row"]}


def _drawn_rates(*before: Mapping[str, Any], bucket: str, names: dict[str, Any]) -> dict[str, Any]:
    counts = "format(datum.clicks, ',') + ' of ' + format(datum.n, ',')"
    labeled = {"calculate": f"datum.name + '  ' + {counts}", "as": "label"}
    return {
        "transform": [*before, *_wilson(bucket, _not_shown(bucket)), labeled],
        "encoding": {"y": nominal("label", **names)},
        "layer": estimates(_CLICKED, form=SHARE),
    }


def _rates(names: Indices, title: str, field: str, *, axis: str) -> VegaPanel:
    values = {"values": {"terms": {"field": field, "size": _MANY}, "aggs": _COUNTS}}
    name = {"calculate": "toString(datum.row.key)", "as": "name"}
    parts = _drawn_rates(_rows(), name, bucket="datum.row", names={"title": axis})
    return _drawn(names, title, _of_both(names, values), parts, about=_INTERVAL)


def _rates_by_rank(names: Indices) -> VegaPanel:
    ranks = {"field": "place", "size": _MANY, "order": {"_key": "asc"}}
    parts = {
        "transform": [
            _rows(),
            {"calculate": "datum.row.key", "as": "rank"},
            *_wilson("datum.row", _not_shown("datum.row")),
        ],
        "encoding": {
            "x": {"field": "rank", "type": "ordinal", "title": "rank", "axis": {"labelAngle": 0}},
        },
        "layer": estimates(_CLICKED, upright=True, form=SHARE),
    }
    search = _of_both(names, {"values": {"terms": ranks, "aggs": _COUNTS}})
    return _drawn(names, RANKS, search, parts, about=_INTERVAL)


def _rates_by_retriever(names: Indices) -> VegaPanel:
    found_by = {
        name: {"exists": {"field": f"retrievers.{name}"}} for name in (*RETRIEVERS, EXPLORE)
    }
    values = {"values": {"filters": {"filters": found_by}, "aggs": _COUNTS}}
    parts = _drawn_rates(
        {"calculate": f"{[*found_by]}", "as": "names"},
        {"flatten": ["names"], "as": ["name"]},
        {"calculate": "datum.values.buckets[datum.name]", "as": "row"},
        bucket="datum.row",
        names={"title": "found by"},
    )
    return _drawn(
        names,
        SOURCES,
        _of_both(names, values),
        parts,
        about="A recommendation counts for each retriever that found it. A click counts if it "
        f"names the item's `retrievers`. {_INTERVAL}",
    )


def _rate_over_time(names: Indices) -> VegaPanel:
    """Clicks come after what they are on, so those of one span of time may be on an earlier one."""
    unlogged = _not_shown(f"data('{_ANSWER}')[0]")
    parts = {
        "transform": [
            _rows(buckets="times.buckets"),
            {"calculate": "datum.row.key", "as": "at"},
            *_wilson("datum.row", "0"),
        ],
        "encoding": {"x": {"field": "at", "type": "temporal", "title": "time", "axis": TIMES}},
        "layer": estimates(_CLICKED, upright=True, form=SHARE),
        "said": f"{unlogged} > 0 ? format({unlogged}, ',') + ' clicks on what was not logged in "
        "this time count here, and in no other panel' : ''",
    }
    search = _of_both(names, {**over_time(TIME_FIELD, **_COUNTS), **_COUNTS})
    return _drawn(names, RATE, search, parts, about=f"Clicks count when they come. {_INTERVAL}")


def _shown(index: str) -> VegaPanel:
    terms = {"field": "variant", "size": _MANY}
    shown = {"filter": _IS_SHOWN, "aggs": {"variants": {"terms": terms}}}
    parts = {
        "transform": [
            {"flatten": ["shown.variants.buckets"], "as": ["part"]},
            {"calculate": "datum.part.key", "as": "variant"},
            {"calculate": "datum.part.doc_count", "as": "recommendations"},
        ],
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {"field": "key", "type": "temporal", "title": "time", "axis": TIMES},
            "y": {
                "field": "recommendations",
                "type": "quantitative",
                "axis": {"tickCount": 5, "tickMinStep": 1, "format": ",d"},
            },
            "color": {"field": "variant", "type": "nominal"},
        },
    }
    return VegaPanel(
        SHOWN,
        vega_lite(
            _url(index, over_time(TIME_FIELD, shown=shown)), "aggregations.times.buckets", parts
        ),
        "Items of lists, as /v1/impressions was told of them.",
    )


def _asked(index: str) -> VegaPanel:
    """Two searches in one picture: of lists, and of what is in them."""

    def layer(what: str, rows: Mapping[str, Any], field: str) -> dict[str, Any]:
        values = {"values": {"terms": {"field": field, "size": _MANY}}}
        whole = vega_lite(
            _url(index, {"rows": {"filter": dict(rows), "aggs": values}}), "aggregations.rows", {}
        )
        return {
            "data": whole["data"],
            "transform": [
                {"flatten": ["values.buckets"], "as": ["value"]},
                {"calculate": "datum.value.key", "as": "language"},
                {"calculate": "datum.value.doc_count / datum.doc_count", "as": "part"},
                {"calculate": f"'{what}'", "as": "what"},
            ],
            "mark": {"type": "bar", "tooltip": True},
            "encoding": {
                "y": {"field": "language", "type": "nominal", "axis": {"title": None}},
                "yOffset": {"field": "what", "title": "of"},
                "x": {"field": "part", "type": "quantitative", **share("share")},
                "color": {
                    "field": "what",
                    "type": "nominal",
                    "title": "of",
                    "legend": {"title": None},
                },
            },
        }

    layers = [
        layer("lists that asked for it", _FIRST_PLACE, "languages_asked"),
        layer("recommendations in it", _IS_SHOWN, "language"),
    ]
    spec = {"$schema": VEGA_LITE, "layer": layers}
    return VegaPanel(
        ASKED,
        spec,
        "A list may ask for several languages. Lists that did not say count as lists.",
    )


def _partial(index: str) -> VegaPanel:
    lists = {"lists": {"filter": _FIRST_PLACE}, "partial": {"filter": _IS_PARTIAL}}
    parts = {
        "transform": [
            {"filter": "datum.lists.doc_count > 0"},
            {"calculate": "datum.partial.doc_count / datum.lists.doc_count", "as": "part"},
        ],
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {
            "x": {"field": "key", "type": "temporal", "title": "time", "axis": TIMES},
            "y": {
                "field": "part",
                "type": "quantitative",
                **share("share of the lists"),
                "scale": {"domainMin": 0},
            },
        },
    }
    return VegaPanel(
        PARTIAL,
        vega_lite(_url(index, over_time(TIME_FIELD, **lists)), "aggregations.times.buckets", parts),
        "Lists for which a search failed or came late (degraded): something may be missing.",
    )
