"""Several users' steps in common requests; a stand-in carries them, and no server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from xlrec_es.errors import ClusterUnreachable, IndexNotFound, SearchFailed, UnknownItems
from xlrec_es.recommend.calls import MSEARCH, SEARCH, Call, Steps
from xlrec_es.recommend.multi_search import together


def one_search(name: str) -> Steps[str]:
    answer = yield Call(SEARCH, {"index": "i", "body": {"q": name}})
    return str(answer["said"])


def two_rounds(name: str) -> Steps[str]:
    first = yield from one_search(name)
    lines = [{"index": "i"}, {"q": f"{name}1"}, {"index": "i"}, {"q": f"{name}2"}]
    answer = yield Call(MSEARCH, {"searches": lines})
    return "+".join([first, *(part["said"] for part in answer["responses"])])


def another_question(name: str) -> Steps[str]:
    answer = yield Call("indices.get", {"index": name})
    return str(answer["said"])


def nobody() -> Steps[str]:
    yield from one_search("nobody")
    raise UnknownItems("nobody")


def carry(steps: Steps[Any], broken: str = "") -> tuple[Any, list[Call]]:
    """Echo each question; one that is `broken` fails by itself."""
    calls: list[Call] = []

    def said(body: Mapping[str, Any]) -> dict[str, Any]:
        if body["q"] == broken:
            return {"error": {"type": "search_phase_execution_exception", "reason": "broken"}}
        return {"said": body["q"]}

    try:
        call = next(steps)
        while True:
            calls.append(call)
            if call.method == MSEARCH:
                call = steps.send(
                    {"responses": [said(body) for body in call.arguments["searches"][1::2]]}
                )
            else:
                call = steps.send({"said": call.arguments["index"]})
    except StopIteration as done:
        return done.value, calls


def test_searches_of_a_round_are_one_request_and_everybody_gets_their_own_answer() -> None:
    people = [one_search("a"), two_rounds("b"), another_question("c"), nobody(), two_rounds("d")]
    results, calls = carry(together(people))
    assert [str(result) for result in results] == ["a", "b+b1+b2", "c", "nobody", "d+d1+d2"]
    assert isinstance(results[3], UnknownItems)
    assert [call.method for call in calls] == ["indices.get", MSEARCH, MSEARCH]
    asked = [body["q"] for body in calls[2].arguments["searches"][1::2]]
    assert asked == ["b1", "b2", "d1", "d2"]
    assert carry(together([])) == ([], [])


def test_what_would_meet_everybody_ends_it() -> None:
    with pytest.raises(SearchFailed, match="broken"):
        carry(together([one_search("a"), one_search("b")]), broken="b")
    steps = together([one_search("a")])
    next(steps)
    with pytest.raises(ClusterUnreachable):
        steps.throw(ClusterUnreachable("gone"))


def test_an_index_that_is_gone_is_told_to_the_one_who_asked() -> None:
    def patient() -> Steps[str]:
        try:
            return (yield from one_search("a"))
        except IndexNotFound:
            return "asked again"

    steps = together([patient()])
    next(steps)
    gone = {"error": {"type": "index_not_found_exception", "reason": "no such index"}}
    with pytest.raises(StopIteration) as done:
        steps.send({"responses": [gone]})
    assert done.value.value == ["asked again"]
