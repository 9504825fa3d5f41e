"""Interactions out of an index."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from indicator_learning import job
from ingest.cli.main import main as ingest_main
from ingest.indicators.run import run
from xlrec_es.cli.main import main as xlrec_main


def test_interactions_out_of_an_index(es_each: Elasticsearch, index_name: str, likes: Path) -> None:
    write_catalogue(es_each, index_name)
    events = f"{index_name}-events"
    mapping = {"properties": {"who": {"type": "keyword"}, "what": {"type": "keyword"}}}
    es_each.indices.create(index=events, mappings=mapping)
    lines = [line.split("\t") for line in likes.read_text().splitlines()[1:]]
    operations = [
        part for who, what in lines for part in ({"index": {}}, {"who": who, "what": what})
    ]
    es_each.bulk(index=events, operations=operations, refresh=True)
    fields = {"user": "who", "item": "what"}
    from_index = run(es_each, job(Path(f"index:{events}"), index_name, fields=fields))
    from_file = run(es_each, job(likes, index_name))
    assert from_index["interactions"] == from_file["interactions"]
    assert from_index["users"] == from_file["users"]


def test_unknown_events_are_told_by_all_who_read_likes(
    es_url: str, es: Elasticsearch, index_name: str, likes: Path, tmp_path: Path
) -> None:
    """A purchase that is called by a name that nobody knows is not silently no purchase."""
    write_catalogue(es, index_name)
    lines = likes.read_text().splitlines()
    events = [("swipe" if number % 4 else "transaction") for number in range(len(lines) - 1)]
    rows = [f"{line}\t{event}" for line, event in zip(lines[1:], events, strict=True)]
    path = tmp_path / "events.tsv"
    path.write_text("\n".join(["user\titem\tevent", *rows]) + "\n")
    where = ["--index", index_name, "--url", es_url]
    learned = CliRunner().invoke(ingest_main, ["learn", str(path), *where, "--dry-run"])
    assert learned.exit_code == 0, learned.output
    assert re.search(rf"unknown event: swipe +{events.count('swipe')}\b", learned.output)
    assert f"Warning: {events.count('swipe')} of {len(events)} rows do not count" in learned.stderr
    evaluated = CliRunner().invoke(xlrec_main, ["evaluate", str(path), *where, "--k", "5"])
    assert evaluated.exit_code == 0, evaluated.output
    assert "say it: --event swipe=1" in " ".join(evaluated.output.split())
    known = ["--event", "swipe=1", "--event", "transaction=5"]
    for program, command in (
        (ingest_main, ["learn", str(path), *where, "--dry-run", *known]),
        (xlrec_main, ["evaluate", str(path), *where, "--k", "5", *known]),
    ):
        told = CliRunner().invoke(program, command)
        assert told.exit_code == 0, told.output
        assert "swipe" not in told.output
