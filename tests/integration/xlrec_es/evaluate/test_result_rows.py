"""What Kibana draws are the numbers of the report, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.cluster.result_index import prepare
from xlrec_es.evaluate.result_rows import TYPES
from xlrec_es.evaluate.systems import RECOMMENDER


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", 80)


def told(command: str, *arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(xlrec_es, [command, *map(str, arguments), "--k", "10", "--json"])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def rows(es: Elasticsearch, index: str, **terms: object) -> list[dict[str, Any]]:
    query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    hits = es.search(index=index, query=query, size=10_000)["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def test_the_rows_are_the_report(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    results = f"{index_name}-evaluations"
    where = (likes, "--url", es_url, "-i", index_name)
    report = told("evaluate", *where, "--write-to", results, "--max-users", 30)
    pools = report["pools"]
    systems = {(row["pool"], row["system"]): row for row in rows(es, results, kind="system")}
    assert systems.keys() == {(pool, name) for pool in pools for name in pools[pool]["systems"]}
    pairs = rows(es, results, kind="pair")
    for (pool, name), row in systems.items():
        system = pools[pool]["systems"][name]
        measures = {m.replace("@", "_at_").replace(" ", "_"): m for m in system["measures"]}
        assert {name: row[name] for name in measures} == {
            name: system["measures"][measure] for name, measure in measures.items()
        }
        assert row["coverage"] == system["coverage"]
        assert row["source_share_of_pool"] == pools[pool]["source share of the pool"]
        gap = row.get("recommender_better_by", {}).get("recall")
        assert gap == system.get("recommender is better by", {}).get("recall")
        own = [pair["pair"] for pair in pairs if (pair["pool"], pair["system"]) == (pool, name)]
        assert [
            (pair["source"], pair["target"], pair["users"], pair["recall"], pair["ndcg_at_10"])
            for pair in own
        ] == [
            (pair["source"], pair["target"], pair["users"], pair["recall"], pair["ndcg@10"])
            for pair in system["pairs"]
        ]
    notes = [row["note"]["text"] for row in rows(es, results, kind="note")]
    assert notes == [*report["verdict"], *report["notes"]]
    by_mean = {"mean": {"max": {"field": "recall.mean"}}}
    query = {"bool": {"filter": [{"term": {"pool": "cross"}}, {"term": {"system": RECOMMENDER}}]}}
    found = es.search(index=results, size=0, query=query, aggs=by_mean)["aggregations"]["mean"]
    recall = pools["cross"]["systems"][RECOMMENDER]["measures"]["recall"]["mean"]
    assert found["value"] == recall, "64 bits, and no pair counts"


def test_a_second_evaluation_is_told_from_the_first(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    results = f"{index_name}-evaluations"
    where = (likes, "--url", es_url, "-i", index_name, "--max-users", 5, "--write-to", results)
    first = told("evaluate", *where)
    once = len(rows(es, results))
    told("evaluate", *where)
    assert len(rows(es, results)) == 2 * once
    assert len({row["evaluation"] for row in rows(es, results)}) == 2
    [digest] = {row["fingerprint"] for row in rows(es, results)}
    assert digest == first["fingerprint"]["digest"]


def test_what_tune_decided_is_a_row(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    results = f"{index_name}-evaluations"
    where = (likes, "--url", es_url, "-i", index_name)
    report = told("tune", *where, "--dry-run", "--write-to", results)
    [row] = rows(es, results, kind="tuning")
    assert row["tuning"]["gain"] == report["gain on other users"]
    assert row["tuning"]["accepted"] is report["accepted"]
    assert row["tuning"]["written"] is False
    assert row["tuning"]["proposed"] == report["proposed"]


def test_a_wrong_index_is_refused_before_the_work(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    for command in ("evaluate", "tune"):
        arguments = [command, str(likes), "--url", es_url, "-i", index_name, "--json"]
        done = CliRunner().invoke(xlrec_es, [*arguments, "--write-to", index_name])
        assert (done.exit_code, done.stdout) == (1, "")
        assert "is an index of items" in done.stderr


def test_a_report_is_not_lost_where_its_rows_are_refused(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    results = f"{index_name}-evaluations"
    prepare(es, results, TYPES)
    es.indices.add_block(index=results, block="write")
    for command in ("evaluate", "tune"):
        arguments = [command, str(likes), "--url", es_url, "-i", index_name, "--json", "--k", "3"]
        arguments += ["--max-users", "30", "--write-to", results]
        done = CliRunner().invoke(xlrec_es, arguments)
        assert (done.exit_code, "does not take the results" in done.stderr) == (1, True)
        assert json.loads(done.stdout)["index"].startswith(index_name)
