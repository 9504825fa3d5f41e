"""Given documents in order, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from plans import LIVE, plan_for
from xlrec_es.interactions.history import History
from xlrec_es.recommend.answer.shelf import NOBODY, UNSAID, Wanted, chosen_versions, put_in_order
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.request.plan import Known, make_plan


def hit(id_: str, work: str, language: str, **indicators: float) -> dict[str, Any]:
    fields = {"xlrec.work": [work], "xlrec.language": [language], "xlrec.indicators": [indicators]}
    return {"_id": id_, "_index": "apps-xlrec-v1", "fields": fields, "_source": {"n": id_}}


HITS = {h["_id"]: h for h in (hit("a", "a", "en"), hit("a2", "a", "de"), hit("b2", "b", "de-AT"))}
SCORES = {"a": 0.1, "a2": 0.5, "b2": 0.3}


@pytest.mark.parametrize(
    ("ids", "languages", "expected"),
    [
        (["a"], None, ["a"]),  # the document itself
        (["b", "a"], None, ["b2", "a"]),
        (["a2", "b2", "b", "a2"], ["en"], ["a2", "b2"]),
        (["b", "nobody"], ["ja", "de"], ["b2"]),
        ([], None, []),
    ],
)
def test_each_id_means_a_document(
    ids: list[str], languages: list[str] | None, expected: list[str]
) -> None:
    assert chosen_versions(ids, HITS, SCORES, languages) == expected


def test_a_work_is_its_best_version_in_the_first_language_that_it_has() -> None:
    hits = {h["_id"]: h for h in (hit("1", "w", "en"), hit("2", "w", "de"), hit("3", "w", "de"))}
    scores = {"1": 0.9, "2": 0.1, "3": 0.2}
    assert chosen_versions(["w"], hits, scores, None) == ["1"]
    assert chosen_versions(["w"], hits, scores, ["ja", "de", "en"]) == ["3"]
    assert chosen_versions(["w"], hits, scores, ["ja"]) == ["1"]


def test_versions_that_suit_alike_are_of_one_language() -> None:
    """The ids, and the order in which documents were read, say nothing."""
    several = [hit("1", "w", "en"), hit("2", "w", "de"), hit("3", "v", "de"), hit("4", "v", "ja")]
    for hits in (several, several[::-1]):
        by_id = {one["_id"]: one for one in hits}
        alike = dict.fromkeys(by_id, 0.0)
        assert chosen_versions(["w", "v"], by_id, alike, None) == ["2", "3"]
        assert chosen_versions(["w", "v"], by_id, alike, None, ["fr", "ja", "en"]) == ["1", "4"]
        assert chosen_versions(["w", "v"], by_id, alike, ["en"], ["ja"]) == ["1", "4"]
        assert chosen_versions(["w", "v"], by_id, {**alike, "4": 0.1}, None) == ["2", "4"]


def test_a_user_whom_nobody_knows_is_told_which_version_is_shown() -> None:
    hits = [hit("1", "w", "en"), hit("2", "w", "de"), hit("3", "v", "de")]
    plan = make_plan(LIVE, History(), Known([], {}), languages=None, options=Options())
    found = put_in_order(["w", "v"], hits, plan, Options())
    assert [item.id for item in found.items] == ["2", "3"]
    assert found.notes == (NOBODY, UNSAID)
    for ids, languages in ((["w", "v"], ["en"]), (["1", "v"], None), (["v"], None)):
        told = put_in_order(ids, hits, plan, Options(), wanted=Wanted(languages))
        assert told.notes == (NOBODY,)


def test_what_was_not_read_is_not_called_unknown() -> None:
    hits = [hit("x", "x", "de"), hit("y", "y", "ja", gimp=1.0)]
    plan = plan_for(Options())
    found = put_in_order(["x", "z", "y"], hits, plan, Options())
    assert [item.id for item in found.items] == ["y", "x"]
    assert found.unknown_items == ("z",)
    lacks = ["reached only 1 of 2 shards"] * 2
    partial = put_in_order(["x", "z", "y"], hits, plan, Options(), lacks=lacks)
    assert partial.unknown_items == ()
    assert partial.degraded == (
        "the search for the documents reached only 1 of 2 shards: 1 of them were not found",
    )
