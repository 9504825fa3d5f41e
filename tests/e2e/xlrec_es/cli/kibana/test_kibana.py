"""From a live index to a file for Kibana, checked and drawn, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from ingest.cli.main import main as ingest
from kibana_catalog import catalog_documents
from kibana_marks import asking
from xlrec_es.cli.main import main
from xlrec_es.kibana.drawing import marks
from xlrec_es.kibana.panels import VegaPanel
from xlrec_es.kibana.saved_objects import read_ndjson
from xlrec_es.kibana.searches import dashboards_of
from xlrec_es.kibana.vega_source import TimeRange, filled


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
    assert said == f"{file}: 1 data views, 5 saved searches, 4 dashboards\n"
    before = file.read_bytes()
    told = json.loads(run(es_each, *command, "--json").output)
    assert told["objects"] == {"index-pattern": 1, "search": 5, "dashboard": 4}
    assert file.read_bytes() == before
    assert len(read_ndjson(file)) == 10

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


def test_an_export_says_which_index_is_not_there_yet(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    es.indices.create(index=f"{index_name}-shown")
    file = tmp_path / "shop.ndjson"
    names = {"--evaluations": "quality", "--shown": "shown", "--clicks": "clicks", "--runs": "runs"}
    options = [part for o, name in names.items() for part in (o, f"{index_name}-{name}")]
    done = run(es, "export", "-i", index_name, *options, "-o", str(file))
    warned = [line for line in done.stderr.splitlines() if line.startswith("Warning")]
    assert len(warned) == 3
    assert warned[0] == (
        f"Warning: there is no index {index_name}-quality yet, and its panels are empty until "
        f"there is; make it with: xlrec-es evaluate INTERACTIONS -i {index_name} --write-to "
        f"{index_name}-quality"
    )
    assert f"there is no index {index_name}-clicks yet" in warned[1]
    assert f"there is no index {index_name}-runs yet" in warned[2]
    assert file.exists()
    told = run(es, "check", str(file), code=1).stderr
    assert f"there is no index {index_name}-clicks" in told
    assert f"{index_name}-clicks has no field" not in told


def test_a_file_of_something_else_is_refused(es: Elasticsearch, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    for command in ("check", "preview"):
        assert "is no saved object of Kibana" in run(es, command, str(file), code=2).output
    assert file.read_text() == "{}"


RECORDS = [
    {"id": "a", "language": "en", "title": "A puzzle with tiles"},
    {"id": "b", "language": "de", "title": "Ein Puzzle mit Kacheln"},
    {"id": "c", "text": "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"},
    {"id": "d", "translations": {"en": {"title": "Chess"}, "ja": {"title": "将棋"}}},
    {"id": "e", "language": "en"},
]


def test_what_a_run_has_done_is_drawn(
    es_each: Elasticsearch, index_name: str, tmp_path: Path, tiny_model: Path
) -> None:
    [node] = es_each.transport.node_pool.all()
    items, file = tmp_path / "items.jsonl", tmp_path / "shop.ndjson"
    items.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    runs = f"{index_name}-runs"
    options = ["--index", index_name, "--url", node.base_url, "--model", str(tiny_model)]
    done = CliRunner().invoke(
        ingest, ["run", str(items), *options, "--write-to", runs, "--quiet", "--json"]
    )
    assert done.exit_code == 3, done.output
    summary = json.loads(done.stdout)
    assert summary["rejected"] == 1

    run(es_each, "export", "-i", index_name, "--runs", runs, "-o", str(file))
    rows = json.loads(run(es_each, "check", str(file), "--json").output)["searches"]
    assert {row["problem"] for row in rows} == {None}
    shown = drawn_panels(es_each, file)

    status = CliRunner().invoke(main, ["index", "status", index_name, "--json", *options[2:4]])
    [version] = json.loads(status.stdout)["versions"]
    languages = {name: found["documents"] for name, found in version["languages"].items()}
    bars = shown["How many documents are there in each language?"]
    assert {m["language"].split("  ")[0]: int(m["documents"]) for m in bars} == languages
    assert sum(languages.values()) == summary["documents"]
    written = shown["When were the documents written?"]
    assert sum(int(m["documents"]) for m in written) == summary["documents"]
    [made] = shown["Were all vectors made by one encoder?"]
    assert made["fingerprint"].split("  ")[0] == summary["fingerprint"]

    became = shown["What became of the documents?"]
    for name in ("indexed", "unchanged", "superseded", "deleted", "rejected"):
        assert [int(m["documents"]) for m in became if m["were"] == name] == [summary[name]]
    [retries] = shown["How often did a run have to ask Elasticsearch again?"]
    assert int(retries["requests"]) == summary["retries"]
    assert len(shown["How many documents a second did runs read?"]) > 0
    [why] = shown["Why were records rejected?"]
    assert why["records"] == "1"


def drawn_panels(client: Elasticsearch, file: Path) -> dict[str, list[dict[str, str]]]:
    """The values of the marks of each panel of a file, by its title."""
    found = {}
    for dashboard in dashboards_of(read_ndjson(file)):
        ask = asking(client, TimeRange.relative(dashboard.since, dashboard.until))
        for placed in dashboard.panels:
            if isinstance(placed.panel, VegaPanel):
                found[placed.title] = marks(filled(placed.panel.spec, ask))
    return found
