"""Request bodies: the golden ones, and what holds of every search."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from golden_bodies import GOLDEN, ODD_ID, golden_bodies, knn_of, profile, requests
from xlrec_es.recommend.options import LEXICAL, MAX_CLAUSES, RETRIEVERS, SearchOptions
from xlrec_es.recommend.request.profile import HistoryDocument, build_looks, build_profile
from xlrec_es.recommend.request.queries import (
    build_requests,
    collaborative_body,
    dense_body,
    image_body,
    lexical_body,
    to_msearch,
)


@pytest.mark.parametrize("name", sorted(golden_bodies()))
def test_bodies_are_the_golden_ones(name: str) -> None:
    written = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert json.loads(json.dumps(golden_bodies()[name])) == written


def test_a_language_without_history_text_has_no_lexical_retriever() -> None:
    retrievers = [(request.language, request.retriever) for request in requests()]
    assert retrievers == [
        ("ja", "dense"),
        ("ja", "lexical"),
        ("zh", "dense"),
    ]


def test_bm25_is_told_the_texts_where_all_that_it_takes_were_read() -> None:
    read = profile(read=True)
    words = {id_: text for id_, text in read.words.items() if id_ != ODD_ID}
    bodies = {
        number: [
            lexical_body(one, "de", "apps", SearchOptions(query_texts=number))["query"]["bool"]
            for one in (read, replace(read, words=words), profile())
        ]
        for number in (1, 2)
    }
    like = {
        number: [body["must"][0]["more_like_this"]["like"] for body in found]
        for number, found in bodies.items()
    }
    by_id = [{"_index": "apps", "_id": "gimp@de"}, {"_index": "apps", "_id": ODD_ID}]
    assert like[1] == [["gimp@de draws"], ["gimp@de draws"], by_id[:1]]
    assert like[2] == [["gimp@de draws", f"{ODD_ID} draws"], by_id, by_id]


def test_only_the_retrievers_asked_for_are_searched() -> None:
    assert {request.retriever for request in requests(retrievers=("lexical",))} == {"lexical"}
    assert {request.retriever for request in requests(retrievers=("dense",))} == {"dense"}


def test_every_search_leaves_seen_works_out_and_keeps_to_its_language() -> None:
    for request in requests(retrievers=RETRIEVERS):
        body = json.dumps(request.body)
        assert json.dumps({"terms": {"xlrec.work": ["gimp", ODD_ID]}}) in body
        if request.retriever == LEXICAL:
            assert f'"fields": ["xlrec.text.{request.language}"]' in body
        else:
            assert json.dumps({"term": {"xlrec.language": request.language}}) in body


def test_more_ids_than_a_query_may_have_are_in_several() -> None:
    options = SearchOptions(max_terms=1, only={"ja": ["a", "b", "c"]})
    for request in requests(languages=["ja"], retrievers=RETRIEVERS, options=options):
        body = json.dumps(request.body)
        seen = [{"terms": {"xlrec.work": [work]}} for work in ("gimp", ODD_ID)]
        only = [{"terms": {"xlrec.work": [work]}} for work in "abc"]
        assert f'"must_not": {json.dumps(seen)}' in body
        assert json.dumps({"bool": {"should": only}}) in body


def test_so_many_works_speak_as_every_node_takes_in_a_query() -> None:
    vector = np.asarray([1, 0, 0], np.float32)
    weights = {f"w{n:04}": 1.0 + n for n in range(MAX_CLAUSES + 1)}
    documents = [HistoryDocument(work, work, "de", None, vector) for work in weights]
    body = collaborative_body(build_profile(documents, weights), "ja", SearchOptions())
    [query] = body["query"]["bool"]["must"]
    assert query["sparse_vector"]["query_vector"].keys() == weights.keys() - {"w0000"}


def test_query_vectors_are_written_as_numbers_or_as_the_bytes_of_the_same() -> None:
    written = []
    for binary in (False, True):
        options = SearchOptions(binary_vectors=binary)
        [query] = dense_body(profile(), "ja", options)["query"]["bool"]["must"]
        written.append([q["knn"]["query_vector"] for q in query["dis_max"]["queries"]])
    numbers, encoded = written
    decoded = [np.frombuffer(base64.b64decode(vector), ">f4") for vector in encoded]
    np.testing.assert_allclose(decoded, numbers, atol=1e-6)
    assert len(decoded) == len(profile().interests) == 2


def test_who_likes_nothing_is_asked_for_popularity_only() -> None:
    cold = build_profile([], {})
    found = build_requests(
        cold, languages=["ja", "zh"], retrievers=RETRIEVERS, index="apps", options=SearchOptions()
    )
    assert [(r.language, r.retriever) for r in found] == [
        ("ja", "popularity"),
        ("zh", "popularity"),
    ]


def test_popularity_is_that_of_a_market_where_one_counts() -> None:
    cold = build_profile([], {})
    ja, zh = build_requests(
        cold,
        languages=["ja", "zh"],
        retrievers=RETRIEVERS,
        index="apps",
        options=SearchOptions(),
        markets={"ja": "JP"},
    )
    [query] = ja.body["query"]["bool"]["must"]
    [market] = query["bool"]["should"]
    assert market["sparse_vector"]["query_vector"] == {"JP": 1.0}
    assert "sort" not in ja.body
    assert zh.body["sort"] == [{"xlrec.popularity": "desc"}]


def test_msearch_alternates_header_and_body_with_its_time_limit() -> None:
    lines = to_msearch(requests(), "apps", timeout_s=1.5)
    assert lines[0::2] == [{"index": "apps"}] * 3
    assert lines[1::2] == [{**request.body, "timeout": "1500ms"} for request in requests()]


@pytest.mark.parametrize(
    ("interests", "k", "num_candidates"), [(1, 40, 400), (2, 20, 200), (8, 10, 50), (50, 10, 20)]
)
def test_interests_share_the_candidates(interests: int, k: int, num_candidates: int) -> None:
    works = [f"w{number}" for number in range(interests)]
    rows = np.eye(interests, dtype=np.float32)
    documents = [HistoryDocument(w, w, "de", None, v) for w, v in zip(works, rows, strict=True)]
    many = build_profile(documents, dict.fromkeys(works, 1.0), max_interests=100)
    body = dense_body(many, "ja", SearchOptions(candidates=40, num_candidates=400))
    queries = [body["query"]["bool"]["must"][0]] if interests == 1 else None
    for knn in [queries[0]["knn"]] if queries else knn_of(body):
        assert (knn["k"], knn["num_candidates"]) == (k, num_candidates)


@pytest.mark.parametrize(("passing", "looked_at"), [(None, 400), (1001, 400), (1000, 10_000)])
def test_a_narrow_filter_makes_the_search_of_vectors_exact(
    passing: int | None, looked_at: int
) -> None:
    one = HistoryDocument("w", "w", "de", None, np.asarray([1, 0], np.float32))
    options = SearchOptions(
        candidates=40,
        num_candidates=400,
        variants={"pt": ("pt", "pt-BR")},
        passing=None if passing is None else {"pt": 600, "pt-BR": passing - 600, "ja": 5000},
    )
    body = dense_body(build_profile([one], {"w": 1.0}), "pt", options)
    assert body["query"]["bool"]["must"][0]["knn"]["num_candidates"] == looked_at


def test_pictures_are_searched_as_texts_are_but_in_their_own_field() -> None:
    image = np.asarray([0, 1], np.float32)
    text = np.asarray([1, 0], np.float32)
    liked = [HistoryDocument(w, w, "de", None, text, image=image) for w in "vw"]
    weights = {"v": 1.0, "w": 1.0}
    one = build_profile(liked, weights)
    taste = replace(one, looks=build_looks(liked, weights))
    options = SearchOptions(min_similarity=0.9, oversample=2.0)
    body = image_body(taste, "ja", options)
    knn, other = knn_of(body)
    assert knn == other
    assert (knn["field"], knn["query_vector"]) == ("xlrec.image_vector", [0.0, 1.0])
    assert "similarity" not in knn  # which is of texts
    theirs, _ = knn_of(dense_body(taste, "ja", options))
    own = {"field", "query_vector", "similarity"}
    assert {k: v for k, v in knn.items() if k not in own} == {
        k: v for k, v in theirs.items() if k not in own
    }
    asked = build_requests(
        taste, languages=["ja"], retrievers=["image"], index="shop", options=options
    )
    assert [(request.retriever, request.body) for request in asked] == [("image", body)]
    without = build_requests(
        one,
        languages=["ja"],
        retrievers=["image"],
        index="shop",
        options=options,
    )
    assert without == ()
