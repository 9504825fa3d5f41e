"""Held-out items among others, and what an order of them is worth."""

from __future__ import annotations

import numpy as np
import pytest

from xlrec_es.evaluate.protocol import Case
from xlrec_es.evaluate.tasks.given_items import area_under_curve, given_items

WORKS = {
    "de": ["a", "b"],
    "en": [f"en-{n}" for n in range(30)],
    "ja": ["ja-0", "ja-1"],
}
CASE = Case("ann", "de", ("a", "b"), frozenset({"en-3", "en-7", "ja-0", "ja-1"}), seen=("en-5",))


def test_targets_stand_among_items_that_the_user_is_not_known_to_like() -> None:
    [english] = given_items([CASE], WORKS, seed=0, negatives=10)
    assert (english.language, english.targets) == ("en", {"en-3", "en-7"})
    assert english.targets < set(english.items)
    assert len(english.items) == 12
    assert "en-5" not in english.items
    # In no order of theirs, and the same whenever it is drawn.
    assert given_items([CASE], WORKS, seed=0, negatives=10) == [english]
    assert given_items([CASE], WORKS, seed=1, negatives=10) != [english]
    everything = given_items([CASE], WORKS, seed=0)
    assert len(everything[0].items) == 29, "in Japanese there is nothing to compare with"


def test_the_source_language_has_no_case() -> None:
    case = Case("ann", "en", ("en-1",), frozenset({"en-3", "a"}))
    assert [one.language for one in given_items([case], WORKS, seed=0)] == ["de"]


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_part_of_pairs_in_the_right_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores = {str(n): float(draw.integers(6)) for n in range(40)}
    targets = frozenset(str(n) for n in draw.choice(40, 9, replace=False))
    pairs = [
        1.0 if scores[t] > scores[o] else 0.5 if scores[t] == scores[o] else 0.0
        for t in targets
        for o in set(scores) - targets
    ]
    assert area_under_curve(scores, targets) == pytest.approx(np.mean(pairs))
