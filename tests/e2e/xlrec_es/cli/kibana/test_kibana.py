"""From a live index to a file for Kibana, checked and drawn, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from kibana_catalog import catalog_documents
from xlrec_es.cli.main import main
from xlrec_es.kibana.saved_objects import read_ndjson


def run(client: Elasticsearch, *arguments: str, code: int = 0) -> Result:
    [node] = client.transport.node_pool.all()
    done = CliRunner().invoke(main, ["kibana", *arguments, "--url", node.base_url])
    assert done.exit_code == code, done.output
    return done


def test_a_catalog_is_exported_checked_and_drawn(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es_each, index_name, instead=catalog_documents())
    file, page = tmp_path / "shop.ndjson", tmp_path / "shop.html"
    command = ("export", "-i", index_name, "--link", "brand", "-o", str(file))
    said = run(es_each, *command).output
    assert said == f"{file}: 1 data views, 5 saved searches, 2 dashboards\n"
    before = file.read_bytes()
    told = json.loads(run(es_each, *command, "--json").output)
    assert told["objects"] == {"index-pattern": 1, "search": 5, "dashboard": 2}
    assert file.read_bytes() == before
    assert len(read_ndjson(file)) == 8

    rows = json.loads(run(es_each, "check", str(file), "--json").output)["searches"]
    assert len(rows) == 12
    assert {row["problem"] for row in rows} == {None}
    [row] = [row for row in rows if row["title"].startswith("How many documents")]
    assert row["hits"] == len(catalog_documents())

    assert run(es_each, "preview", str(file), "-o", str(page)).output == f"{page}\n"
    html = page.read_text("utf-8")
    assert html.count("<svg ") == 6  # of seven: nothing was written in the last 90 days
    assert html.count("There is nothing to show yet.") == 1


def test_what_would_not_work_is_told_with_its_panel(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    file = tmp_path / "shop.ndjson"
    run(es, "export", "-i", index_name, "-o", str(file))
    other = f"{index_name}-other"
    es.indices.create(index=other, mappings={"properties": {"xlrec.language": {"type": "keyword"}}})
    done = run(es, "check", str(file), "-i", other, code=1)
    assert "has no field xlrec.fingerprint" in done.stderr
    assert "Were all vectors made by one encoder?" in done.stderr
    gone = run(es, "check", str(file), "-i", f"{index_name}-gone", code=1)
    assert f"there is no index {index_name}-gone" in gone.stderr


def test_a_file_of_something_else_is_refused(es: Elasticsearch, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    for command in ("check", "preview"):
        assert "is no saved object of Kibana" in run(es, command, str(file), code=2).output
    assert file.read_text() == "{}"
