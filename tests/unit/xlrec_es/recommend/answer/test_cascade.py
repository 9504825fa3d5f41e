"""Indicators decide, and texts have their places."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever_lists import COMPARABLE, LANGUAGES, hits, retriever_lists
from xlrec_es.recommend.answer.cascade import by_both, cascaded, mostly, text_places
from xlrec_es.recommend.answer.fusion import Fused, Scored, fuse

WEIGHTS = {"dense": 0.75, "lexical": 0.25}


@pytest.mark.parametrize(
    ("share", "size", "places"),
    [
        (0.0, 10, []),
        (0.09, 10, []),
        (0.1, 10, [10]),
        (0.25, 8, [4, 8]),
        (0.5, 5, [2, 4]),
        (1.0, 3, [1, 2, 3]),
    ],
)
def test_texts_have_places_by_their_share(share: float, size: int, places: list[int]) -> None:
    assert text_places(share, size) == places


@given(
    retriever_lists(),
    st.dictionaries(st.sampled_from(LANGUAGES), st.lists(st.floats(0.01, 9), max_size=5)),
    st.floats(0, 1),
    st.integers(1, 12),
)
def test_every_candidate_is_there_once_in_order_of_its_score(
    lists: dict[tuple[str, str], list[Scored]],
    learned_scores: dict[str, list[float]],
    share: float,
    size: int,
) -> None:
    texts = fuse(lists, WEIGHTS, comparable=COMPARABLE)
    learned = {
        language: hits({f"{language}d{n}": score for n, score in enumerate(scores)})
        for language, scores in learned_scores.items()
    }
    everything = {hit.id for found in (*lists.values(), *learned.values()) for hit in found}
    works = {id_: id_[2:] for id_ in everything}  # one work in three languages
    found = cascaded(learned, texts, works, share=share, size=size)
    assert sorted(one.id for one in found) == sorted(everything)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert 0 <= one.score <= 1
        assert sum(one.shares.values()) == pytest.approx(1)


def found_by_text(*ids: str) -> list[Fused]:
    scores = {id_: 1 - n / 10 for n, id_ in enumerate(ids)}
    return fuse({("de", "dense"): hits(scores)}, {"dense": 1.0}, comparable=COMPARABLE)


def order(learned: dict[str, float], texts: list[Fused], *, share: float, size: int) -> list[str]:
    works = {id_: id_.partition("@")[0] for id_ in (*learned, *(one.id for one in texts))}
    found = cascaded({"de": hits(learned)}, texts, works, share=share, size=size)
    return [one.id for one in found]


def test_what_texts_find_comes_after_all_that_indicators_find() -> None:
    learned = {"a": 2.0, "b": 0.001}
    assert order(learned, found_by_text("x", "a", "y"), share=0, size=4) == ["a", "b", "x", "y"]


def test_texts_have_every_second_place_where_they_say_half() -> None:
    learned = {"a": 3.0, "b": 2.0, "c": 1.0}
    texts = found_by_text("x", "y", "z")
    assert order(learned, texts, share=0.5, size=4) == ["a", "x", "b", "y", "c", "z"]


def test_a_place_is_given_to_a_work_that_is_not_there_yet() -> None:
    learned = {"a@de": 3.0, "a@ja": 2.9, "b": 2.0, "c": 1.0}
    texts = found_by_text("a@de", "c", "x")
    assert order(learned, texts, share=0.5, size=3) == ["a@de", "a@ja", "c", "b", "x"]


def test_without_indicators_for_the_history_texts_are_all() -> None:
    assert order({}, found_by_text("x", "y"), share=1, size=2) == ["x", "y"]


def test_what_nobody_has_liked_is_put_in_order_by_both() -> None:
    learned = {"new-1": 4.0, "known-1": 3.0, "new-2": 2.0, "new-3": 1.0, "known-2": 0.5}
    texts = {"new-4": 1.0, "new-3": 0.9, "known-2": 0.8, "new-1": 0.0}
    new = {"new-1", "new-2", "new-3", "new-4"}
    # What one did not find has its lowest score: of texts 0.0, of indicators 0.5.
    worth = {"new-1": 4.0, "new-3": math.exp(0.9), "new-2": 2.0, "new-4": 0.5 * math.exp(1.0)}
    assert sorted(worth, key=worth.__getitem__, reverse=True) == list(worth)
    expected = ["new-1", "known-1", "new-3", "new-2", "known-2", "new-4"]
    assert by_both(learned, texts, new) == expected


@pytest.mark.parametrize(
    ("new", "size", "most"), [("", 4, False), ("ab", 4, False), ("abd", 4, True), ("ab", 3, True)]
)
def test_new_items_are_looked_at_where_they_are_the_most(new: str, size: int, most: bool) -> None:
    assert mostly(new, "abcd", size) is most


def test_no_item_with_users_moves_and_nothing_moves_without_texts() -> None:
    learned = {"new-1": 3.0, "known": 2.5, "new-2": 2.0}
    texts = found_by_text("new-2", "known")
    new = frozenset({"new-1", "new-2"})
    works = {id_: id_ for id_ in learned}
    found = cascaded({"de": hits(learned)}, texts, works, share=0, size=3, inherited=new)
    assert [one.id for one in found] == ["new-2", "known", "new-1"]
    assert [one.score for one in found] == pytest.approx([1, 2.5 / 3, 2 / 3])
    assert found[0].shares["dense"] > 0.5
    assert by_both(learned, {}, new) == list(learned)
