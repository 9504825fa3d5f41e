"""What the dashboard Quality draws of a real evaluation is what the evaluation says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from kibana_marks import Mark, drawn, panel_of
from xlrec_es.cluster.result_index import Row, add
from xlrec_es.evaluate import tuning
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.evaluate.experiment import run_experiment
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS
from xlrec_es.evaluate.result_rows import TYPES, row_of_tuning, rows_of_evaluation
from xlrec_es.evaluate.systems import RECOMMENDER
from xlrec_es.kibana.check import check
from xlrec_es.kibana.dashboards import quality, verdicts
from xlrec_es.kibana.dashboards.marks import ENDS
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


HALF = 0.00050001
"""What is lost of a number of three digits."""


def percent(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def closely(numbers: dict[Any, Any]) -> Any:  # noqa: ANN401
    """Three digits of a number are shown."""
    return pytest.approx(numbers, rel=0, abs=HALF)


def test_marks_are_the_numbers_of_evaluations(evaluated: Evaluated) -> None:
    draw, (first, latest, tuned) = drawer(evaluated), evaluated[2]
    _notes(draw, latest)
    _recall(draw, latest)
    _pairs(draw, latest)
    _beside_recall(draw, latest)
    _over_time(draw, first, latest)
    _tuned(draw, tuned)


def unbroken(sentence: str) -> str:
    """With plain spaces."""
    return sentence.replace("\N{NO-BREAK SPACE}", " ")


def _notes(draw: Draw, report: Report) -> None:
    kinds = {text: "verdict" for text in report["verdict"]} | {
        text: "LEAK" if text.startswith("LEAK") else "note" for text in report["notes"]
    }
    assert {unbroken(m["sentence"]): m["is"] for m in draw(quality.NOTES)} == kinds
    assert "verdict" in kinds.values()


def test_an_evaluation_of_what_was_learned_from_says_leak(
    evaluated: Evaluated, tmp_path: Path
) -> None:
    client, results, _ = evaluated
    index = results.removesuffix("-evaluations")
    job = EvaluationJob(write_likes(tmp_path / "likes.tsv", 80), index, k=3, max_users=40)
    learned = gather(client, job, with_vectors=False).likes.digest()
    [found] = client.indices.get_mapping(index=index).body.values()
    meta = found["mappings"]["_meta"]
    meta["xlrec"]["indicators"] = {"learned_from": {"digest": learned}}
    client.indices.put_mapping(index=index, meta=meta)
    report = run_experiment(client, job)
    add(client, results, rows_of_evaluation(report, NOW + timedelta(hours=1)), types=TYPES)
    sentences = drawer(evaluated)(quality.NOTES)
    assert {unbroken(m["sentence"]) for m in sentences} == {*report["verdict"], *report["notes"]}
    [leak] = [m["sentence"] for m in sentences if m["is"] == verdicts.LEAK]
    assert leak.startswith("LEAK: the index's indicators were learned from likes")


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
    assert draw(quality.RECALL, "bar") == [], "an estimate is told once, with its interval"
    for end, name in ENDS.items():
        assert {(m["system"], m["candidates"]): float(m[name]) for m in points} == closely(
            {key: interval[end] for key, interval in recall.items()}
        )


def _pairs(draw: Draw, report: Report) -> None:
    systems = report["pools"]["cross"]["systems"]
    cells = draw(quality.PAIRS)
    pairs = {(p["source"], p["target"]): p for p in systems[RECOMMENDER]["pairs"]}
    assert {(m["from"], m["into"]): float(m["recall"]) for m in cells} == closely(
        {pair: found["recall"]["mean"] for pair, found in pairs.items()}
    )
    for end, name in ENDS.items():
        assert {(m["from"], m["into"]): m[name] for m in cells} == {
            pair: f"{found['recall'][end]:.3f}" for pair, found in pairs.items()
        }
    assert {(m["from"], m["into"]): m["users"] for m in cells} == {
        pair: str(found["users"]) for pair, found in pairs.items()
    }


def _beside_recall(draw: Draw, report: Report) -> None:
    systems = report["pools"]["cross"]["systems"]
    groups = {"fewer than 5 users": "recall cold", "5 users or more": "recall warm"}
    points = draw(quality.COLD, "point")
    assert {(m["system"], m["items with"]): float(m["recall"]) for m in points} == closely(
        {
            (name, group): mean
            for name, system in systems.items()
            for group, measure in groups.items()
            if (mean := system["measures"][measure]["mean"]) is not None
        }
    )
    assert {m["items with"] for m in points} == set(groups)
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
            for day, report in (("2026-01-01 12:00", first), ("2026-01-02 12:00", second))
            for pool, found in report["pools"].items()
        }
    )  # fmt: skip


def _tuned(draw: Draw, tuned: Report) -> None:
    [point] = draw(quality.TUNED, "point")
    gain, axis = tuned["gain on other users"], verdicts.GAIN
    texts = [
        text.replace("\N{MINUS SIGN}", "-")
        for text in (point[axis], *(point[e] for e in ENDS.values()))
    ]
    assert [*map(float, texts)] == pytest.approx(
        [gain["mean"], gain["low"], gain["high"]], abs=HALF
    )
    assert point["settings were"] == "left as they were"


def test_an_index_without_an_evaluation_draws_nothing_and_fails_at_nothing(
    es_each: Elasticsearch, index_name: str
) -> None:
    """As after a tuning alone; each field that is searched is there."""
    add(es_each, index_name, [Row("1", {"@timestamp": NOW.isoformat()})], types=TYPES)
    made = quality.dashboard(Indices("shop", evaluations=index_name))
    assert [drawer((es_each, index_name, []))(panel.title) for panel in made.panels] == [[]] * 10
    searches = searches_of([made.saved_object("shop")])
    assert [(one.search.title, one.why) for one in check(es_each, searches) if one.failed] == []
