"""Quality: how good lists are on held-out interactions, as `xlrec-es evaluate` measured it."""

from __future__ import annotations

from typing import Any

from xlrec_es.evaluate.evaluator import COVERAGE
from xlrec_es.evaluate.protocol import COLD_POOL, CROSS, MIXED
from xlrec_es.evaluate.result_rows import PAIR, SYSTEM
from xlrec_es.evaluate.systems import RECOMMENDER
from xlrec_es.kibana.dashboards.gates import CHECKED, DECIDED, checked, decided
from xlrec_es.kibana.dashboards.marks import (
    ENDS,
    NUMBER,
    axis_of,
    estimates,
    metrics,
    nominal,
    share,
    taken,
)
from xlrec_es.kibana.dashboards.verdicts import (
    FOUND,
    LATEST,
    NOTES,
    TIME_FIELD,
    TUNED,
    latest,
    notes,
    tuned,
)
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.panels import (
    POINT,
    TIMES,
    Dashboard,
    Panel,
    Row,
    VegaPanel,
    needs,
    search_url,
    vega_lite,
)

NAME = "quality"

_COMMAND = "xlrec-es evaluate INTERACTIONS --index {} --write-to EVALUATIONS"
_TUNE = "xlrec-es tune INTERACTIONS --index {} --write-to EVALUATIONS"
_REINDEX = "xlrec-es index reindex {} --write-to EVALUATIONS"
_HEIGHT = 18
_POOLS = [CROSS, MIXED, COLD_POOL]
_SYSTEMS, _LANGUAGES, _RUNS = 50, 100, 200
"""Most buckets of each."""

RECALL = "How much of what users took later do lists hold?"
OVER_TIME = "Has that changed from evaluation to evaluation?"
PAIRS = "From which language into which does it work?"
COLD = "Are items without users found as well as the others?"
SOURCE = "How much of a list is in the language of the user's history?"
COVERED = "How much of the catalog is in any list?"
_TITLES = (NOTES, RECALL, OVER_TIME, PAIRS, COLD, SOURCE, COVERED, TUNED, CHECKED, DECIDED)


def dashboard(names: Indices) -> Dashboard:
    """The dashboard.

    Args:
        names: Of which the evaluations are read.
    """
    known, recall, over_time, pairs, cold, source, coverage, *decisions = _panels(names)
    settings, limits, gates = decisions
    rows = (
        Row((known,), 10),
        Row((recall, over_time), _HEIGHT, (26, 22)),
        Row((pairs, cold), _HEIGHT),
        Row((source, coverage), _HEIGHT),
        Row((settings, limits), _HEIGHT),
        Row((gates,), 10),
    )
    return Dashboard(
        NAME,
        f"{names.catalog}: Quality",
        "Recall with intervals by system, language pair and time, on held-out interactions; what "
        "tune and gates decided. By xlrec-es.",
        rows,
        since="now-1y",
    )


def _panels(names: Indices) -> tuple[Panel, ...]:
    index = names.evaluations
    if index is None:
        others = {TUNED: _TUNE, **dict.fromkeys((CHECKED, DECIDED), _REINDEX)}
        commands = dict.fromkeys(_TITLES, _COMMAND) | others
        return tuple(needs(title, text.format(names.catalog)) for title, text in commands.items())
    return (
        notes(index),
        _recall(index),
        _over_time(index),
        _pairs(index),
        _cold(index),
        _source_share(index),
        _coverage(index),
        tuned(index),
        checked(index),
        decided(index),
    )


_OF_LATEST = [
    {"flatten": ["rows.systems.buckets"], "as": ["row"]},
    {"calculate": "datum.row.key", "as": "system"},
]


def _by_system(order: str, **inner: Any) -> dict[str, Any]:  # noqa: ANN401
    """Systems, the best first."""
    terms = {"field": "system", "size": _SYSTEMS, "order": {order: "desc"}}
    return {"systems": {"terms": terms, "aggs": inner}}


def _recall(index: str) -> VegaPanel:
    search = latest(
        index,
        {"kind": SYSTEM},
        _by_system(
            "best>recall",
            # By one candidate set, as others are easier or harder.
            best={
                "filter": {"term": {"pool": CROSS}},
                "aggs": {"recall": {"max": {"field": "recall.mean"}}},
            },
            pools={"terms": {"field": "pool", "size": 5}, "aggs": metrics("recall.")},
        ),
    )
    parts = {
        "transform": [
            *_OF_LATEST,
            {"flatten": ["row.pools.buckets"], "as": ["pool"]},
            {"calculate": "datum.pool.key", "as": "candidates"},
            *taken("pool"),
        ],
        "encoding": {"y": nominal("system"), "yOffset": {"field": "candidates", "sort": _POOLS}},
        "layer": estimates(
            {"title": "recall", "axis": axis_of(NUMBER)},
            color={"field": "candidates", "type": "nominal", "sort": _POOLS, "title": "candidates"},
        ),
    }
    return VegaPanel(
        RECALL,
        vega_lite(search, FOUND, parts),
        f"{LATEST}Recall of held-out items among the first k of a list, with 95% intervals over "
        "users, by candidate set: cross is all languages but the user's.",
    )


def _over_time(index: str) -> VegaPanel:
    terms = [{"term": {"kind": SYSTEM}}, {"term": {"system": RECOMMENDER}}]
    moments = {"field": TIME_FIELD, "size": _RUNS, "order": {"_key": "desc"}}
    times = {"times": {"terms": moments, "aggs": metrics("recall.")}}
    pools = {"pools": {"terms": {"field": "pool", "size": 5}, "aggs": times}}
    of = {"own": {"filter": {"bool": {"filter": terms}}, "aggs": pools}}
    color = {"field": "key", "type": "nominal", "sort": _POOLS, "title": "candidates"}
    parts = {
        "transform": [
            {"flatten": ["times.buckets"], "as": ["time"]},
            {"calculate": "datum.time.key", "as": "at"},
            *taken("time"),
        ],
        "encoding": {"x": {"field": "at", "type": "temporal", "title": "evaluated", "axis": TIMES}},
        "layer": estimates(
            {
                "title": "recall of the recommender",
                "scale": {"zero": False},
                "axis": axis_of(NUMBER),
            },
            color=color,
            upright=True,
        ),
    }
    return VegaPanel(
        OVER_TIME,
        vega_lite(
            search_url(index, of, time_field=TIME_FIELD), "aggregations.own.pools.buckets", parts
        ),
        "Recall of the recommender in each evaluation, with 95% intervals. Compare those of one "
        "file of interactions and one seed alone.",
    )


def _pairs(index: str) -> VegaPanel:
    cells = {
        "recall": {"max": {"field": "pair.recall.mean"}},
        "low": {"max": {"field": "pair.recall.low"}},
        "high": {"max": {"field": "pair.recall.high"}},
        "users": {"max": {"field": "pair.users"}},
    }
    targets = {"field": "pair.target", "size": _LANGUAGES, "order": {"_key": "asc"}}
    sources = {"field": "pair.source", "size": _LANGUAGES, "order": {"_key": "asc"}}
    inner = {"targets": {"terms": targets, "aggs": cells}}
    search = latest(
        index,
        {"kind": PAIR, "system": RECOMMENDER, "pool": CROSS},
        {"sources": {"terms": sources, "aggs": inner}},
    )
    axis = {"domain": False, "ticks": False, "labelPadding": 6}
    parts = {
        "transform": [
            {"flatten": ["rows.sources.buckets"], "as": ["source"]},
            {"flatten": ["source.targets.buckets"], "as": ["target"]},
            {"calculate": "datum.source.key", "as": "from"},
            {"calculate": "datum.target.key", "as": "into"},
            *taken("target", tuple(cells)),
            {"joinaggregate": [{"op": "max", "field": "recall", "as": "most"}]},
        ],
        "encoding": {
            "y": nominal("from", "from", axis=axis),
            "x": {
                **nominal("into", "into", axis={**axis, "orient": "top", "labelAngle": 0}),
                "sort": "ascending",
            },
        },
        "layer": [
            {
                "mark": {"type": "rect", "tooltip": True},
                "encoding": {
                    "color": {
                        "field": "recall",
                        "type": "quantitative",
                        "scale": {"scheme": "blues", "domainMin": 0},
                        "title": "recall",
                        "legend": {"format": NUMBER},
                    },
                    "tooltip": [
                        {"field": name, "title": title, "type": "quantitative", "format": form}
                        for name, title, form in (
                            ("recall", "recall", NUMBER),
                            *((end, title, NUMBER) for end, title in ENDS.items()),
                            ("users", "users", ",d"),
                        )
                    ],
                },
            },
            {
                # The cells have colors of their own in every theme, so their numbers may, too.
                "mark": {"type": "text", "aria": False, "fontSize": 12},
                "encoding": {
                    "text": {"field": "recall", "type": "quantitative", "format": ".2f"},
                    "color": {
                        "condition": {"test": "datum.recall > 0.6 * datum.most", "value": "white"},
                        "value": "black",
                    },
                },
            },
        ],
    }
    return VegaPanel(
        PAIRS,
        vega_lite(search, FOUND, parts),
        f"{LATEST}Recall of the recommender by the language of the history and that of the items "
        "to be found, among items of all languages but the history's. A pair with few users is "
        "uncertain: point at it for its interval.",
    )


def _cold(index: str) -> VegaPanel:
    groups = {"warm": "5 users or more", "cold": "fewer than 5 users"}
    ends = {
        f"{group}_{name}": {"max": {"field": f"recall_{group}.{name}"}}
        for group in groups
        for name in ("mean", "low", "high")
    }
    search = latest(
        index,
        {"kind": SYSTEM, "pool": CROSS},
        _by_system("best", best={"max": {"field": "recall.mean"}}, **ends),
    )
    parts = {
        "transform": [
            *_OF_LATEST,
            {"calculate": f"{[*groups]}", "as": "groups"},
            {"flatten": ["groups"], "as": ["group"]},
            *(
                {"calculate": f"datum.row[datum.group + '_{name}'].value", "as": name}
                for name in ("mean", "low", "high")
            ),
            {"filter": "isValid(datum.mean)"},
            {"calculate": f"{dict(groups)}[datum.group]", "as": "items"},
        ],
        "encoding": {
            "y": nominal("system"),
            "yOffset": {"field": "items", "sort": list(groups.values()), "title": "items with"},
        },
        "layer": estimates(
            {"title": "recall", "axis": axis_of(NUMBER)},
            color={
                "field": "items",
                "type": "nominal",
                "sort": list(groups.values()),
                "title": "items with",
            },
        ),
    }
    return VegaPanel(
        COLD,
        vega_lite(search, FOUND, parts),
        f"{LATEST}Recall of items by how many users have them in the training part, among items "
        "of all languages but the history's.",
    )


def _source_share(index: str) -> VegaPanel:
    search = latest(
        index,
        {"kind": SYSTEM, "pool": MIXED},
        _by_system(
            "lists",
            lists={"max": {"field": "source_share.mean"}},
            candidates={"max": {"field": "source_share_of_pool"}},
        ),
    )
    names = ["of the list", "of the candidates"]
    parts = {
        "transform": [
            *_OF_LATEST,
            {"calculate": "datum.row.lists.value", "as": names[0]},
            {"calculate": "datum.row.candidates.value", "as": names[1]},
            {"fold": names, "as": ["what", "share"]},
        ],
        "mark": {**POINT, "tooltip": True},
        "encoding": {
            "y": nominal("system"),
            "x": {"field": "share", "type": "quantitative", **share("in the source language")},
            "color": {"field": "what", "type": "nominal", "sort": names, "title": "share"},
        },
    }
    return VegaPanel(
        SOURCE,
        vega_lite(search, FOUND, parts),
        f"{LATEST}Among items of all languages. A list with a larger share than its candidates "
        "prefers the language that the user already has.",
    )


def _coverage(index: str) -> VegaPanel:
    search = latest(
        index,
        {"kind": SYSTEM, "pool": CROSS},
        _by_system(COVERAGE, **{COVERAGE: {"max": {"field": COVERAGE}}}),
    )
    parts = {
        "transform": [*_OF_LATEST, *taken("row", (COVERAGE,))],
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": nominal("system"),
            "x": {"field": COVERAGE, "type": "quantitative", **share("share of the items")},
        },
    }
    return VegaPanel(
        COVERED,
        vega_lite(search, FOUND, parts),
        f"{LATEST}Items that are in the list of at least one test user.",
    )
