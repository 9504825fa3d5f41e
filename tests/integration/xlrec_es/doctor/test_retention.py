"""Logs on real clusters that keep rows of users for ever, or not."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from elasticsearch import Elasticsearch

from xlrec_es.cli.main import main
from xlrec_es.doctor.retention import examine_logs


def test_logs_without_a_lifecycle_are_found(es_each: Elasticsearch, index_name: str) -> None:
    es_each.indices.create(index=f"{index_name}-events")
    logs = {"events": f"{index_name}-events", "impressions": f"{index_name}-notyet"}
    events, impressions = examine_logs(es_each, logs)
    assert (events.level, events.message) == (
        "warning",
        f"events in {index_name}-events have no lifecycle: rows of users are kept for ever",
    )
    assert (impressions.level, impressions.message) == (
        "ok",
        f"there is no index {index_name}-notyet of impressions yet",
    )


def test_the_doctor_looks_at_the_logs_of_the_configuration(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    es.indices.create(index=f"{index_name}-shown")
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[serve]\nimpressions-index = "{index_name}-shown"\n')
    command = ["--config", str(config), "doctor", "--url", es_url, "--json"]
    found = json.loads(CliRunner().invoke(main, command).stdout)["findings"]
    [retention] = [one for one in found if one["topic"] == "retention"]
    assert retention["level"] == "warning"
    assert f"{index_name}-shown" in retention["message"]
