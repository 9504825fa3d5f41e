"""`xlrec-ingest reencode` as people call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from elasticsearch import Elasticsearch

from ingest.cli.main import main
from xlrec_es.index.live_index import find_live

WORDS = ("chess", "tea", "puzzle", "house", "stars", "moon", "sea")


def test_what_the_gate_decides_is_written_either_way(
    es: Elasticsearch, es_url: str, index_name: str, tiny_model: Path, tmp_path: Path
) -> None:
    items, results = tmp_path / "items.jsonl", f"{index_name}-decisions"
    titles = [f"{WORDS[n % 7]} {WORDS[n // 3 % 7]} {n}" for n in range(40)]
    lines = [{"id": n, "title": title, "language": "en"} for n, title in enumerate(titles)]
    items.write_text("\n".join(map(json.dumps, lines)))
    options = ["--url", es_url, "--model", str(tiny_model), "--json", "--quiet"]

    def told(*arguments: str, code: int) -> dict[str, Any]:
        done = CliRunner().invoke(main, [*arguments, *options])
        assert done.exit_code == code, done.output
        return dict(json.loads(done.stdout))

    told("run", str(items), "--index", index_name, "--centering", "none", code=0)
    live = find_live(es, index_name).name
    anew = ("reencode", index_name, "--centering", "center", "--write-to", results)
    limits = ("--min-recall", "0.5", "--min-overlap")
    refused = told(*anew, *limits, "1", code=4)
    assert find_live(es, index_name).name == live
    swapped = told(*anew, *limits, "0", code=0)
    assert find_live(es, index_name).name == swapped["index"]

    hits = es.search(index=results, size=100, sort="@timestamp")["hits"]["hits"]
    rows = [hit["_source"] for hit in hits]
    decided = [row["gate"] for row in rows if row["kind"] == "gate"]
    assert [(one["passed"], one["swapped"], one["source"]) for one in decided] == [
        (False, False, live),
        (True, True, live),
    ]
    assert {one["command"] for one in decided} == {"reencode"}
    assert decided[0]["reason"].startswith("overlap: ")
    for gate, report in zip(decided, (refused, swapped), strict=True):
        for name in ("overlap", "encoder"):
            [row] = [
                row["check"]
                for row in rows
                if row["kind"] == "check"
                and row["gate"]["decision"] == gate["decision"]
                and row["check"]["name"] == name
            ]
            [said] = [check for check in report["checks"] if check["name"] == name]
            assert (row["value"], row["limit"], row["ok"]) == (
                said["measured"]["value"],
                said["measured"]["limit"],
                said["ok"],
            )
    assert {row["fingerprint"] for row in rows} == {
        find_live(es, index_name).meta.fingerprint.digest
    }
