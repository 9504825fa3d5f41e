from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from xlrec_es.evaluate.leakage import (
    CLEAN,
    LEAKY,
    NOTHING_LEARNED,
    UNKNOWN,
    encoder_leak,
    indicator_leak,
    target_leaks,
    training_note,
    without_twins,
)
from xlrec_es.evaluate.protocol import Case, split
from xlrec_es.interactions.likes import Likes


def test_a_planted_target_is_found() -> None:
    [leak] = target_leaks(
        [
            Case("p", "de", ("a", "b"), frozenset({"c"})),
            Case("q", "de", ("a", "b"), frozenset({"c"}), seen=("c",)),
        ]
    )
    assert "'c' is a target of 'q' from de" in leak


def test_a_target_with_the_text_of_a_known_work_is_found() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(5, 16)).astype(np.float32)
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    case = Case("p", "de", ("a",), frozenset({"c", "e"}), seen=("b",))
    assert without_twins([case], "abcde", raw) == ([case], 0)
    raw[2] = raw[0]  # c is a under another id
    [kept], removed = without_twins([case], "abcde", raw)
    assert (kept.targets, removed) == ({"e"}, 1)
    raw[4] = raw[1]
    assert without_twins([case], "abcde", raw) == ([], 2)


def test_indicators_that_have_seen_the_targets_are_found(likes: Likes) -> None:
    parts = split(likes, method="random")
    learned = {"digest": likes.digest(parts.training), "until": None}
    assert indicator_leak({}, likes, parts) == NOTHING_LEARNED
    assert indicator_leak({"learned_from": learned}, likes, parts) == CLEAN
    leaky = {**learned, "digest": likes.digest()}
    assert indicator_leak({"learned_from": leaky}, likes, parts) == LEAKY
    other = {**learned, "digest": "of other likes"}
    assert indicator_leak({"learned_from": other}, likes, parts) == UNKNOWN
    assert indicator_leak({"generation": "of an older version"}, likes, parts) == UNKNOWN


@pytest.mark.parametrize(
    ("until", "state"),
    [("2026-01-03T23:00:00+00:00", CLEAN), ("2026-01-04T02:00:00+00:00", LEAKY), (None, UNKNOWN)],
)
def test_what_was_learned_before_the_cut_off_cannot_leak(
    likes: Likes, until: str | None, state: str
) -> None:
    parts = split(likes, part=0.4)
    learned = {"digest": "of other likes", "until": until}
    assert indicator_leak({"learned_from": learned}, likes, parts) == state


OTHERS = {"digest": "of other likes", "whole": "of other likes", "until": None}


@pytest.mark.parametrize(
    ("theirs", "state"),
    [
        ({}, CLEAN),
        ({"part": 0.6}, CLEAN),  # the same draw, of which they saw less
        ({"cold": 0.2}, CLEAN),
        ({"part": 0.2}, LEAKY),
        ({"seed": 1}, LEAKY),
        ({"method": "time"}, LEAKY),
    ],
)
def test_an_encoder_has_seen_the_targets_if_its_split_let_it(
    likes: Likes, theirs: Mapping[str, Any], state: str
) -> None:
    usual = {"method": "random", "part": 0.4, "seed": 0}
    note = training_note(likes, split(likes, **{**usual, **theirs}))
    parts = split(likes, **usual)
    assert encoder_leak({"learned_from": [note]}, likes, parts) == state
    twice = encoder_leak({"learned_from": [note, OTHERS]}, likes, parts)
    assert twice == (LEAKY if state == LEAKY else UNKNOWN), "the worst of what it learned from"
    assert encoder_leak({}, likes, parts) == NOTHING_LEARNED


def test_what_was_learned_from_the_training_part_is_clean_however_it_was_split(
    likes: Likes,
) -> None:
    """`xlrec-ingest pairs training.tsv` splits the training part of `evaluate` once more."""
    parts = split(likes, method="random", seed=3)
    some = parts.training
    training = Likes(
        likes.users,
        likes.works,
        likes.user[some],
        likes.work[some],
        likes.weight[some],
        likes.time[some],
    )
    note = training_note(training, split(training, method="random", seed=5))
    assert note["digest"] != note["whole"] == likes.digest(some)
    assert encoder_leak({"learned_from": [note]}, likes, parts) == CLEAN
    assert encoder_leak({"learned_from": [note]}, likes, split(likes, method="random")) == UNKNOWN
