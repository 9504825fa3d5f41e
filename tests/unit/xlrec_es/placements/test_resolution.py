"""What a user of a placement is recommended by."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.placements.placement import read_placement
from xlrec_es.placements.resolution import Languages, Resolved, resolve
from xlrec_es.placements.store import Stored, Version
from xlrec_es.recommend.options import Options, SearchOptions

MINE, ITS, OF_B = ({"term": {"field": name}} for name in ("mine", "its", "of b"))
BASE = Options(diversity=0.1, search=SearchOptions(filters=(MINE,)))
TESTED: dict[str, Any] = {
    "options": {"filters": [ITS], "diversity": 0.2},
    "variants": {"a": {"share": 0.5}, "b": {"share": 0.5, "options": {"filters": [OF_B]}}},
}


def resolved(definition: dict[str, Any], name: str = "row", **asked: Any) -> Resolved:  # noqa: ANN401
    stored = Stored("shop", name, Version(3, "", "", definition))
    return resolve(stored, read_placement(definition), BASE, **asked)


def test_a_placement_stands_over_the_service() -> None:
    found = resolved({"options": {"filters": [ITS], "diversity": 0.2}, "size": 7})
    assert found.options.search.filters == (MINE, ITS)
    assert (found.options.diversity, found.size, found.languages) == (0.2, 7, None)
    assert (found.used.name, found.used.version, found.used.variant) == ("row", 3, None)
    assert resolved({}).size == 10
    assert resolved({"size": 7}, size=3).size == 3


def test_a_variant_stands_over_its_placement() -> None:
    seen: Counter[str | None] = Counter()
    for n in range(1000):
        found = resolved(TESTED, user=f"u{n}")
        assert found == resolved(TESTED, user=f"u{n}")
        assert (found.options.search.filters[-1] == OF_B) == (found.used.variant == "b")
        assert found.options.search.filters[:2] == (MINE, ITS)
        seen[found.used.variant] += 1
    assert seen.keys() == {"a", "b"}
    assert 400 < seen["a"] < 600
    others = [resolved(TESTED, "other", user=f"u{n}").used.variant for n in range(1000)]
    same = sum(one == resolved(TESTED, user=f"u{n}").used.variant for n, one in enumerate(others))
    assert 400 < same < 600  # placements divide users independently of each other


def test_without_a_user_there_is_no_variant_and_a_note() -> None:
    found = resolved(TESTED)
    assert (found.used.variant, found.options.search.filters) == (None, (MINE, ITS))
    assert "no user was named" in found.notes[0]
    assert resolved({}).notes == resolved(TESTED, user="u").notes == ()


@pytest.mark.parametrize(
    ("own", "asked", "expected", "mix"),
    [
        (None, None, None, None),
        (None, ["JA"], ("JA",), None),
        (None, {"ja": 2.0}, ("ja",), {"ja": 2.0}),
        (["ja", "de"], None, ("ja", "de"), None),
        (["ja", "de"], ["DE"], ("de",), None),
        ({"ja": 3, "de": 1}, None, ("ja", "de"), {"ja": 3, "de": 1}),
        ({"ja": 3, "de": 1}, ["de"], ("de",), {"de": 1}),
        (["ja", "de"], {"ja": 1.0, "de": 2.0}, ("ja", "de"), {"ja": 1.0, "de": 2.0}),
    ],
)
def test_a_call_may_choose_among_the_languages(
    own: Languages, asked: Languages, expected: tuple[str, ...] | None, mix: object
) -> None:
    found = resolved({"languages": own}, languages=asked)
    assert (found.languages, found.options.mix) == (expected, mix)


def test_other_languages_are_refused() -> None:
    with pytest.raises(UsageError, match="has the languages ja, and not de"):
        resolved({"languages": ["ja"]}, languages=["ja", "de"])


def test_a_relation_that_is_counted_is_no_option_of_the_recommender() -> None:
    found = resolved({"options": {"relation": "trending", "filters": [ITS]}})
    assert (found.relation, found.options.search.relation) == ("trending", None)
    assert found.options.search.filters == (MINE, ITS)
    assert resolved({}).relation is None
    tested = {
        "options": {"relation": "trending"},
        "variants": {
            "a": {"share": 0.4},
            "b": {"share": 0.3, "options": {"relation": "buy-again"}},
            "c": {"share": 0.3, "options": {"relation": "bought-together"}},
        },
    }
    seen = {}
    for n in range(100):
        one = resolved(tested, user=f"u{n}")
        seen[one.used.variant] = (one.relation, one.options.search.relation)
    assert seen == {
        "a": ("trending", None),
        "b": ("buy-again", None),
        "c": (None, "bought-together"),
    }
