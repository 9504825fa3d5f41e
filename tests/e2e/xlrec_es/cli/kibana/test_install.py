"""Dashboards of a live index, made and installed by one command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from fake_kibana import FakeKibana
from served import served
from xlrec_es.cli.main import main


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    server = FakeKibana("shop")
    with served(server):
        yield server


def run(es_url: str, *arguments: str) -> Result:
    variables = {"XLREC_URL": es_url, "COLUMNS": "200"}
    return CliRunner().invoke(main, ["kibana", *arguments], env=variables)


def test_one_command_installs_what_export_writes(
    es: Elasticsearch, es_url: str, index_name: str, fake: FakeKibana, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    to = ("--kibana-url", fake.url, "--space", "shop")
    done = run(es_url, "install", "-i", index_name, *to)
    assert done.exit_code == 0, done.output
    path = tmp_path / "shop.ndjson"
    assert run(es_url, "export", "-i", index_name, "-o", str(path)).exit_code == 0
    exported = [json.loads(line) for line in path.read_bytes().splitlines()]
    there = fake.spaces["shop"].objects
    assert there == {(one["type"], one["id"]): one for one in exported}
    again = run(es_url, "install", str(path), *to, "--json")
    became = [one["became"] for one in json.loads(again.stdout)["objects"]]
    assert became == ["overwritten"] * len(exported)


def test_the_address_of_elasticsearch_in_place_of_kibanas(
    es: Elasticsearch, es_url: str, index_name: str
) -> None:
    write_catalogue(es, index_name)
    done = run(es_url, "install", "-i", index_name, "--kibana-url", es_url)
    assert done.exit_code == 1
    assert f"{es_url} is the address of Elasticsearch; give Kibana's" in done.stderr
