from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluate.leakage import target_leaks
from xlrec_es.evaluate.protocol import Case, cold_cases, make_cases, sampled, split, split_cases
from xlrec_es.interactions.likes import Likes, read_likes

LANGUAGES = {"a": ["de"], "b": ["de"], "c": ["ja"], "d": ["de", "ja"], "e": ["ja"]}


def test_history_is_of_the_source_language_and_targets_are_not_to_be_had_in_it() -> None:
    likes = [("p", work) for work in "abcd"] + [("p", "not in the index")]
    assert make_cases(likes, LANGUAGES) == [
        Case("p", "de", ("a", "b", "d"), frozenset({"c"})),
        Case("p", "ja", ("c", "d"), frozenset({"a", "b"})),
    ]


def test_targets_are_held_out_and_what_else_is_known_is_named() -> None:
    likes = [("p", work) for work in "abc"]
    held_out = [("p", "d"), ("p", "e"), ("q", "e")]
    assert make_cases(likes, LANGUAGES, held_out=held_out) == [
        Case("p", "de", ("a", "b"), frozenset({"e"}), seen=("c",))
    ]


PAIRS = st.sets(st.tuples(st.sampled_from("pqr"), st.sampled_from("abcde")))


@given(PAIRS, PAIRS)
def test_no_target_is_known(likes: set[tuple[str, str]], held_out: set[tuple[str, str]]) -> None:
    cases = make_cases(likes, LANGUAGES, held_out=held_out - likes, min_history=1)
    assert target_leaks([*cases, *make_cases(likes, LANGUAGES, min_history=1)]) == []


def test_short_histories_and_users_of_one_language_make_no_case() -> None:
    assert make_cases([("p", "a"), ("p", "c"), ("q", "a"), ("q", "b")], LANGUAGES) == []


def test_by_time_the_latest_are_held_out(likes: Likes) -> None:
    parts = split(likes, part=0.4)
    assert parts.method == "time"
    assert parts.cut_off == "2026-01-04T00:00:00+00:00"
    held_out = {likes.works[work] for work in likes.work[~parts.training]}
    assert held_out == {"d", "e"}
    assert len(split_cases(likes, parts, LANGUAGES, max_users=7)) == 7


@settings(deadline=None)
@given(st.integers(0, 5), st.floats(0.05, 0.95))
def test_at_random_each_user_loses_the_part(seed: int, part: float) -> None:
    n = 60
    likes = Likes(
        ("p", "q"),
        tuple(f"w{i:02}" for i in range(n)),
        np.repeat(np.array([0, 1], np.int32), n),
        np.tile(np.arange(n, dtype=np.int32), 2),
        np.ones(2 * n, np.float32),
        np.full(2 * n, np.nan),
    )
    parts = split(likes, part=part, seed=seed)
    assert parts.method == "random"
    for user in (0, 1):
        assert (~parts.training)[likes.user == user].sum() == max(1, round(part * n))
    again = split(likes, part=part, seed=seed)
    assert (parts.training == again.training).all()
    assert (parts.training != split(likes, part=part, seed=seed + 1).training).any()


def test_what_cannot_be_split_is_named(likes: Likes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        split(likes, part=1)
    path = tmp_path / "one.csv"
    path.write_text("user,item\np,a\np,b\nq,c\n")
    one_language = read_likes(path, {"a": "a", "b": "b", "c": "c"})
    with pytest.raises(UsageError, match="3 of 3 likes have no time"):
        split(one_language, method="time")
    with pytest.raises(SourceError, match="nothing to evaluate: of 2 users with 3 interactions"):
        split_cases(one_language, split(one_language), LANGUAGES)


def test_users_are_drawn_by_seed_whatever_their_order() -> None:
    cases = [Case(f"p{n}", "de", ("a",), frozenset({"c"})) for n in range(50)]
    drawn = sampled(cases, 10, seed=1)
    assert {case.user for case in sampled(cases[::-1], 10, seed=1)} == {c.user for c in drawn}
    assert len(drawn) == 10
    assert drawn != sampled(cases, 10, seed=2)
    assert sampled(cases, None, seed=1) == cases


@pytest.mark.parametrize("method", ["time", "random"])
def test_all_likes_of_works_made_cold_are_held_out(likes: Likes, method: str) -> None:
    parts = split(likes, method=method, cold=0.4)
    known = {likes.works[work] for work in likes.work[parts.training]}
    cold = set(likes.works) - known
    assert len(cold) == 2 + (method == "time" and "e" not in cold), "e is of after the cut-off"
    usual = split(likes, method=method)
    warm = np.array([likes.works[work] not in cold for work in likes.work])
    assert (parts.training == (usual.training & warm)).all(), "what else is held out stays"
    assert parts.cut_off == usual.cut_off
    more = split(likes, method=method, cold=0.6)
    assert not (more.training & ~parts.training).any(), "a larger part holds the smaller one"
    with pytest.raises(UsageError, match="made cold is 1"):
        split(likes, cold=1)


def test_cold_cases_have_cold_targets_alone() -> None:
    one = Case("p", "de", ("a",), frozenset({"c", "e"}))
    other = Case("q", "de", ("b",), frozenset({"c"}))
    assert cold_cases([one, other], ["e", "b"]) == [Case("p", "de", ("a",), frozenset({"e"}))]
