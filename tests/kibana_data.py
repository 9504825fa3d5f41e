"""Something to show in every panel of every dashboard of Kibana, on one node."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from http_service import Service, service
from kibana_catalog import catalog_documents
from xlrec_es.cluster.result_index import add
from xlrec_es.evaluate import tuning
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.evaluate.experiment import run_experiment
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS
from xlrec_es.evaluate.result_rows import (
    TYPES,
    row_of_tuning,
    rows_of_evaluation,
    rows_of_gate,
)
from xlrec_es.kibana.indices import Indices
from xlrec_es.versions.gate_checks import Check, Measured

SINCE, UNTIL = "2026-01-01", "2026-01-04"
"""The time of all of it."""

_REJECTS = (("read", "not JSON", 9), ("document", "no text", 5), ("write", "no text", 1))


def write_everything(client: Elasticsearch, name: str, folder: Path) -> Indices:
    """Write a catalog and all that dashboards show of it.

    Args:
        client: Of the cluster.
        name: The catalog's, with which the names of the other indices begin.
        folder: For files on the way.
    """
    names = Indices(
        name,
        evaluations=f"{name}-evaluations",
        shown=f"{name}-shown",
        clicks=f"{name}-clicks",
        runs=f"{name}-runs",
        rejects=f"{name}-runs-rejects",
    )
    write_catalogue(client, name, instead=catalog_documents(), languages=("de", "en", "ja"))
    _write_evaluations(client, names, folder)
    _write_traffic(client, names, folder)
    _write_runs(client, names)
    return names


def _write_evaluations(client: Elasticsearch, names: Indices, folder: Path) -> None:
    """Two evaluations of other seeds, a tuning, and two gates, of which one refuses."""
    assert names.evaluations is not None
    likes = write_likes(folder / "likes.tsv", 80)
    job = EvaluationJob(likes, names.catalog, k=3, max_users=40)
    for seed in (0, 1):
        now = datetime(2026, 1, 1 + seed, 12, tzinfo=UTC)
        found = run_experiment(client, replace(job, seed=seed, pools=(*POOLS, COLD_POOL)))
        add(client, names.evaluations, rows_of_evaluation(found, now), types=TYPES)
    tuned = row_of_tuning(tuning.run(client, job, dry_run=True), now)
    add(client, names.evaluations, [tuned], types=TYPES)
    for day, recall in ((1, 0.95), (2, 0.62)):
        decided = rows_of_gate(_gate(names.catalog, recall), datetime(2026, 1, day, 13, tzinfo=UTC))
        add(client, names.evaluations, decided, types=TYPES)


def _gate(name: str, recall: float) -> dict[str, Any]:
    """As a reindex whose search finds so much tells of its gate."""
    found = f"of the exact nearest 10, found: ja {recall}"
    checks = (
        Check("recall", recall >= 0.9, found, Measured(recall, 0.9, of="ja")),
        Check("overlap", True, "0.88 of the recommendations stay", Measured(0.88, 0.5)),
        Check("evaluation", True, "-0.004", Measured(-0.004, 0.0, -0.02, 0.01, of="cross")),
        Check("fields", True, "0 of 200 sampled documents differ in their own fields"),
    )
    return {
        "command": "index reindex",
        "index": f"{name}-xlrec-v2",
        "source": f"{name}-xlrec-v1",
        "fingerprint": "0",
        "swapped": recall >= 0.9,
        "checks": [asdict(check) for check in checks],
    }


def _write_traffic(client: Elasticsearch, names: Indices, folder: Path) -> None:
    """Lists that a service made and was told of, with clicks on some."""
    [node] = client.transport.node_pool.all()
    indices = {"--impressions-index": names.shown, "--events-index": names.clicks}
    options = [str(part) for pair in indices.items() for part in pair]
    options += ["-i", names.catalog, "--url", node.base_url, "--spool", str(folder / "spool")]
    with service(folder, *options) as served:
        lists = [_shown(served, number) for number in range(24)]
        shown, clicks = [one for one, _ in lists], [click for _, some in lists for click in some]
        assert served.post("/v1/events", {"events": clicks}).status == 202
        _await(client, str(names.clicks), len(clicks))
        _await(client, str(names.shown), sum(shown))


def _shown(served: Service, number: int) -> tuple[int, list[dict[str, Any]]]:
    """Show a user a list, and return how long it is, and the clicks."""
    asked = ["ja", "de"] if number % 3 == 0 else ["ja"]
    question = {"history": [f"chess-{number % 5}"], "languages": asked, "size": 5}
    items = served.post("/v1/recommend", question).json["items"]
    who = {"user": f"u{number}", "time": f"2026-01-0{number % 2 + 1}T12:00:00Z"}
    told = {"id": f"list-{number}", "variant": "ab"[number % 2], "languages": asked, **who}
    degraded = ["a shard failed"] if number % 6 == 0 else []
    told_of = {**told, "items": items, "degraded": degraded}
    assert served.post("/v1/impressions", told_of).status == 202
    return len(items), [
        {
            **who,
            "item": item["id"],
            "event": "click",
            "shown": {
                "query_id": told["id"],
                "place": place,
                "variant": told["variant"],
                **{name: item[name] for name in ("language", "retrievers")},
            },
        }
        for place, item in enumerate(items, 1)
        if place <= number % 3 + number % 2
    ]


def _await(client: Elasticsearch, index: str, count: int) -> None:
    """Wait until an index has so many documents, but not for ever."""
    end = time.monotonic() + 30
    while True:
        if client.indices.exists(index=index):
            client.indices.refresh(index=index)
            if client.count(index=index)["count"] == count:
                return
        assert time.monotonic() < end, index
        time.sleep(0.2)


def _write_runs(client: Elasticsearch, names: Indices) -> None:
    """Three runs, and what they rejected, as `xlrec-ingest run --write-to` adds it."""
    runs = [
        {
            "@timestamp": f"2026-01-{day:02}T12:00:00Z",
            "index": names.catalog,
            "documents": 100 * day,
            "indexed": 90 * day,
            "unchanged": 5 * day,
            "superseded": 0,
            "deleted": day,
            "rejected": 5,
            "retries": day,
            "documents_per_second": 50.5 + day,
        }
        for day in (1, 2, 3)
    ]
    rejected = [
        {"@timestamp": "2026-01-02T12:00:00Z", "stage": stage, "reason": reason}
        for stage, reason, count in _REJECTS
        for _ in range(count)
    ]
    assert names.runs is not None
    assert names.rejects is not None
    _add(client, names.runs, runs)
    _add(client, names.rejects, rejected)


def _add(client: Elasticsearch, index: str, rows: list[dict[str, Any]]) -> None:
    keywords = {name: {"type": "keyword"} for name in ("index", "stage", "reason")}
    mappings = {"properties": {"@timestamp": {"type": "date"}, **keywords}}
    client.indices.create(index=index, mappings=mappings)
    operations: list[dict[str, Any]] = []
    for row in rows:
        operations += [{"index": {}}, row]
    answer = client.bulk(index=index, operations=operations, refresh=True)
    assert not answer["errors"], answer
