"""The page's figures and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlrec_es.report.charts import Chart

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xlrec_es.evaluate.evaluator import COLD, HIT, LABELS, MRR, NDCG, RECALL, WARM, labels_at
from xlrec_es.evaluate.protocol import COLD_POOL
from xlrec_es.evaluate.systems import RECOMMENDER
from xlrec_es.report.html_page import table

_BESIDE_RECALL = (NDCG, MRR, HIT)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of an evaluation.

    Attributes:
        name: For a file, such as `cross-recall`.
        caption: What it shows.
        chart: See `charts`.
        numbers: The same as a table, in HTML.
    """

    name: str
    caption: str
    chart: Chart
    numbers: str


def figures(report: Mapping[str, Any], kind: str) -> list[Figure]:
    """The pictures of one pool."""
    from xlrec_es.report.charts import bars, groups, heat_map

    systems = _by_recall(report["pools"][kind])
    measures = {name: system["measures"] for name, system in systems}
    measure = labels_at(report["job"]["k"])[RECALL]
    others = [LABELS[key] for key in _BESIDE_RECALL]
    rows = [{"system": name, **found[RECALL]} for name, found in measures.items()]
    pairs = report["pools"][kind]["systems"][RECOMMENDER]["pairs"]
    warmth = [
        {"system": name, "group": group, **found[key]}
        for name, found in measures.items()
        for group, key in (("warm", WARM), ("cold", COLD))
    ]
    captions = (
        "What is found",
        f"{measure} of the recommender, by pair of languages",
        "Items that many users know, and cold ones",
    )
    found = [
        Figure(
            f"{kind}-recall",
            captions[0],
            bars(rows, measure=measure, own=RECOMMENDER),
            table(
                f"{captions[0]}, {kind} pool",
                ["system", measure, *others, "recommender is better by", "p"],
                [[name, *_found(system)] for name, system in systems],
                own=RECOMMENDER,
            ),
        ),
        Figure(
            f"{kind}-pairs",
            captions[1],
            heat_map([{**pair, **pair["recall"]} for pair in pairs]),
            table(
                f"{captions[1]}, {kind} pool",
                ["from", "into", "users", measure],
                [[p["source"], p["target"], p["users"], _interval(p["recall"])] for p in pairs],
            ),
        ),
    ]
    if kind != COLD_POOL:  # there everything is cold
        found.append(
            Figure(
                f"{kind}-cold",
                captions[2],
                groups(warmth, measure=measure),
                table(
                    f"{captions[2]}, {kind} pool",
                    ["system", LABELS[WARM], LABELS[COLD]],
                    [
                        [name, _interval(m[WARM]), _interval(m[COLD])]
                        for name, m in measures.items()
                    ],
                    own=RECOMMENDER,
                ),
            )
        )
    return found


def _by_recall(pool: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Name and results of each system, the best first."""
    return sorted(pool["systems"].items(), key=lambda pair: -pair[1]["measures"][RECALL]["mean"])


def _found(system: Mapping[str, Any]) -> list[str]:
    measures = system["measures"]
    better = system.get("recommender is better by", {}).get(RECALL)
    return [
        _interval(measures[RECALL]),
        *(_number(measures[key]["mean"]) for key in _BESIDE_RECALL),
        *([_interval(better), _number(better["p_value"])] if better else ["", ""]),
    ]


def _interval(found: Mapping[str, float | None]) -> str:
    ends = (found["low"], found["high"])
    if found["mean"] is None or None in ends:
        return "-"
    return f"{found['mean']:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
