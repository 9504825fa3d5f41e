"""`xlrec-es trending` and `buy-again`, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import burst, event, usual_weeks, write_events
from xlrec_es.cli.main import main


def test_trending(es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path) -> None:
    write_catalogue(es, index_name)
    write_events(es, f"{index_name}-events", [*usual_weeks(), *burst("chess-0@ja", 50)])
    common = ["trending", "-i", index_name, "--url", es_url]
    events = ["--events-index", f"{index_name}-events"]

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(main, [*common, *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    shown = call(*events, "-l", "ja")
    assert "chess-0@ja" in shown
    assert "times (95% interval)" in shown
    options = ("--filter", '{"term": {"price": 0}}', "--cap", "brand=1", "--include-field", "price")
    [item] = json.loads(call(*events, "-l", "ja", *options, "--json"))["items"]
    assert item["id"] == "chess-0@ja"
    assert item["source"]["price"] == 0
    assert item["trend"]["market"] == "ja"
    assert "nothing trends" in call(*events, "-l", "en")
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[history]\nindex = "{index_name}-events"\n')
    done = CliRunner().invoke(main, ["--config", str(config), *common, "--market", "jp"])
    assert done.exit_code == 2
    assert "no field of the events names theirs" in done.output
    done = CliRunner().invoke(main, common)
    assert done.exit_code == 2
    assert "give --events-index" in done.output


def test_trending_of_a_file(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    events = [*usual_weeks(), *burst("chess-0@ja", 50)]
    write_events(es, f"{index_name}-events", events)
    path = tmp_path / "events.jsonl"
    rows = [{"who": one.pop("user"), **one} for one in map(dict, events)]
    path.write_text("\n".join(map(json.dumps, [*rows, {"who": "ann", "item": "x"}])))
    common = ["trending", "-i", index_name, "--url", es_url, "-l", "ja", "--json"]
    found = []
    for source in (
        ["--events-index", f"{index_name}-events"],
        ["--interactions", str(path), "--field", "user=who"],
    ):
        done = CliRunner().invoke(main, [*common, *source])
        assert done.exit_code == 0, done.output
        found.append(json.loads(done.stdout)["items"])
    assert "1 of" in done.stderr
    assert "without a time: 1" in done.stderr
    assert [item["id"] for item in found[1]] == ["chess-0@ja"]
    # Its present is its last event, a moment before that of the index.
    assert found[1][0]["trend"]["users"] == found[0][0]["trend"]["users"]
    assert found[1][0]["score"] == pytest.approx(found[0][0]["score"], rel=0.02)


def test_buy_again(es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path) -> None:
    write_catalogue(es, index_name)
    bought = [
        event("cooking-3", 9 + 10.0 * n, user=f"user{user}", event="order")
        for user in range(30)
        for n in range(4)
    ]
    write_events(es, f"{index_name}-events", bought)
    common = ["buy-again", "-i", index_name, "--url", es_url]
    common += ["--events-index", f"{index_name}-events"]

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(main, [*common, *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "usually again after" in call("--user", "user1")
    [item] = json.loads(call("--user", "user1", "--json"))["items"]
    assert (item["id"], item["again"]["times"]) == ("cooking-3", 4)
    path = tmp_path / "orders.csv"
    columns = ("user", "item", "event", "time")
    lines = [",".join(one[name] for name in columns) for one in bought]
    path.write_text("\n".join([",".join(columns), *lines]))
    source = ["--interactions", str(path), "--user", "user1"]
    [same] = json.loads(call(*source, "--json"))["items"]
    assert (same["id"], same["again"]["times"], same["again"]["gap_days"]) == ("cooking-3", 4, 10)
    viewed = tmp_path / "history.json"
    viewed.write_text(json.dumps([{"item": "cooking-3", "event": "view"}]))
    assert "nothing is due" in call("--history", str(viewed))
    done = CliRunner().invoke(main, common)
    assert done.exit_code == 2
    assert "give --user or --history" in done.output
