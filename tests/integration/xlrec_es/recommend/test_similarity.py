"""Measures of how alike two documents are, on a real node."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, topics_of, work_vector, write_catalogue
from xlrec_es import Boost, History, Options, Recommender, SearchOptions
from xlrec_es.errors import UsageError

TEXTS = {
    "tea-1": "green tea from Uji, whisked",
    "tea-2": "Green tea from Uji",
    "tea-3": "black tea from Assam",
    "tea-4": "a kettle",
}


@pytest.fixture
def recommender(es_each: Elasticsearch, index_name: str) -> Recommender:
    """Of the catalogue and four texts about tea."""
    extra = {id_: document("painting", 50 + n, "en") for n, id_ in enumerate(TEXTS)}
    for id_, body in extra.items():
        body["xlrec"] |= {"work": id_, "text": {"en": TEXTS[id_]}}  # type: ignore[operator]
    write_catalogue(es_each, index_name, extra)
    return Recommender(es_each, index_name)


def test_cosine_and_distance_put_documents_in_one_order(recommender: Recommender) -> None:
    near = recommender.similar("chess-3", measure="cosine", size=6)
    assert topics_of([item.work for item in near.items]) == ["chess"] * 6
    far = recommender.similar("chess-3", measure="l2_norm", size=6)
    assert [item.id for item in far.items] == [item.id for item in near.items]
    for cosine, distance in zip(near.items, far.items, strict=True):
        own, other = work_vector("chess", 3), work_vector("chess", int(cosine.work[-1]))
        assert cosine.score == pytest.approx(float(own @ other), abs=0.02)  # stored as int8
        squared = float(((own - other) ** 2).sum())
        assert distance.score == pytest.approx(1 / (1 + squared), abs=0.02)


def test_jaccard_counts_words_of_one_language(recommender: Recommender) -> None:
    found = recommender.similar("tea-1", measure="jaccard")
    assert [(item.id, item.score) for item in found.items] == [
        ("tea-2", pytest.approx(4 / 5)),
        ("tea-3", pytest.approx(2 / 7)),
    ]
    assert [reason.item for reason in found.items[0].reasons] == ["tea-1"]
    abroad = recommender.similar("tea-1", measure="jaccard", languages=["ja", "en"])
    assert [item.id for item in abroad.items] == ["tea-2", "tea-3"]
    assert abroad.notes == (
        "nothing for ja: jaccard compares words, and the item has no text there",
    )
    assert recommender.similar("tea-4", measure="jaccard").items == ()


def test_texts_of_routed_documents_are_read(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name, instead={"go": document("chess", 1, "ja")}, shards=3)
    for number, (id_, text) in enumerate(TEXTS.items()):
        body = document("painting", 50 + number, "en")
        body["xlrec"] |= {"id": id_, "work": id_, "text": {"en": text}}  # type: ignore[operator]
        es_each.index(index=index_name, id=id_, routing="far away", document=body)
    es_each.indices.refresh(index=index_name)
    recommender = Recommender(es_each, index_name, options=Options(weights={"lexical": 1.0}))
    by_words = recommender.recommend(History.of(["tea-1"]), languages=["en"])
    assert [item.id for item in by_words.items] == ["tea-2", "tea-3"]
    found = recommender.similar("tea-1", measure="jaccard")
    assert [(item.id, item.score) for item in found.items] == [
        ("tea-2", pytest.approx(4 / 5)),
        ("tea-3", pytest.approx(2 / 7)),
    ]


def test_what_a_measure_cannot_be_is_refused(es: Elasticsearch) -> None:
    recommender = Recommender(es, "no matter")
    with pytest.raises(UsageError, match="use one of cosine, l2_norm, jaccard"):
        recommender.similar("tea-1", measure="manhattan")
    boosts = SearchOptions(boosts=(Boost({"match_all": {}}, 2.0),))
    other = Recommender(
        recommender._client, recommender._core.index, options=Options(search=boosts)
    )
    with pytest.raises(UsageError, match="leave out one of the two"):
        other.similar("tea-1", measure="cosine")
