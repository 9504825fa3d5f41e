"""Items that nobody has liked are drawn into their places, with the probability that is said."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from retriever_lists import candidate, hits
from xlrec_es.recommend.answer.exploration import explored

CHOSEN = [candidate(f"c{number}", 1 - number / 10) for number in range(8)]
UNKNOWN = {
    "de": hits({f"u{n}": 1 - n / 10 for n in range(5)}),
    "ja": hits({"u0@ja": 0.9, "c1@ja": 1}),
}
WORKS = {
    **{one.id: one.id for one in CHOSEN},
    **{f"u{n}": f"u{n}" for n in range(5)},
    "u0@ja": "u0",
    "c1@ja": "c1",
}


def test_places_are_spread_and_each_item_is_drawn_as_often_as_is_said() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(2000):
        order = explored(CHOSEN, UNKNOWN, WORKS, share=0.25, draw=random.Random(seed))
        assert [one for one in order if one.propensity == 1] == CHOSEN
        assert [place for place, one in enumerate(order, 1) if one.propensity < 1] == [4, 8]
        assert {one.propensity for one in order} == {1, 2 / 5}, "two of five items"
        assert [o.score for o in order] == sorted((o.score for o in order), reverse=True)
        drawn.update(WORKS[one.id] for one in order if one.propensity < 1)
    assert drawn.keys() == {f"u{n}" for n in range(5)}
    for times in drawn.values():
        assert times / 2000 == pytest.approx(2 / 5, abs=0.05)


@pytest.mark.parametrize("share", [0.0, 0.12])
def test_without_a_whole_place_the_list_stays(share: float) -> None:
    assert explored(CHOSEN, UNKNOWN, WORKS, share=share, draw=random.Random(0)) == CHOSEN


def test_where_there_are_fewer_items_than_places_all_are_shown_for_sure() -> None:
    order = explored(CHOSEN, {"de": hits({"u0": 1})}, WORKS, share=1, draw=random.Random(0))
    assert [one.id for one in order[:2]] == ["u0", "c0"]
    assert len(order) == 9
    assert order[0].propensity == 1
