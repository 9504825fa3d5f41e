"""What the dashboard Worker shows of runs and of rejected records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from kibana_marks import Mark, drawn, panel_of
from xlrec_es.kibana.dashboards import worker
from xlrec_es.kibana.indices import Indices

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
RUNS = (
    {"documents": 100, "indexed": 80, "unchanged": 15, "rejected": 5, "retries": 0, "speed": 50.0},
    {"documents": 300, "indexed": 290, "unchanged": 0, "rejected": 10, "retries": 3, "speed": 70.5},
)
REJECTS = (("read", "not JSON", 9), ("document", "no text", 5), ("write", "no text", 1))


def run(place: int) -> dict[str, Any]:
    """As `xlrec-ingest run --write-to` adds it."""
    told = dict(RUNS[place])
    at = NOW - timedelta(days=30 * (2 - place))
    return {
        "@timestamp": at.isoformat(),
        "index": "shop",
        "superseded": 0,
        "deleted": 0,
        "documents_per_second": told.pop("speed"),
        **told,
    }


@pytest.fixture
def names(es_each: Elasticsearch, index_name: str) -> Indices:
    """Two runs, and what they rejected."""
    runs, rejects = f"{index_name}-runs", f"{index_name}-runs-rejects"
    keywords = {name: {"type": "keyword"} for name in ("index", "stage", "reason", "document")}
    mappings = {"properties": {"@timestamp": {"type": "date"}, **keywords}}
    for index in (runs, rejects):
        es_each.indices.create(index=index, mappings=mappings)
    rows = [{"stage": s, "reason": r} for s, r, count in REJECTS for _ in range(count)]
    for index, bodies in ((runs, [run(0), run(1)]), (rejects, rows)):
        operations: list[dict[str, Any]] = []
        for body in bodies:
            operations += [{"index": {}}, {"@timestamp": NOW.isoformat(), **body}]
        answer = es_each.bulk(index=index, operations=operations, refresh=True)
        assert not answer["errors"], answer
    return Indices("shop", runs=runs, rejects=rejects)


def test_bars_and_lines_are_the_numbers_of_the_runs(es_each: Elasticsearch, names: Indices) -> None:
    made = worker.dashboard(names)

    def shown(title: str, kind: str | None = None) -> list[Mark]:
        return drawn(es_each, panel_of(made, title), kind)

    speeds = shown("How many documents a second did runs read?", "point")
    assert [(m["index"], float(m["documents a second"])) for m in speeds] == [
        ("shop", 50.0),
        ("shop", 70.5),
    ]
    became = shown("What became of the documents?", "bar")
    counts = {"indexed": [80, 290], "unchanged": [15, 0], "rejected": [5, 10]}
    for what, numbers in counts.items():
        assert [int(m["documents"]) for m in became if m["were"] == what] == numbers
    retries = shown("How often did a run have to ask Elasticsearch again?", "bar")
    assert [int(m["requests"]) for m in retries] == [0, 3]


def test_rejected_records_are_counted_by_reason_and_by_stage(
    es_each: Elasticsearch, names: Indices
) -> None:
    made = worker.dashboard(names)
    for title, field, expected in (
        ("Why were records rejected?", "reason", {"not JSON": 9, "no text": 6}),
        ("At which stage were they rejected?", "stage", {"read": 9, "document": 5, "write": 1}),
    ):
        bars = drawn(es_each, panel_of(made, title))
        found = {m[field].split("  ")[0]: int(m["records"]) for m in bars}
        assert found == expected
