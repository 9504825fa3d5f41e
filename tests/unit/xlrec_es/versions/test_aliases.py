"""Plans to move aliases, worked out without Elasticsearch; tests/integration tries them on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import Elasticsearch

from made_versions import BARE, LIVE, OURS, PREVIOUS, shop, version
from xlrec_es.errors import (
    AliasMoved,
    ClusterUnreachable,
    IndexUnusable,
    NotAnXlrecIndex,
    PermissionDenied,
)
from xlrec_es.versions.aliases import (
    AliasChange,
    change_aliases,
    check_filled,
    plan_prune,
    plan_rollback,
    plan_swap,
)
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
    assert change.actions == (
        {"remove": {"index": "shop-xlrec-v6", "alias": "shop", "must_exist": True}},
        {"add": {"index": "shop-xlrec-v6", "alias": "shop"}},
        {"remove_index": {"index": "shop-xlrec-v1"}},
        {"remove_index": {"index": "shop-xlrec-v5"}},
    )
    assert (change.name, change.live, change.target) == ("shop", "shop-xlrec-v6", "shop-xlrec-v6")
    everything = plan_prune(found, newer=True)
    assert everything is not None
    assert everything.deleted == (*change.deleted, "shop-xlrec-v7")
    assert plan_prune(shop(version(1, PREVIOUS), version(2, LIVE))) is None
    with pytest.raises(IndexUnusable, match="is live, so none"):
        plan_prune(shop(version(1), version(2)))


def test_a_first_swap_takes_the_alias_from_nobody() -> None:
    found = shop(version(1))
    assert plan_swap(found, found.found[0]) == AliasChange(
        "shop",
        ({"add": {"index": "shop-xlrec-v1", "alias": "shop", "is_write_index": True}},),
        None,
        "shop-xlrec-v1",
    )


class Cluster:
    """A client that knows which index is live, and answers a change of aliases.

    Attributes:
        sent: What it was asked for.
    """

    def __init__(
        self, live: str | None = None, refusal: Exception | None = None, **counts: int
    ) -> None:
        self.live, self.refusal, self.counts = live, refusal, counts
        self.sent: list[Any] = []
        self.indices = self
        self.transport = Elasticsearch("http://127.0.0.1:1").transport

    def options(self, **options: int) -> Cluster:
        self.sent.append(options)
        return self

    def update_aliases(self, *, actions: Any) -> None:  # noqa: ANN401
        self.sent.append(actions)
        if self.refusal is not None:
            raise self.refusal

    def get(self, *, index: list[str], **_: Any) -> SimpleNamespace:  # noqa: ANN401
        assert index[0] == "shop"
        body = {"aliases": {"shop": {}}, "mappings": {}, "settings": {}}
        return SimpleNamespace(body={self.live: body} if self.live else {})

    def refresh(self, *, index: str) -> None:
        self.sent.append(f"refresh {index}")

    def count(self, *, index: str) -> dict[str, int]:
        return {"count": self.counts[index]}


def client(cluster: Cluster) -> Elasticsearch:
    return cast("Elasticsearch", cluster)


def refused(status: int) -> elasticsearch.ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "127.0.0.1", 1))
    kind = elasticsearch.exceptions.HTTP_EXCEPTIONS[status]
    return kind("refused", meta, {"error": {"reason": "unauthorized"}})


CHANGE = AliasChange("shop", ({"add": {"index": "b", "alias": "shop"}},), "a", "b")


def test_aliases_are_changed_by_one_request_that_is_sent_once() -> None:
    cluster = Cluster()
    change_aliases(client(cluster), CHANGE)
    assert cluster.sent == [{"max_retries": 0}, CHANGE.actions]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("a", "c", "stands for c now, not for a; nothing was changed"),
        ("a", None, "stands for nothing now, not for a; nothing"),
        (None, "c", "stands for c now, not for nothing; nothing"),
    ],
)
def test_whoever_is_late_learns_what_is_live_now(
    before: str | None, now: str | None, told: str
) -> None:
    change = AliasChange("shop", CHANGE.actions, before, "b")
    with pytest.raises(AliasMoved) as error:
        change_aliases(client(Cluster(now, refused(404))), change)
    assert str(error.value).startswith(f"shop was moved meanwhile: it {told}")
    assert error.value.live == now


@pytest.mark.parametrize("live", ["a", None])
def test_what_nobody_moved_was_refused_for_its_own_reason(live: str | None) -> None:
    change = AliasChange("shop", CHANGE.actions, live, "b")
    with pytest.raises(PermissionDenied, match=r"127\.0\.0\.1:1 refused: unauthorized"):
        change_aliases(client(Cluster(live, refused(403))), change)


def test_without_an_answer_nobody_is_blamed() -> None:
    lost = elasticsearch.ConnectionError("lost")
    with pytest.raises(ClusterUnreachable):
        change_aliases(client(Cluster("c", lost)), CHANGE)


@pytest.mark.parametrize(
    ("live", "counts", "is_fine"),
    [
        ("a", {"a": 3, "b": 0}, False),
        ("a", {"a": 0, "b": 0}, True),
        ("a", {"a": 3, "b": 1}, True),
        (None, {"b": 0}, True),
    ],
)
def test_an_empty_version_takes_no_place_of_a_full_one(
    live: str | None, counts: dict[str, int], is_fine: bool
) -> None:
    cluster = Cluster(**counts)  # type: ignore[arg-type]
    change = AliasChange("shop", (), live, "b")
    if is_fine:
        check_filled(client(cluster), change)
    else:
        with pytest.raises(IndexUnusable, match="b has no documents, and a has; fill it first"):
            check_filled(client(cluster), change)
    assert cluster.sent == ["refresh b"]
