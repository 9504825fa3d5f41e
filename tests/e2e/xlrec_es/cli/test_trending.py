"""`xlrec-es trending`, as people call it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import burst, usual_weeks, write_events
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
