"""The first records of a run: envelopes of dumps, and inputs of which nothing can be indexed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run import assemble as runs
from ingest.run.job import RunJob
from ingest.run.reading import TRIED
from worker_bench import Bench
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import TooManyRejects
from xlrec_es.records.envelope import METADATA
from xlrec_es.records.field_map import FieldMap

TITLES = ("Tea", "Coffee", "Cake")
ELASTICDUMP = [
    {"_index": "old", "_type": "_doc", "_id": f"e{n}", "_score": 1, "_source": {"title": title}}
    for n, title in enumerate(TITLES)
]
MONGOEXPORT = [{"_id": {"$oid": f"{n:024x}"}, "title": title} for n, title in enumerate(TITLES)]


def many(**fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    return [{"id": str(n), "title": f"word{n} tea", "language": "en"} | fields for n in range(400)]


@pytest.mark.parametrize(
    ("records", "ids", "fields"),
    [
        (ELASTICDUMP, {"e0", "e1", "e2"}, {}),
        (ELASTICDUMP, {"e0", "e1", "e2"}, {"id": "_id"}),
        (MONGOEXPORT, {f"{n:024x}" for n in range(3)}, {}),
        (MONGOEXPORT, {f"{n:024x}" for n in range(3)}, {"id": "_id"}),
    ],
)
def test_a_dump_is_read_as_what_it_holds(
    es_url: str,
    es: Elasticsearch,
    index_name: str,
    tmp_path: Path,
    records: list[dict[str, Any]],
    ids: set[str],
    fields: dict[str, str],
) -> None:
    bench = Bench(es, index_name, tmp_path)
    path = bench.write([*records, {"_id": "bad", "title": ["no", 7]}])
    job = RunJob(path, index_name, fields=FieldMap.from_mapping(fields))
    done = runs.run(job, Connection(es_url), encoder=bench.encoder)
    assert (done["indexed"], done["unwrapped"], done["rejected"]) == (3, 4, 1)
    documents = bench.documents()
    assert documents.keys() == ids
    for document in documents.values():
        assert document.keys() - {"vector"} == {"title", "xlrec"}
    # What was set aside has its id still.
    rejects = Path(f"{path}.{index_name}.rejects.jsonl")
    assert '"_id":"bad"' in rejects.read_text()


def test_values_of_catalogues_are_read_and_counted(
    es_url: str, es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    japanese, french = "将棋は二人で遊ぶ盤上の競技です", "Un jeu de réflexion avec des tuiles"
    records = [
        {"id": "1", "language": "jp", "title": japanese},
        {"id": "2", "language": "xx", "title": french},
        {"id": "3", "language": "x-default", "title": french + " numérotées"},
        {"id": "4", "language": "English", "title": "Tea"},
        {"id": "5", "language": "cn", "title": "Kung Fu"},
        {"id": "6", "language": "kr", "title": "2048"},
        {"id": "7", "language": "en, fr", "title": "Tea and thé"},
    ]
    bench = Bench(es, index_name, tmp_path)
    path = bench.write(records)
    job = RunJob(path, index_name, language_map={"cn": "yue"}, centering="none")
    done = runs.run(job, Connection(es_url), encoder=bench.encoder)
    assert done["languages"] == {"fr": 2, "ja": 1, "en": 1, "yue": 1}
    assert done["detected"] == {"fr": 2, "ja": 1}
    assert done["read_as"] == {
        "jp → ja (detected)": 1,
        "xx → fr (detected)": 1,
        "x-default → fr (detected)": 1,
        "English → en": 1,
        "cn → yue": 1,
    }
    assert "3 documents have something else than a language tag" in done["warnings"][-1]
    set_aside = Path(f"{path}.{index_name}.rejects.jsonl")
    rejected = [json.loads(line) for line in set_aside.read_text().splitlines()]
    assert ["--language-map" in one["reason"] for one in rejected] == [True, True]
    # Whoever says what they mean can read them again.
    again = RunJob(
        f"rejects:{set_aside}",
        index_name,
        language_map={"kr": "ko", "en, fr": "en"},
        rejects=tmp_path / "still",
    )
    assert runs.run(again, Connection(es_url), encoder=bench.encoder)["rejected"] == 0
    assert bench.documents()["6"]["xlrec"]["language"] == "ko"


def test_an_input_that_fails_at_its_first_records_is_not_encoded(bench: Bench) -> None:
    for records, reason in (
        (many(title=7), "title is or has a number, not text"),
        (many(_id="x"), "--field id=_id makes it the id"),
    ):
        with pytest.raises(TooManyRejects, match=reason):
            bench.run(records, window=256)
        assert bench.encoder.encoded == []
        rejected = bench.rejects()
        assert [one["line"] for one in rejected] == list(range(1, TRIED + 1))
        assert [one["record"] for one in rejected] == records[:TRIED]
    assert not bench.es.indices.exists(index=bench.index)


def test_an_index_that_takes_none_of_the_first_records_ends_the_run(bench: Bench) -> None:
    bench.run(
        [{"id": "a", "title": "A first one", "language": "en", "year": 1999}], centering="none"
    )
    bench.encoder.encoded.clear()
    with pytest.raises(TooManyRejects, match=f"none of the first {TRIED} .*'?year"):
        bench.run(many(year="long ago"), window=256, centering="none")
    assert len(bench.rejects()) == TRIED
    assert len(bench.encoder.encoded) == TRIED


def test_one_good_record_is_enough_to_go_on(bench: Bench) -> None:
    records = many(title=7)
    records[TRIED - 1]["title"] = "Tea"
    tally = bench.run(records, centering="none")
    assert (tally.indexed, tally.rejected) == (1, len(records) - 1)


def test_whoever_allows_rejects_or_replays_them_comes_to_the_end(
    es_url: str, es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    bench = Bench(es, index_name, tmp_path)
    records = many(title=7)[: TRIED + 1] + many()[TRIED + 1 :]
    path = bench.write(records)
    job = RunJob(path, index_name, max_rejects=len(records))
    done = runs.run(job, Connection(es_url), encoder=HashEncoder())
    assert (done["rejected"], done["indexed"]) == (TRIED + 1, len(records) - TRIED - 1)
    again = RunJob(
        f"rejects:{path}.{index_name}.rejects.jsonl", index_name, rejects=tmp_path / "still"
    )
    done = runs.run(again, Connection(es_url), encoder=HashEncoder())
    assert done["rejected"] == TRIED + 1


def test_names_that_are_refused_before_are_those_that_elasticsearch_refuses(
    es_each: Elasticsearch, index_name: str
) -> None:
    for name in sorted(METADATA):
        with pytest.raises(elasticsearch.BadRequestError, match="metadata field"):
            es_each.index(index=index_name, document={name: "x"})
