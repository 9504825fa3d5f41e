"""Runs and rejected records in indices, for Kibana; a run does not depend on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from ingest.cli.main import main as xlrec_ingest
from ingest.run.observe.run_record import RUN_TYPES
from xlrec_es.cluster.result_index import prepare

GOOD = [{"id": str(n), "title": f"Chess {n}", "language": "en", "price": n} for n in range(5)]
SECRET = "nobody may read this"
BAD = [
    "no JSON",
    json.dumps({"id": "x", "title": "priced", "language": "en", "price": SECRET}),
    json.dumps({"id": "y", "title": "priced", "language": "en", "price": f"{SECRET} twice"}),
]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join([*map(json.dumps, GOOD), *BAD]) + "\n")
    return path


def run(items: Path, es_url: str, index: str, model: Path, *more: object) -> Result:
    arguments = ("run", items, "--url", es_url, "-i", index, "--model", model, "--quiet", "--json")
    return CliRunner().invoke(xlrec_ingest, list(map(str, (*arguments, *more))))


def sources(es: Elasticsearch, index: str) -> list[dict[str, Any]]:
    hits = es.search(index=index, size=1000, sort=[{"@timestamp": "asc"}])["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def test_a_run_and_its_rejects_are_documents(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path
) -> None:
    runs = f"{index_name}-runs"
    done = run(items, es_url, index_name, tiny_model, "--write-to", runs)
    assert done.exit_code == 3, done.output
    summary = json.loads(done.stdout)
    [row] = sources(es, runs)
    for name in ("index", "version", "fingerprint", "documents", "indexed", "rejected", "retries"):
        assert row[name] == summary[name], name
    assert (row["indexed"], row["rejected"], row["outcome"]) == (5, 3, "complete")
    assert row["seconds"] == summary["seconds"]
    assert row["started"] < row["ended"] == row["@timestamp"]
    if spent := summary["seconds"]["indexing"]:
        assert row["documents_per_second"] == summary["documents"] / spent
    assert row["rejected_by_stage"] == {"read": 1, "write": 2}
    assert [one["records"] for one in row["reasons"]] == [2, 1]
    rejects = sources(es, f"{runs}-rejects")
    told = [(one["stage"], one["line"], one["document"], one["run"]) for one in rejects]
    assert sorted(told, key=str) == [
        ("read", 6, None, row["run"]),
        ("write", 7, "x", row["run"]),
        ("write", 8, "y", row["run"]),
    ]
    assert SECRET not in json.dumps([row, *rejects]), "what records hold is in the reject file"
    by_reason = {"it": {"terms": {"field": "reason"}}}
    found = es.search(index=f"{runs}-rejects", size=0, aggs=by_reason)["aggregations"]["it"]
    assert [bucket["doc_count"] for bucket in found["buckets"]] == [2, 1]


def test_a_second_run_counts_its_own_rejects(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path
) -> None:
    runs = f"{index_name}-runs"
    more = ("--write-to", runs)
    run(items, es_url, index_name, tiny_model, *more)
    items.write_text("".join(f"{json.dumps(one)}\n" for one in GOOD))
    done = run(items, es_url, index_name, tiny_model, *more)
    assert done.exit_code == 0, done.output
    first, second = sources(es, runs)
    assert (first["rejected"], second["rejected"], second["unchanged"]) == (3, 0, 5)
    assert "read" not in second.get("rejected_by_stage", {})
    assert len(sources(es, f"{runs}-rejects")) == 3


def test_a_replay_and_what_it_rejects_again_are_documents(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path
) -> None:
    runs = f"{index_name}-runs"
    run(items, es_url, index_name, tiny_model, "--write-to", runs)
    file = Path(f"{items}.{index_name}.rejects.jsonl")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    [mended] = [one for one in entries if one["line"] == 7]
    mended["record"]["price"] = 7
    file.write_text("".join(f"{json.dumps(one)}\n" for one in entries))

    arguments = ("replay", file, "--url", es_url, "-i", index_name, "--model", tiny_model)
    options = ("--quiet", "--json", "--write-to", runs)
    done = CliRunner().invoke(xlrec_ingest, list(map(str, (*arguments, *options))))
    assert done.exit_code == 3, done.output
    summary = json.loads(done.stdout)
    first, row = sources(es, runs)
    assert (summary["indexed"], summary["rejected"]) == (1, 2)
    for name in ("index", "version", "fingerprint", "documents", "indexed", "rejected", "seconds"):
        assert row[name] == summary[name], name
    assert row["outcome"] == "complete"
    assert row["source"].endswith(str(file))
    assert row["rejected_by_stage"] == {"read": 1, "write": 1}
    rejects = sources(es, f"{runs}-rejects")
    by_run = {one["run"]: 0 for one in (first, row)}
    for one in rejects:
        by_run[one["run"]] += 1
    assert by_run == {first["run"]: 3, row["run"]: 2}
    again = [one["document"] for one in rejects if one["run"] == row["run"]]
    assert sorted(again, key=str) == [None, "y"]
    assert SECRET not in json.dumps([row, *rejects])


def test_a_run_that_fails_is_a_document_too(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path
) -> None:
    runs = f"{index_name}-runs"
    more = ("--max-rejects", 1, "--write-to", runs)
    done = run(items, es_url, index_name, tiny_model, *more)
    assert done.exit_code == 1, done.output
    [row] = sources(es, runs)
    assert (row["outcome"], row["index"]) == ("failed", index_name)
    assert row["error"]["text"] in done.stderr
    assert sum(row["rejected_by_stage"].values()) > 1


@pytest.mark.parametrize("place", ["{}", "Upper-{}"])
def test_an_index_that_takes_no_summary_is_refused_before_the_run(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path, place: str
) -> None:
    runs = place.format(index_name)
    done = run(items, es_url, index_name, tiny_model, "--write-to", runs)
    assert done.exit_code in (1, 2)
    assert runs in done.stderr
    assert not es.indices.exists(index=index_name)


@pytest.mark.parametrize("change", ["blocked", "closed"])
def test_a_summary_that_cannot_be_written_is_a_warning(
    es: Elasticsearch, es_url: str, index_name: str, items: Path, tiny_model: Path, change: str
) -> None:
    runs = f"{index_name}-runs"
    prepare(es, runs, RUN_TYPES)
    if change == "blocked":
        es.indices.add_block(index=runs, block="write")
    else:
        es.indices.close(index=runs)
    done = run(items, es_url, index_name, tiny_model, "--write-to", runs)
    assert (done.exit_code, json.loads(done.stdout)["indexed"]) == (3, 5)
    assert "Warning: the run is not, or not wholly, in" in done.stderr
    es.indices.refresh(index=index_name)
    assert es.count(index=index_name)["count"] == 5, "nothing else is in the catalog"
