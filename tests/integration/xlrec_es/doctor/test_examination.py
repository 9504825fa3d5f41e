"""The doctor on real nodes of every supported Elasticsearch, with real ailments."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import documents, write_catalogue
from xlrec_es.cli.main import main
from xlrec_es.doctor.checks import Finding
from xlrec_es.doctor.examination import Patient, examine


def by_topic(findings: list[Finding]) -> dict[str, Finding]:
    """The worst of each topic."""
    order = ("ok", "warning", "problem")
    return {f.topic: f for f in sorted(findings, key=lambda f: order.index(f.level))}


def test_a_cluster_without_an_index(es_each: Elasticsearch) -> None:
    found = by_topic(examine(Patient(es_each)))
    cluster = {"version", "modules", "licence", "privileges", "analyzers"}
    assert set(found) == cluster | {"disk", "room", "heap", "memory"}
    assert found["version"].level == found["licence"].level == found["modules"].level == "ok"
    assert "security is off" in found["privileges"].message
    assert "1,000,000 vectors of 384 dimensions" in found["room"].message


def test_a_healthy_index(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name)
    found = by_topic(examine(Patient(es_each, index_name)))
    assert found["index"].message == f"{index_name} is {live.name}"
    for topic in ("mapping", "refresh", "shards", "segments", "fingerprint", "vectors"):
        assert found[topic].level == "ok", found[topic]
    # The catalogue's texts are read by `standard`, on purpose.
    assert found["analyzers"].level == "warning"
    assert f"{len(documents())} vectors of 32 dimensions" in found["room"].message
    larger = by_topic(examine(Patient(es_each, index_name, documents=10**12)))
    assert (larger["room"].level, larger["memory"].level) == ("problem", "warning")


def test_an_ailing_index(es_each: Elasticsearch, index_name: str) -> None:
    stray = {"xlrec": {"language": "de", "text": {}, "fingerprint": "another"}}
    live = write_catalogue(es_each, index_name, {"stray": stray})
    es_each.indices.put_settings(index=live.name, settings={"refresh_interval": "-1"})
    es_each.indices.add_block(index=live.name, block="write")
    meta = live.meta.to_meta()
    meta["analyzers"] = {**meta["analyzers"], "ko": "nori"}
    es_each.indices.put_mapping(index=live.name, meta={"xlrec": meta})
    found = by_topic(examine(Patient(es_each, index_name)))
    assert found["refresh"].level == "problem"
    assert found["writes"].level == "warning"
    assert found["mapping"].message == "analyzer of xlrec.text.ko is None, not nori"
    assert found["fingerprint"].message.startswith("1 of ")
    assert found["vectors"].level == "warning"


def test_what_is_no_index_of_ours(es_each: Elasticsearch, index_name: str) -> None:
    missing = by_topic(examine(Patient(es_each, index_name)))["index"]
    assert (missing.level, "xlrec-ingest run" in missing.advice) == ("warning", True)
    es_each.indices.create(index=index_name)
    foreign = by_topic(examine(Patient(es_each, index_name)))["index"]
    assert (foreign.level, "no _meta.xlrec" in foreign.message) == ("problem", True)


@pytest.fixture
def low_mark(es: Elasticsearch) -> Iterator[str]:
    """The setting, put back afterwards; the test nodes do not act on it."""
    name = "cluster.routing.allocation.disk.watermark.low"
    yield name
    es.cluster.put_settings(persistent={name: None})


def test_a_disk_beyond_its_mark(es: Elasticsearch, low_mark: str) -> None:
    # In memory, the files of a node are next to nothing.
    es.cluster.put_settings(persistent={low_mark: "0.0001%"})
    found = examine(Patient(es))
    assert any("beyond the low mark" in finding.message for finding in found)
    assert by_topic(found)["room"].level == "problem"


def test_the_exit_code_tells(es: Elasticsearch, es_url: str, index_name: str) -> None:
    live = write_catalogue(es, index_name)
    arguments = ["doctor", "--url", es_url, "--index", index_name]
    well = CliRunner().invoke(main, arguments)
    assert well.exit_code == 0, well.output
    assert f"ok       index: {index_name} is {live.name}\n" in well.stdout
    es.indices.put_settings(index=live.name, settings={"refresh_interval": "-1"})
    ill = CliRunner().invoke(main, arguments)
    assert ill.exit_code == 5
    assert "problem  refresh: " in ill.stdout
    assert "         -> set it back: PUT" in ill.stdout
    rows = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["findings"]
    assert {"topic", "level", "message", "advice"} == set(rows[0])
    nowhere = CliRunner().invoke(main, ["doctor", "--url", "http://127.0.0.1:9"])
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert "no Elasticsearch at" in nowhere.stderr
