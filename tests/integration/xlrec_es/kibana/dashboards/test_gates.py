"""What gates of real reindexes decided is in an index, and is what the dashboard Quality draws."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from fault_proxy import Fault, FaultProxy, Items, fault_proxy
from kibana_marks import Mark, drawn, panel_of
from xlrec_es.cli.main import main
from xlrec_es.cluster.result_index import prepare
from xlrec_es.evaluate.result_rows import GATE_PASSED, TYPES
from xlrec_es.index.live_index import find_live
from xlrec_es.kibana.check import check
from xlrec_es.kibana.dashboards import gates, quality
from xlrec_es.kibana.dashboards.marks import ENDS
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.searches import searches_of

PASSES = ("--min-recall", "0.5", "--min-overlap", "0.3", "--shards", "2")


@dataclass
class Shop:
    """A catalog on one node, and an index of results."""

    client: Elasticsearch
    name: str
    likes: Path
    proxy: FaultProxy

    @property
    def results(self) -> str:
        return f"{self.name}-evaluations"

    def reindex(self, *more: str, code: int = 0) -> tuple[dict[str, Any], str]:
        """What `--json` says, and what stands on standard error."""
        done = self.invoke(self.results, *more)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout), done.stderr

    def invoke(self, results: str, *more: str) -> Result:
        options = [*PASSES, "--url", self.proxy.url, "--interactions", str(self.likes), "--json"]
        written = ["--write-to", results]
        return CliRunner().invoke(main, ["index", "reindex", self.name, *options, *written, *more])

    def find_half(self) -> None:
        """Vector searches of the gate find half of what they would from now on."""

        def fewer(responses: Items) -> Items:
            for response in responses:
                hits = response["hits"]["hits"]
                response["hits"]["hits"] = hits[: len(hits) // 2]
            return responses

        fault = Fault(edit=fewer)
        self.proxy.when = lambda body: fault if b'"num_candidates":100' in body else None

    def rows(self, kind: str) -> list[dict[str, Any]]:
        hits = self.client.search(
            index=self.results, query={"term": {"kind": kind}}, size=100, sort="@timestamp"
        )["hits"]["hits"]
        return [hit["_source"] for hit in hits]


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Iterator[Shop]:
    write_catalogue(es_each, index_name)
    likes = write_likes(tmp_path / "likes.tsv", 80)
    [node] = es_each.transport.node_pool.all()
    with fault_proxy(node.base_url, "_msearch") as proxy:
        yield Shop(es_each, index_name, likes, proxy)


def test_each_decision_is_written_and_drawn(shop: Shop) -> None:
    live = find_live(shop.client, shop.name).name
    shop.find_half()
    refused, said = shop.reindex("--min-recall", "0.9", code=4)
    assert "does not take the place of" in said
    assert find_live(shop.client, shop.name).name == live
    shop.proxy.when = lambda _body: None
    waits, _ = shop.reindex("--no-swap")
    swapped, _ = shop.reindex()
    reports = [refused, waits, swapped]
    assert [one["swapped"] for one in reports] == [False, False, True]

    rows = shop.rows("gate")
    for row, report in zip(rows, reports, strict=True):
        gate = row["gate"]
        assert (row["index"], gate["source"], gate["swapped"]) == (
            report["index"],
            report["source"],
            report["swapped"],
        )
        assert gate["command"] == "index reindex"
        checks = [one for one in shop.rows("check") if one["gate"] == gate]
        flat = [_flat(one) for one in report["checks"]]
        assert sorted((c["check"] for c in checks), key=str) == sorted(flat, key=str)
        failed = [f"{c['name']}: {c['message']}" for c in flat if not c["ok"]]
        assert (gate["passed"], gate["reason"]) == (not failed, "; ".join(failed) or GATE_PASSED)
    [reason] = [row["gate"]["reason"] for row in rows if not row["gate"]["passed"]]
    assert reason.startswith("recall: of the exact nearest 10, found: ")

    made = quality.dashboard(Indices(shop.name, evaluations=shop.results))
    _sentences(drawn(shop.client, panel_of(made, gates.DECIDED)), rows)
    _points(drawn(shop.client, panel_of(made, gates.CHECKED), "point"), reports)
    found = [*check(shop.client, searches_of([made.saved_object(shop.name)]))]
    assert [one.why for one in found if one.failed] == []
    assert sum(one.search.title in (gates.DECIDED, gates.CHECKED) for one in found) == 2


def _flat(check: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in check.items() if name != "measured"} | (
        check["measured"] or {}
    )


def _sentences(drawn_marks: Sequence[Mark], rows: Sequence[dict[str, Any]]) -> None:
    """The latest decision first."""
    became = [gates.SWAPPED, gates.WAITS, gates.REFUSED]
    expected = [
        f"{row['@timestamp'][:16].replace('T', ' ')}: index reindex of {row['gate']['source']} "
        f"into {row['index']}, {what}. {row['gate']['reason']}"
        for what, row in zip(became, reversed(rows), strict=True)
    ]
    found = [mark["sentence"].replace("\N{NO-BREAK SPACE}", " ") for mark in drawn_marks]
    assert sorted(found) == sorted(expected)
    assert {mark["is"] for mark in drawn_marks} == set(became)


def _points(points: Sequence[Mark], reports: Sequence[dict[str, Any]]) -> None:
    """Of every check with a number, in every decision: three digits, as `--json` has them."""

    def text(number: float | None) -> str:
        if number is None:
            return "none"
        return f"{number:z.3f}".replace("-", "\N{MINUS SIGN}")

    measured = [
        (one["name"], "passed" if one["ok"] else "failed", number)
        for report in reports
        for one in report["checks"]
        if (number := one["measured"])
    ]
    assert len(measured) == 4 + 4 + 5, "documents are counted before a swap alone"
    low, high = ENDS.values()
    assert sorted(
        (m["check"], m["of"], m["measured"], m["limit"], m[low], m[high], m["was"]) for m in points
    ) == sorted(
        (
            name,
            number["of"] or "all",
            *(text(number[key]) for key in ("value", "limit", "low", "high")),
            was,
        )
        for name, was, number in measured
    )
    assert [(m["check"], m["limit"]) for m in points if m["was"] == "failed"] == [
        ("recall", "0.900")
    ]


def test_a_wrong_index_is_refused_before_the_copy(shop: Shop) -> None:
    before = sorted(shop.client.indices.get(index=f"{shop.name}*"))
    done = shop.invoke(shop.name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{shop.name} is an index of items" in done.stderr
    assert sorted(shop.client.indices.get(index=f"{shop.name}*")) == before


def test_a_decision_stands_where_it_cannot_be_written(shop: Shop) -> None:
    prepare(shop.client, shop.results, TYPES)
    shop.client.indices.add_block(index=shop.results, block="write")
    shop.find_half()
    refused, said = shop.reindex("--min-recall", "0.9", code=4)
    assert not refused["swapped"]
    assert f"is not in {shop.results}: {shop.results} does not take the results" in said
    assert "does not take the place of" in said
    shop.proxy.when = lambda _body: None
    swapped, said = shop.reindex()
    assert find_live(shop.client, shop.name).name == swapped["index"]
    assert "Warning: what the gate decided is done" in said
