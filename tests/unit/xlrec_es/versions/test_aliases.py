"""Plans to move aliases, worked out without Elasticsearch; tests/integration tries them on it."""

from __future__ import annotations

import pytest

from made_versions import BARE, LIVE, OURS, PREVIOUS, shop, version
from xlrec_es.errors import IndexUnusable, NotAnXlrecIndex
from xlrec_es.versions.aliases import plan_prune, plan_rollback, plan_swap
from xlrec_es.versions.inventory import Version, Versions


def test_a_swap_names_what_it_takes_the_alias_from() -> None:
    filtered = {"shop": {"filter": {"term": {"in_stock": True}}}}
    found = shop(version(1, PREVIOUS), version(2, filtered), version(3))
    change = plan_swap(found, found.found[2])
    assert (change.live, change.target) == ("shop-xlrec-v2", "shop-xlrec-v3")
    previous = "shop-xlrec-previous"
    assert change.body["actions"] == [
        {"remove": {"index": "shop-xlrec-v2", "alias": "shop", "must_exist": True}},
        {
            "add": {
                "index": "shop-xlrec-v3",
                "alias": "shop",
                "filter": {"term": {"in_stock": True}},  # the alias stays what it was
                "is_write_index": True,
            }
        },
        {"remove": {"index": "shop-xlrec-v1", "alias": previous, "must_exist": True}},
        {"add": {"index": "shop-xlrec-v2", "alias": previous, "is_write_index": True}},
    ]


@pytest.mark.parametrize(
    ("found", "to", "error", "sentence"),
    [
        (shop(version(1, LIVE)), 0, IndexUnusable, "live already"),
        (shop(version(1, LIVE), version(2, is_open=False)), 1, IndexUnusable, "_open"),
        (shop(version(1, LIVE), version(2, body=BARE)), 1, NotAnXlrecIndex, "not made by xlrec-es"),
        (shop(version(1, index="shop"), version(2)), 1, IndexUnusable, "index adopt shop"),
        (shop(version(1, LIVE), version(2, LIVE), version(3)), 2, IndexUnusable, "2 indices"),
    ],
)
def test_what_cannot_be_swapped_is_refused(
    found: Versions, to: int, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        plan_swap(found, found.found[to])


def test_a_rollback_goes_back_even_to_an_index_that_is_none_of_ours() -> None:
    theirs = Version("shop-2024", None, PREVIOUS)
    assert plan_rollback(shop(theirs, version(1, LIVE))).target == "shop-2024"
    with pytest.raises(IndexUnusable, match="no previous version"):
        plan_rollback(shop(version(1, LIVE)))


def test_prune_keeps_what_may_be_needed() -> None:
    found = shop(
        Version("shop-2023", None, body=OURS),  # of another name
        version(1),
        version(2, {"kept": {}}),  # somebody uses it
        version(3, body=BARE),  # not made by this program
        version(4, PREVIOUS),
        version(5),
        version(6, LIVE),
        version(7),  # perhaps being filled
    )
    change = plan_prune(found)
    assert change is not None
    assert change.deleted == ("shop-xlrec-v1", "shop-xlrec-v5")
    assert change.actions[0] == {
        "remove": {"index": "shop-xlrec-v6", "alias": "shop", "must_exist": True}
    }
    everything = plan_prune(found, newer=True)
    assert everything is not None
    assert everything.deleted == (*change.deleted, "shop-xlrec-v7")
    assert plan_prune(shop(version(1, PREVIOUS), version(2, LIVE))) is None
    with pytest.raises(IndexUnusable, match="is live, so none"):
        plan_prune(shop(version(1), version(2)))
