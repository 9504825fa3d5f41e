"""Steps from call to call; no server is asked."""

from __future__ import annotations

import pytest

from xlrec_es.errors import ClusterUnreachable, UnknownItems
from xlrec_es.recommend.calls import SEARCH, Call, Done, Steps, advance

CALL = Call(SEARCH, {"index": "i"})


def patient() -> Steps[str]:
    """Asks until it gets an answer."""
    while True:
        try:
            answer = yield CALL
        except ClusterUnreachable:
            continue
        return str(answer["said"])


def test_steps_go_on_with_an_answer_to_their_end() -> None:
    steps = patient()
    assert advance(steps) == CALL
    assert advance(steps, {"said": "yes"}) == Done("yes")


def test_steps_are_told_of_an_error_and_may_go_on() -> None:
    steps = patient()
    advance(steps)
    assert advance(steps, ClusterUnreachable("gone")) == CALL
    with pytest.raises(UnknownItems, match="nobody"):
        advance(steps, UnknownItems("nobody"))
