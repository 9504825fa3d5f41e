from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.evaluate.experiment import ENOUGH_USERS, centering_notes, verdict
from xlrec_es.evaluate.systems import RECOMMENDER

AHEAD = {"mean": 0.05, "low": 0.01, "high": 0.09}
LEVEL = {"mean": -0.01, "low": -0.03, "high": 0.01}
BEHIND = {"mean": -0.05, "low": -0.09, "high": -0.01}


def pools(overall: dict[str, float], pair: dict[str, float], users: int) -> dict[str, Any]:
    """A report of one pool: how far the recommender is above a retriever, in all and de to ja."""
    of_pair = {"source": "de", "target": "ja", "users": users, "recommender is better by": pair}
    retriever = {"recommender is better by": {"recall": overall}, "pairs": [of_pair]}
    return {"mixed": {"systems": {RECOMMENDER: {}, "dense alone": retriever}}}


def test_where_a_retriever_is_better_is_said() -> None:
    [sentence] = verdict(pools(BEHIND, AHEAD, ENOUGH_USERS))
    assert sentence == (
        "mixed pool: dense alone has 0.050 more recall than the recommender [0.010, 0.090]"
    )
    [sentence] = verdict(pools(LEVEL, BEHIND, ENOUGH_USERS))
    assert sentence.startswith("mixed pool, de to ja: dense alone has 0.050 more recall")
    assert len(verdict(pools(BEHIND, BEHIND, ENOUGH_USERS))) == 2


@pytest.mark.parametrize(
    ("overall", "pair", "users"),
    [
        (AHEAD, LEVEL, ENOUGH_USERS),
        (LEVEL, AHEAD, ENOUGH_USERS),
        (LEVEL, BEHIND, ENOUGH_USERS - 1),
    ],
)
def test_noise_and_pairs_of_few_users_are_not_judged(
    overall: dict[str, float], pair: dict[str, float], users: int
) -> None:
    [sentence] = verdict(pools(overall, pair, users))
    assert sentence.startswith("no retriever and no baseline has significantly more recall")


def test_centering_that_does_harm_is_said() -> None:
    assert centering_notes({"cross": {"centering is better by": LEVEL}}) == []
    [note] = centering_notes({"cross": {"centering is better by": BEHIND}})
    assert "cross pool: uncentered vectors find more" in note
    assert "0.050 [0.010, 0.090] higher" in note
