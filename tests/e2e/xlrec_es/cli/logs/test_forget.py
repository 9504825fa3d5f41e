"""One of 200 users asks to be forgotten: no trace of the ID is left, nothing is learned of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from http_service import service
from ingest.cli.main import main as ingest
from xlrec_es.cli.main import main as xlrec_es

USERS = [f"customer-{number:03}" for number in range(200)]
GONE = USERS[57]
TOPICS = ("chess", "astronomy", "painting")


def likes(users: list[str]) -> str:
    """Each user likes five items of one topic."""
    rows = ["user\titem\tevent"]
    for user in users:
        number = int(user[-3:])
        topic = TOPICS[number % 3]
        rows += [f"{user}\t{topic}-{(number + step) % 10}\tlike" for step in range(5)]
    return "\n".join(rows) + "\n"


@pytest.fixture
def catalog(es: Elasticsearch, index_name: str) -> str:
    write_catalogue(es, index_name)
    return index_name


def run(es: Elasticsearch, program: Any, *arguments: str) -> str:  # noqa: ANN401 - a click command
    [node] = es.transport.node_pool.all()
    done = CliRunner().invoke(program, [*arguments, "--url", node.base_url])
    assert done.exit_code == 0, done.output
    return done.output


def indicators(es: Elasticsearch, index: str) -> dict[str, Any]:
    """What was learned, by document, but for the name of the run."""
    names = ("indicators", "indicators_from", "evidence", "popularity", "market_popularity")
    hits = es.search(index=index, size=1000, source_includes=[f"xlrec.{name}" for name in names])[
        "hits"
    ]["hits"]
    return {hit["_id"]: hit["_source"].get("xlrec", {}) for hit in hits}


def documents(es: Elasticsearch, pattern: str) -> Iterator[str]:
    """All that Elasticsearch holds of these indices: documents, mappings, settings."""
    es.indices.refresh(index=pattern)
    for name, body in es.indices.get(index=pattern, expand_wildcards="all").body.items():
        yield json.dumps(body)
        found = es.search(index=name, size=10_000)["hits"]
        assert found["total"]["value"] == len(found["hits"])
        yield from map(json.dumps, found["hits"])


def test_no_trace_of_the_user_is_left_and_what_is_learned_is_as_without_them(
    es: Elasticsearch, catalog: str, tmp_path: Path
) -> None:
    source, config = tmp_path / "source.tsv", tmp_path / "work" / "xlrec.toml"
    work = config.parent
    work.mkdir()
    source.write_text(likes(USERS))  # the team's own; it still has the rows afterwards
    shown, clicks = f"{catalog}-shown", f"{catalog}-clicks"
    config.write_text(f'[history]\nindex = "{clicks}"\n[serve]\nimpressions-index = "{shown}"\n')
    [node] = es.transport.node_pool.all()
    options = ["-i", catalog, "--url", node.base_url, "--spool", str(work / "spool")]
    logs = ["--impressions-index", shown, "--events-index", clicks]
    with service(work, *options, *logs) as served:
        for user in USERS:
            question = {"history": ["chess-1"], "languages": ["ja"], "size": 3}
            items = served.post("/v1/recommend", question).json["items"]
            told = {"id": f"list of {user}", "user": user, "items": items}
            assert served.post("/v1/impressions", told).status == 202
            events = [{"user": user, "item": "chess-1", "event": "like"}]
            assert served.post("/v1/events", {"events": events}).status == 202
        _await(es, {shown: 600, clicks: 200})
    learn = ("learn", str(source), "--index", catalog)
    before = run(es, ingest, *learn)
    assert any(GONE in text for text in documents(es, f"{catalog}*"))

    asked = tmp_path / "asked.txt"
    asked.write_text(f"{GONE}\n")
    forget = ("--config", str(config), "forget", "--users-file", str(asked), "-i", catalog)
    printed = run(es, xlrec_es, *forget, "--yes") + run(es, xlrec_es, *forget, "--verify")
    again = run(es, ingest, *learn)
    learned = indicators(es, catalog)
    report = work / "evaluation.json"
    evaluate = ("evaluate", str(source), "-i", catalog, "--k", "3", "--json", "--write-to")
    report.write_text(run(es, xlrec_es, *evaluate, f"{catalog}-quality"))
    training = work / "training.tsv"
    run(es, xlrec_es, *evaluate[:4], "--k", "3", "--write-training", str(training))
    lists = work / "lists.jsonl"
    exported = run(es, xlrec_es, "export", str(source), "-i", catalog, "-o", str(lists))

    assert [text for text in documents(es, f"{catalog}*") if GONE in text] == []
    for text in (printed, before, again, exported):
        assert GONE not in text
    files = [path for path in work.rglob("*") if path.is_file()]
    assert {"evaluation.json", "training.tsv", "lists.jsonl"} <= {path.name for path in files}
    assert [str(path) for path in files if GONE.encode() in path.read_bytes()] == []
    assert USERS[58].encode() in lists.read_bytes(), "others have lists"
    assert re.search(r"5 of a forgotten user", exported)

    source.write_text(likes([user for user in USERS if user != GONE]))
    run(es, ingest, *learn)
    assert indicators(es, catalog) == learned


def _await(es: Elasticsearch, counts: dict[str, int]) -> None:
    end = time.monotonic() + 60
    for index, count in counts.items():
        while time.monotonic() < end:
            if es.indices.exists(index=index):
                es.indices.refresh(index=index)
                if es.count(index=index)["count"] >= count:
                    break
            time.sleep(0.2)
        assert es.count(index=index)["count"] == count


def test_logs_of_the_service_name_no_user_and_no_text(
    es: Elasticsearch, catalog: str, tmp_path: Path
) -> None:
    [node] = es.transport.node_pool.all()
    options = ["-i", catalog, "--url", node.base_url, "--spool", str(tmp_path / "spool")]
    logs = ["--impressions-index", f"{catalog}-shown", "--events-index", f"{catalog}-clicks"]
    with service(tmp_path, *options, *logs) as served:
        question = {"history": ["chess-1"], "languages": ["ja"], "size": 3}
        items = served.post("/v1/recommend", question).json["items"]
        served.post("/v1/impressions", {"id": "secret-list", "user": GONE, "items": items})
        served.post("/v1/events", {"events": [{"user": GONE, "item": "chess-1"}]})
        served.post("/v1/events", {"events": [{"user": GONE, "item": "x", "event": "no such"}]})
        served.post("/v1/search", {"query": "a text of a user", "languages": ["ja"]})
        served.post("/v1/recommend", {"history": [GONE], "languages": ["ja"]})
        log = served.log.read_text("utf-8")
    assert "/v1/events" in log, "requests are logged"
    for told in (GONE, "secret-list", "a text of a user"):
        assert told not in log
