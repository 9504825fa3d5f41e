from __future__ import annotations

from dataclasses import replace

from elasticsearch import Elasticsearch

from catalogue import documents, work_vector, write_catalogue
from xlrec_es.index.fields import EVIDENCE_FIELD, POPULARITY_FIELD, VECTOR_FIELD
from xlrec_es.index.hits import language_of, title_of, vector_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.search_limits import SearchLimits
from xlrec_es.index.works import titled_hits, work_pages


def ids(client: Elasticsearch, live: LiveIndex, *, refresh: bool = False) -> set[str]:
    return {hit["_id"] for hits in work_pages(client, live, refresh=refresh) for hit in hits}


def test_each_document_of_a_work_comes_once_with_what_was_asked_for(
    es_each: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es_each, index_name, {"stray": {"title": "of nobody's work"}}, shards=2)
    fields = [VECTOR_FIELD, POPULARITY_FIELD]
    pages = list(work_pages(es_each, live, fields=fields, source=["title"]))
    hits = [hit for page in pages for hit in page]
    assert sorted(hit["_id"] for hit in hits) == sorted(documents())
    [one] = [hit for hit in hits if hit["_id"] == "chess-2@ja"]
    assert (work_of(one), language_of(one), title_of(one, "title")) == ("chess-2", "ja", "Chess 2")
    vector = vector_of(one)
    assert vector is not None
    assert vector.tolist() == work_vector("chess", 2).tolist()
    assert round(one["fields"][POPULARITY_FIELD][0], 3) == 0.2


def test_nothing_is_read_that_was_not_asked_for(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name)
    [hits] = work_pages(es_each, live)
    assert all("_source" not in hit for hit in hits)
    assert {tuple(sorted(hit["fields"])) for hit in hits} == {("xlrec.language", "xlrec.work")}


def test_what_is_there_as_a_column_is_read_without_a_source(
    es_each: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es_each, index_name)
    [hits] = work_pages(es_each, live, columns=[POPULARITY_FIELD, EVIDENCE_FIELD])
    [one] = [hit for hit in hits if hit["_id"] == "chess-2@ja"]
    assert "_source" not in one
    assert round(one["fields"][POPULARITY_FIELD][0], 3) == 0.2
    assert EVIDENCE_FIELD not in one["fields"], "it has none"


def test_titles_of_some_works_come_in_order_of_ids(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name, shards=3)
    hits = titled_hits(es_each, live, ["cooking-5", "chess-2", "chess-2"])
    assert [hit["_id"] for hit in hits] == ["chess-2@de", "chess-2@en", "chess-2@ja", "cooking-5"]
    assert [title_of(hit, "title") for hit in hits] == ["Chess 2"] * 3 + ["Cooking 5"]
    assert [(work_of(hit), language_of(hit)) for hit in hits][2] == ("chess-2", "ja")
    few = replace(live, limits=SearchLimits(terms=1))
    assert [hit["_id"] for hit in titled_hits(es_each, few, ["cooking-5", "chess-2"])] == [
        hit["_id"] for hit in hits
    ]
    assert titled_hits(es_each, live, []) == []


def test_a_refresh_shows_what_was_written_a_moment_ago(
    es_each: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es_each, index_name)
    es_each.indices.put_settings(index=live.name, settings={"refresh_interval": -1})
    es_each.index(index=live.name, id="new", document={"xlrec": {"work": "w", "language": "de"}})
    assert "new" not in ids(es_each, live)
    assert "new" in ids(es_each, live, refresh=True)
