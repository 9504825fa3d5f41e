"""Golden request bodies; `python tests/unit/xlrec_es/recommend/test_queries.py` writes them."""

from __future__ import annotations

import ast
import base64
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xlrec_es.cli.query_forms import FORMS, render, shortened
from xlrec_es.errors import UsageError
from xlrec_es.index.hits import title_of, vector_of
from xlrec_es.recommend.options import LEGS, LEXICAL, Boost, Recency, SearchOptions
from xlrec_es.recommend.profile import HistoryDocument, Profile, build_profile
from xlrec_es.recommend.queries import (
    SearchRequest,
    build_requests,
    dense_body,
    details_body,
    history_body,
    popularity_body,
    to_msearch,
)
from xlrec_es.recommend.retrievers import one_search_each

GOLDEN = Path(__file__).parent / "golden"
RECENT = SearchOptions(recent=Recency("shop.published", "7d"))
WEIGHTS = {"dense": 0.5, "lexical": 0.125, "collaborative": 0.25, "popularity": 0.125}
ODD_ID = 'quote" brace} back\\slash ünï日本 \t'


def profile() -> Profile:
    documents = [
        HistoryDocument("gimp@de", "gimp", "de", "GIMP", np.asarray([1, 0, 0], np.float32)),
        HistoryDocument("gimp@ja", "gimp", "ja", "GIMP", np.asarray([1, 0, 0], np.float32)),
        HistoryDocument(ODD_ID, ODD_ID, "de", None, np.asarray([0, 0.6, 0.8], np.float32)),
    ]
    return build_profile(documents, {"gimp": 3.0, ODD_ID: 1.0})


def requests(**changes: object) -> tuple[SearchRequest, ...]:
    arguments = {
        "languages": ["ja", "zh"],
        "legs": ("dense", "lexical"),
        "index": "apps-xlrec-v1",
        "options": SearchOptions(candidates=20, num_candidates=50, source=("title",)),
        **changes,
    }
    return build_requests(profile(), **arguments)  # type: ignore[arg-type]


def golden_bodies() -> dict[str, object]:
    return {
        "details": details_body(
            ["a", ODD_ID], source=("title", "brand"), indicators=True, vectors=True
        ),
        "everything": [
            {"leg": r.leg, "body": r.body}
            for r in requests(
                languages=["ja"],
                legs=LEGS,
                options=SearchOptions(
                    candidates=20,
                    num_candidates=50,
                    exact=True,
                    oversample=2.0,
                    min_similarity=0.25,
                    filters=({"term": {"in_stock": True}}, {"range": {"price": {"lte": 9}}}),
                    boosts=(Boost({"term": {"brand": "acme"}}, 1.5),),
                    caps={"brand": 2},
                    collapse=True,
                ),
            )
        ],
        "history": history_body(["a", ODD_ID], title="title"),
        "recent": [
            popularity_body(build_profile([], {}), "ja", RECENT, market=market)
            for market in (None, "JP")
        ],
        "requests": [{"language": r.language, "leg": r.leg, "body": r.body} for r in requests()],
        "seen": history_body(["a", ODD_ID], title=None, vectors=False),
        "server_side": [
            {"language": r.language, "leg": r.leg, "body": r.body}
            for constant in (None, 60)
            for r in one_search_each(requests(legs=LEGS), weights=WEIGHTS, rank_constant=constant)
        ],
    }


@pytest.mark.parametrize("name", sorted(golden_bodies()))
def test_bodies_are_the_golden_ones(name: str) -> None:
    written = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert json.loads(json.dumps(golden_bodies()[name])) == written


def test_vectors_can_be_had_as_bytes() -> None:
    array = history_body(["a"], title=None)
    binary = history_body(["a"], title=None, binary=True)
    assert array["fields"] == ["xlrec.embedding"]
    assert "fields" not in binary
    assert binary["docvalue_fields"] == [
        *array["docvalue_fields"],
        {"field": "xlrec.embedding", "format": "binary"},
    ]
    vector = np.array([0.6, -0.8], np.float32)
    in_bytes = base64.b64encode(vector.astype(">f4").tobytes()).decode()
    for value in (vector.tolist(), [in_bytes]):
        found = vector_of({"fields": {"xlrec.embedding": value}})
        assert found is not None
        np.testing.assert_array_equal(found, vector)
    assert vector_of({}) is None


def test_a_language_without_history_text_has_no_lexical_leg() -> None:
    legs = [(request.language, request.leg) for request in requests()]
    assert legs == [
        ("ja", "dense"),
        ("ja", "lexical"),
        ("zh", "dense"),
    ]


def test_only_the_legs_asked_for_are_searched() -> None:
    assert {request.leg for request in requests(legs=("lexical",))} == {"lexical"}
    assert {request.leg for request in requests(legs=("dense",))} == {"dense"}


def test_every_search_leaves_seen_works_out_and_keeps_to_its_language() -> None:
    for request in requests(legs=LEGS):
        body = json.dumps(request.body)
        assert json.dumps({"terms": {"xlrec.work": ["gimp", ODD_ID]}}) in body
        if request.leg == LEXICAL:
            assert f'"fields": ["xlrec.text.{request.language}"]' in body
        else:
            assert json.dumps({"term": {"xlrec.language": request.language}}) in body


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidates": 0},
        {"candidates": 300, "num_candidates": 200},
        {"num_candidates": 10_001},
        {"min_similarity": 1.5},
        {"caps": {"brand": 0}},
    ],
)
def test_options_that_elasticsearch_would_refuse_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"use|cosine"):
        SearchOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_boosts_are_above_zero(factor: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        Boost({"match_all": {}}, factor)


def test_who_likes_nothing_is_asked_for_popularity_only() -> None:
    cold = build_profile([], {})
    found = build_requests(
        cold, languages=["ja", "zh"], legs=LEGS, index="apps", options=SearchOptions()
    )
    assert [(r.language, r.leg) for r in found] == [("ja", "popularity"), ("zh", "popularity")]


def test_popularity_is_that_of_a_market_where_one_counts() -> None:
    cold = build_profile([], {})
    ja, zh = build_requests(
        cold,
        languages=["ja", "zh"],
        legs=LEGS,
        index="apps",
        options=SearchOptions(),
        markets={"ja": "JP"},
    )
    [query] = ja.body["query"]["bool"]["must"]
    [market] = query["bool"]["should"]
    assert market["sparse_vector"]["query_vector"] == {"JP": 1.0}
    assert "sort" not in ja.body
    assert zh.body["sort"] == [{"xlrec.popularity": "desc"}]


@pytest.mark.parametrize("half_life", ["", "0d", "-1d", "d", "1.5d", "1M", "7 d", "7d || 1"])
def test_a_half_life_is_a_time(half_life: str) -> None:
    with pytest.raises(UsageError, match="such as 30d"):
        Recency("published", half_life)


def test_msearch_alternates_header_and_body_with_its_time_limit() -> None:
    lines = to_msearch(requests(), "apps", timeout_s=1.5)
    assert lines[0::2] == [{"index": "apps"}] * 3
    assert lines[1::2] == [{**request.body, "timeout": "1500ms"} for request in requests()]


def test_console_text_is_a_line_of_json_below_each_request_line() -> None:
    text = render(requests(), index="apps", url="http://es:9200")
    blocks = text.split("\n\n")
    assert len(blocks) == 3
    for block, request in zip(blocks, requests(), strict=True):
        caption, verb, body = block.split("\n")
        assert caption.startswith(f"# {request.language}: {request.leg}")
        assert verb == "POST /apps/_search"
        assert json.loads(body) == json.loads(json.dumps(request.body))


def test_curl_lines_survive_a_shell() -> None:
    text = render(requests(), index="apps", url="http://es:9200", form="curl")
    for block, request in zip(text.split("\n\n"), requests(), strict=True):
        words = shlex.split(block.partition("\n")[2])
        assert words[:4] == ["curl", "-s", "-H", "Content-Type: application/json"]
        assert words[4:6] == ["http://es:9200/apps/_search", "-d"]
        assert json.loads(words[6]) == json.loads(json.dumps(request.body))


def test_python_text_is_python_and_json_is_json() -> None:
    ast.parse(render(requests(), index="apps", url="http://es:9200", form="python"))
    found = json.loads(render(requests(), index="apps", url="http://es:9200", form="json"))
    assert [entry["body"] for entry in found] == [
        json.loads(json.dumps(request.body)) for request in requests()
    ]


def knn_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    [clause] = body["query"]["bool"]["must"]
    return [query["knn"] for query in clause["dis_max"]["queries"]]


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


def test_short_bodies_keep_all_but_the_vector() -> None:
    body = requests()[0].body
    short = shortened(body)
    assert len(knn_of(short)) == len(knn_of(body)) == 2
    for cut, whole in zip(knn_of(short), knn_of(body), strict=True):
        assert cut["query_vector"] == [*whole["query_vector"][:3], "..."]
    for form in FORMS:
        text = render(requests(), index="a", url="http://es", form=form, shorten=True)
        assert "..." in text


@pytest.mark.parametrize(
    ("source", "path", "title"),
    [
        ({"title": "Tea"}, "title", "Tea"),
        ({"meta": {"name": "Tea"}}, "meta.name", "Tea"),
        ({"title_sort": "x", "title_pt_BR": "Chá"}, "title_*", "Chá"),
        ({"i18n": {"note": {"name": "x"}, "ja": {"name": "茶"}}}, "i18n.*.name", "茶"),
        ({"title_sort": "x"}, "title_*", None),
        ({"title": 3}, "title", None),
        ({"title": "Tea"}, "title.en", None),
        ({"title": "Tea"}, None, None),
        ({}, "title", None),
    ],
)
def test_titles(source: dict[str, object], path: str | None, title: str | None) -> None:
    assert title_of({"_source": source}, path) == title


if __name__ == "__main__":
    for name, body in golden_bodies().items():
        text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
        (GOLDEN / f"{name}.json").write_text(text, "utf-8")
