from __future__ import annotations

from xlrec_es.evaluation import Case, make_cases

LANGUAGES = {"a": ["de"], "b": ["de"], "c": ["ja"], "d": ["de", "ja"], "e": ["ja"]}


def test_history_is_of_the_source_language_and_targets_are_not_to_be_had_in_it() -> None:
    likes = [("p", work) for work in "abcd"] + [("p", "not in the index")]
    assert make_cases(likes, LANGUAGES) == [
        Case("p", "de", ("a", "b", "d"), frozenset({"c"})),
        Case("p", "ja", ("c", "d"), frozenset({"a", "b"})),
    ]


def test_no_target_is_in_its_history() -> None:
    likes = [(person, work) for person in "pq" for work in LANGUAGES]
    for case in make_cases(likes, LANGUAGES, min_history=1):
        assert not case.targets & set(case.history)


def test_short_histories_and_persons_of_one_language_make_no_case() -> None:
    assert make_cases([("p", "a"), ("p", "c"), ("q", "a"), ("q", "b")], LANGUAGES) == []
