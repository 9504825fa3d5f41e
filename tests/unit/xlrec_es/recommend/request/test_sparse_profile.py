from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.recommend.request.sparse_profile import NO_TASTE, QUERY_TOKENS, dot, sparse_taste

WEIGHTS = st.dictionaries(st.text(max_size=3), st.floats(1e-3, 1e3), max_size=5)


def test_works_weigh_as_much_as_they_are_liked_however_long_their_texts_are() -> None:
    works = {"short": [{"chess": 1.0}], "long": [{"sea": 30.0, "moon": 40.0}]}
    taste = sparse_taste(works, {"short": 2.0, "long": 1.0}, push=0.5)
    length = math.sqrt(2**2 + 0.6**2 + 0.8**2)
    expected = {"chess": 2 / length, "moon": 0.8 / length, "sea": 0.6 / length}
    assert dict(taste.tokens) == pytest.approx(expected, abs=1e-6)
    assert list(taste.tokens) == ["chess", "moon", "sea"], "the heaviest first"
    assert taste.works["long"] == pytest.approx({"sea": 0.6, "moon": 0.8})


def test_language_versions_of_a_work_are_one() -> None:
    works = {"a": [{"puzzle": 9.0}, {"Rätsel": 1.0}]}
    taste = sparse_taste(works, {"a": 1.0}, push=0.5)
    assert dict(taste.tokens) == pytest.approx({"puzzle": 0.5**0.5, "Rätsel": 0.5**0.5}, abs=1e-6)


def test_what_is_disliked_takes_its_tokens_out_in_part() -> None:
    works = {
        "liked": [{"chess": 1.0, "war": 1.0}],
        "disliked": [{"war": 1.0}],
        "seen": [{"x": 1.0}],
    }
    weights = {"liked": 1.0, "disliked": -2.0}
    for push, war in ((0.0, 0.5**0.5), (1.0, None)):
        tokens = sparse_taste(works, weights, push=push).tokens
        assert tokens.get("war") == (pytest.approx(war, abs=1e-6) if war else None)
    half = sparse_taste(works, weights, push=0.5)
    assert half.tokens["chess"] == pytest.approx(2 * half.tokens["war"], abs=1e-5)
    assert set(half.works) == {"liked"}


def test_a_query_has_the_heaviest_tokens_alone() -> None:
    many = {f"t{n:04}": 1 + n / 1000 for n in range(QUERY_TOKENS + 50)}
    tokens = sparse_taste({"a": [many]}, {"a": 1.0}, push=0.5).tokens
    assert list(tokens) == sorted(many, reverse=True)[:QUERY_TOKENS]
    assert math.hypot(*tokens.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("works", "weights"),
    [
        ({}, {"a": 1.0}),
        ({"a": []}, {"a": 1.0}),
        ({"a": [{}]}, {"a": 1.0}),
        ({"a": [{"x": 1.0}]}, {}),
    ],
)
def test_nothing_is_said_where_nothing_is_known(
    works: dict[str, list[dict[str, float]]], weights: dict[str, float]
) -> None:
    assert sparse_taste(works, weights, push=0.5) == NO_TASTE


@given(
    works=st.dictionaries(st.sampled_from("abcd"), st.lists(WEIGHTS, max_size=2)),
    weights=st.dictionaries(st.sampled_from("abcd"), st.floats(-5, 5)),
    push=st.floats(0, 1),
)
def test_any_history_makes_weights_that_elasticsearch_takes(
    works: dict[str, list[dict[str, float]]], weights: dict[str, float], push: float
) -> None:
    taste = sparse_taste(works, weights, push=push)
    assert all(0 < weight <= 1 + 1e-6 for weight in taste.tokens.values())
    assert set(taste.works) <= {work for work, weight in weights.items() if weight > 0}


def test_tokens_of_one_alone_add_nothing() -> None:
    assert dot({"a": 2.0, "b": 3.0}, {"b": 4.0, "c": 5.0}) == 12.0
