"""An index holds documents that JSON of this program cannot hold: the others still arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from hostile_json import HELD, UNREAD, bulk_body
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.run.reject_file import replaced
from ingest.sources.rejects import SCHEME
from ingest.write.modes import COMPANION, IN_PLACE, VERSION, Mode
from xlrec_es import exact_json
from xlrec_es.cluster import scan
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection

GOOD = {id_ for id_, (_, reason) in HELD.items() if not reason}
REASONS = {f"document '{id_}' is {reason}"[:40] for id_, (_, reason) in HELD.items() if reason}


@pytest.fixture
def own_index(es_each: Elasticsearch, index_name: str) -> str:
    name = f"{index_name}-own"
    es_each.indices.create(index=name, mappings={"properties": UNREAD})
    body = bulk_body('"title": "A puzzle", "language": "en"')
    answer = es_each.bulk(index=name, operations=body, refresh=True)  # type: ignore[arg-type]
    assert not answer["errors"]
    return name


def do(es: Elasticsearch, job: RunJob) -> dict[str, Any]:
    [node] = es.transport.node_pool.all()
    return run(job, Connection(node.base_url), encoder=HashEncoder())


def stored(es: Elasticsearch, index: str) -> dict[str, Any]:
    es.indices.refresh(index=index)
    body = {"_source": scan.whole_source(es)}
    return {hit["_id"]: hit["_source"] for hits in scan.pages(es, index, body) for hit in hits}


def reasons(rejects: Path) -> set[str]:
    return {orjson.loads(line)["reason"][:40] for line in rejects.read_bytes().splitlines()}


@pytest.mark.parametrize("mode", [VERSION, COMPANION, IN_PLACE])
def test_what_cannot_be_written_again_is_set_aside_by_its_name(
    es_each: Elasticsearch, own_index: str, index_name: str, tmp_path: Path, mode: Mode
) -> None:
    rejects = tmp_path / "rejects"
    target = own_index if mode is IN_PLACE else index_name
    job = RunJob(f"index:{own_index}", target, mode=mode, centering="none", rejects=rejects)
    summary = do(es_each, job)
    assert (summary["indexed"], summary["rejected"]) == (len(GOOD), len(HELD) - len(GOOD))
    assert reasons(rejects) == REASONS
    documents = stored(es_each, target)
    ours = {id_ for id_, fields in documents.items() if "xlrec" in fields}
    assert ours == GOOD
    if mode is VERSION:
        before = stored(es_each, own_index)
        # Asked for vectors, later servers give back "Infinity" for 1e400.
        alike = GOOD - {"endless"} if probe(es_each).hides_vectors else GOOD
        assert {id_: exact_json.as_text(documents[id_]["own"]) for id_ in alike} == {
            id_: exact_json.as_text(before[id_]["own"]) for id_ in alike
        }
        for line in map(orjson.loads, rejects.read_bytes().splitlines()):
            assert line["record"] == exact_json.as_text(before[line["document"]])


def test_they_stay_set_aside_until_somebody_mends_them(
    es_each: Elasticsearch, own_index: str, index_name: str, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects"
    do(es_each, RunJob(f"index:{own_index}", index_name, centering="none", rejects=rejects))

    def replay() -> dict[str, Any]:
        with replaced(rejects) as still:
            again = RunJob(f"{SCHEME}{rejects}", index_name, centering="none", rejects=still)
            return do(es_each, again)

    assert replay()["rejected"] == len(REASONS)
    entry = orjson.loads(rejects.read_bytes().splitlines()[0])
    entry["record"] = '{"id": "mended", "title": "A puzzle", "language": "en"}'
    rejects.write_bytes(orjson.dumps(entry))
    assert replay()["indexed"] == 1
    assert not rejects.exists()
    assert stored(es_each, index_name).keys() == GOOD | {"mended"}


def test_an_object_of_ours_that_is_none_is_set_aside(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    """Elasticsearch takes a list where the mapping has an object."""
    source = tmp_path / "items.jsonl"
    source.write_text('{"id": "a", "title": "A puzzle", "language": "en"}\n')
    do(es_each, RunJob(str(source), index_name, centering="none"))
    es_each.index(index=index_name, id="b", document={"title": "x", "xlrec": [{"work": "w"}]})
    es_each.index(
        index=index_name,
        id="c",
        document={"title": "x", "xlrec": {"work": ["v", "w"], "language": "en"}},
    )
    rejects = tmp_path / "rejects"
    job = RunJob(f"index:{index_name}", f"{index_name}-2", centering="none", rejects=rejects)
    summary = do(es_each, job)
    assert (summary["indexed"], summary["rejected"]) == (1, 2)
    found = [orjson.loads(line)["reason"] for line in rejects.read_bytes().splitlines()]
    assert sorted(found) == [
        "document 'b' is not of this program: its field xlrec is no object",
        "the work is a list, neither text nor a whole number",
    ]
