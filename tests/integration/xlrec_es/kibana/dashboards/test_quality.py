"""What the dashboard Quality draws of a real evaluation is what the evaluation says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from kibana_marks import Mark, drawn, panel_of
from xlrec_es.cluster.result_index import Row, add
from xlrec_es.evaluate import tuning
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.evaluate.experiment import run_experiment
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS
from xlrec_es.evaluate.result_rows import TYPES, row_of_tuning, rows_of_evaluation
from xlrec_es.evaluate.systems import RECOMMENDER
from xlrec_es.kibana.check import check
from xlrec_es.kibana.dashboards import quality
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.searches import searches_of

EARLIER = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
Report = dict[str, Any]
Draw = Callable[..., list[Mark]]
Evaluated = tuple[Elasticsearch, str, list[Report]]


@pytest.fixture
def evaluated(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Evaluated:
    """An index with two evaluations, of which the second has another seed, and a tuning."""
    write_catalogue(es_each, index_name)
    likes = write_likes(tmp_path / "likes.tsv", 80)
    results = f"{index_name}-evaluations"
    reports = []
    for seed, now in ((0, EARLIER), (1, NOW)):
        pools = (*POOLS, COLD_POOL)
        job = EvaluationJob(likes, index_name, k=3, seed=seed, pools=pools, max_users=40, cold=0.2)
        reports.append(run_experiment(es_each, job))
        add(es_each, results, rows_of_evaluation(reports[-1], now), types=TYPES)
    reports.append(
        tuning.run(es_each, EvaluationJob(likes, index_name, k=3, max_users=40), dry_run=True)
    )
    add(es_each, results, [row_of_tuning(reports[-1], NOW)], types=TYPES)
    return es_each, results, reports


def drawer(evaluated: Evaluated) -> Draw:
    client, results, _ = evaluated
    made = quality.dashboard(Indices("shop", evaluations=results))

    def draw(title: str, kind: str | None = None) -> list[Mark]:
        panel = panel_of(made, title)
        return drawn(client, panel, kind, since="2026-01-01", until="2026-01-03")

    return draw


HALF = 0.0050001
"""What is lost of a share that is written in whole percents."""


def percent(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def closely(numbers: dict[Any, Any]) -> Any:  # noqa: ANN401
    """Vega writes twelve digits of a number."""
    return pytest.approx(numbers, rel=1e-11, abs=1e-12)


def test_marks_are_the_numbers_of_evaluations(evaluated: Evaluated) -> None:
    draw, (first, latest, tuned) = drawer(evaluated), evaluated[2]
    _recall(draw, latest)
    _pairs(draw, latest)
    _beside_recall(draw, latest)
    _over_time(draw, first, latest)
    _tuned(draw, tuned)


def _recall(draw: Draw, report: Report) -> None:
    pools = report["pools"]
    recall = {
        (name, pool): system["measures"]["recall"]
        for pool, found in pools.items()
        for name, system in found["systems"].items()
    }
    points = draw(quality.RECALL, "point")
    assert {(m["system"], m["candidates"]): float(m["recall"]) for m in points} == closely(
        {key: interval["mean"] for key, interval in recall.items()}
    )
    assert len({interval["mean"] for interval in recall.values()}) > 10, "they can be told apart"
    bars = {(m["system"], m["candidates"]): m for m in draw(quality.RECALL, "bar")}
    for end, name in (("low", "recall"), ("high", "high")):
        assert {key: float(m[name]) for key, m in bars.items()} == closely(
            {key: interval[end] for key, interval in recall.items()}
        )


def _pairs(draw: Draw, report: Report) -> None:
    systems = report["pools"]["cross"]["systems"]
    cells = draw(quality.PAIRS)
    pairs = {(p["source"], p["target"]): p for p in systems[RECOMMENDER]["pairs"]}
    assert {(m["from"], m["into"]): float(m["recall"]) for m in cells} == closely(
        {pair: found["recall"]["mean"] for pair, found in pairs.items()}
    )
    for name in ("low", "high"):
        assert {(m["from"], m["into"]): m[name] for m in cells} == {
            pair: f"{found['recall'][name]:.3f}" for pair, found in pairs.items()
        }
    assert {(m["from"], m["into"]): m["users"] for m in cells} == {
        pair: str(found["users"]) for pair, found in pairs.items()
    }


def _beside_recall(draw: Draw, report: Report) -> None:
    systems = report["pools"]["cross"]["systems"]
    groups = {"fewer than 5 users": "recall cold", "5 users or more": "recall warm"}
    points = draw(quality.COLD, "point")
    assert {(m["system"], m["items"]): float(m["recall"]) for m in points} == closely(
        {
            (name, group): mean
            for name, system in systems.items()
            for group, measure in groups.items()
            if (mean := system["measures"][measure]["mean"]) is not None
        }
    )
    assert {m["items"] for m in points} == set(groups)
    mixed = report["pools"]["mixed"]
    shares = draw(quality.SOURCE, "point")
    assert {
        (m["system"], m["share"]): percent(m["in the source language"]) for m in shares
    } == pytest.approx(
        {
            (name, what): value
            for name, system in mixed["systems"].items()
            for what, value in (
                ("of the list", system["measures"]["source share"]["mean"]),
                ("of the candidates", mixed["source share of the pool"]),
            )
        },
        abs=HALF,
    )
    covered = {m["system"]: percent(m["share of the items"]) for m in draw(quality.COVERED, "bar")}
    assert covered == pytest.approx(
        {name: system["coverage"] for name, system in systems.items()}, abs=HALF
    )


def _over_time(draw: Draw, first: Report, second: Report) -> None:
    points = draw(quality.OVER_TIME, "point")
    assert {(m["evaluated"], m["candidates"]): float(m["recall of the recommender"]) for m in points
    } == closely(
        {
            (day, pool): found["systems"][RECOMMENDER]["measures"]["recall"]["mean"]
            for day, report in (("Jan 01, 2026", first), ("Jan 02, 2026", second))
            for pool, found in report["pools"].items()
        }
    )  # fmt: skip


def _tuned(draw: Draw, tuned: Report) -> None:
    [point] = draw(quality.TUNED, "point")
    [bar] = draw(quality.TUNED, "bar")
    gain, axis = tuned["gain on other users"], quality.GAIN
    texts = [text.replace("\N{MINUS SIGN}", "-") for text in (point[axis], bar[axis], bar["high"])]
    assert [*map(float, texts)] == pytest.approx([gain["mean"], gain["low"], gain["high"]])
    assert point["settings were"] == "left as they were"


def test_an_index_without_an_evaluation_draws_nothing_and_fails_at_nothing(
    es_each: Elasticsearch, index_name: str
) -> None:
    """As after a tuning alone; each field that is searched is there."""
    add(es_each, index_name, [Row("1", {"@timestamp": NOW.isoformat()})], types=TYPES)
    made = quality.dashboard(Indices("shop", evaluations=index_name))
    assert [drawer((es_each, index_name, []))(panel.title) for panel in made.panels] == [[]] * 7
    searches = searches_of([made.saved_object("shop")])
    assert [(one.search.title, one.why) for one in check(es_each, searches) if one.failed] == []
