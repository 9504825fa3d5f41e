"""Versions by the names that people give them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from made_versions import BARE, LIVE, OURS, PREVIOUS, shop, version
from xlrec_es.errors import IndexNotFound, IndexUnusable, NotAnXlrecIndex
from xlrec_es.versions.inventory import Version, newest, read_versions, version_named


def test_people_name_versions_as_they_like() -> None:
    assert version_named("shop", "2") == version_named("shop", "v2") == "shop-xlrec-v2"
    assert version_named("shop", "other") == "other"
    found = shop(Version("old", None, LIVE), version(2), version(10), version(11, body=BARE))
    assert newest(found).number == 10
    assert found.next_number == 12
    with pytest.raises(IndexNotFound, match="there are: old, shop-xlrec-v2"):
        found.named("shop-xlrec-v3")
    with pytest.raises(IndexNotFound, match="xlrec-ingest run"):
        newest(shop())


def test_what_a_version_is_among_the_others() -> None:
    one = (version(1), version(2, PREVIOUS), version(3, LIVE), version(4))
    found = shop(Version("older-name", None), *one)
    assert [found.state(each) for each in found.found] == [
        *("older", "older", "previous", "live", "newer")
    ]
    assert (found.live, found.previous) == (one[2], one[1])
    assert not found.is_concrete
    nothing = shop(version(1), version(2))
    assert (nothing.live, nothing.previous, nothing.next_number) == (None, None, 3)
    assert [nothing.state(each) for each in nothing.found] == ["unused", "unused"]
    own = shop(Version("shop", None), version(1))
    assert own.is_concrete
    assert [own.state(each) for each in own.found] == ["live", "unused"]
    named = shop(Version("mine", None, LIVE), version(1))
    assert [named.state(each) for each in named.found] == ["live", "newer"]
    assert shop().next_number == 1


def test_a_version_is_found_by_its_name_or_alias() -> None:
    found = shop(version(1), version(2, LIVE))
    assert found.named("shop-xlrec-v1") == found.found[0]
    assert found.named("shop") == found.found[1]
    with pytest.raises(IndexNotFound) as error:
        shop(*found.found).named("v3")
    assert str(error.value) == ("no version v3 of shop; there are: shop-xlrec-v1, shop-xlrec-v2")
    with pytest.raises(IndexNotFound, match=r"there are: none$"):
        shop().named("v3")
    with pytest.raises(IndexUnusable, match=r"shop stands for 2 indices \(shop-xlrec-v1, shop-x"):
        _ = shop(version(1, LIVE), version(2, LIVE)).live


def test_what_an_index_says_of_itself() -> None:
    ours, bare = version(1), version(2, body=BARE)
    assert (ours.is_ours, bare.is_ours, Version("x", None).is_ours) == (True, False, False)
    assert (ours.is_blocked, bare.is_blocked) == (True, False)
    assert ours.described().name == "shop-xlrec-v1"
    closed = {**OURS, "settings": {**OURS["settings"], "index.verified_before_close": "true"}}
    assert version(3, body=closed).described().name == "shop-xlrec-v3"
    with pytest.raises(NotAnXlrecIndex):
        bare.described()


def answering(asked: dict[str, Any], **bodies: dict[str, Any]) -> Elasticsearch:
    """A client that has these indices, and notes what it was asked for."""

    def get(**options: Any) -> SimpleNamespace:  # noqa: ANN401
        asked.update(options)
        return SimpleNamespace(body=bodies)

    transport = Elasticsearch("http://127.0.0.1:1").transport
    stub = SimpleNamespace(transport=transport, indices=SimpleNamespace(get=get))
    return cast("Elasticsearch", stub)


def body(closed: bool = False, **aliases: Any) -> dict[str, Any]:  # noqa: ANN401
    settings = {"index.verified_before_close": "true"} if closed else {}
    return {"aliases": aliases, "mappings": {}, "settings": settings}


def test_versions_are_read_with_whatever_has_their_aliases() -> None:
    asked: dict[str, Any] = {}
    bodies = {
        "shop-xlrec-v10": body(),
        "shop-xlrec-v0": body(),
        "shop-xlrec-v2": body(closed=True),
        "shop-xlrec-v2-copy": body(),  # what merely begins alike
        "shop-xlrec-vintage": body(other={}),
        "shop-xlrec-v3-kept": body(shop={}),
        "mine": body(**{"shop-xlrec-previous": {"filter": {}}}),
    }
    found = read_versions(answering(asked, **bodies), "shop")
    assert asked == {
        "index": ["shop", "shop-xlrec-v*", "shop-xlrec-previous"],
        "ignore_unavailable": True,
        "expand_wildcards": "all",
        "flat_settings": True,
    }
    assert found.name == "shop"
    assert [(one.index, one.number, one.is_open) for one in found.found] == [
        ("shop-xlrec-v3-kept", None, True),
        ("mine", None, True),
        ("shop-xlrec-v0", 0, True),
        ("shop-xlrec-v2", 2, False),
        ("shop-xlrec-v10", 10, True),
    ]
    assert found.found[1].aliases == {"shop-xlrec-previous": {"filter": {}}}
    assert found.found[3].body == bodies["shop-xlrec-v2"]


def test_an_index_of_another_name_may_become_a_version() -> None:
    asked: dict[str, Any] = {}
    adopted = {"shop-xlrec-v0": body(), "shop-xlrec-vnew": body()}
    found = read_versions(answering(asked, **adopted), "shop", also="shop-xlrec-vnew")
    assert asked["index"] == ["shop", "shop-xlrec-v*", "shop-xlrec-previous", "shop-xlrec-vnew"]
    assert [one.number for one in found.found] == [0]


def test_the_newest_is_one_that_this_program_made() -> None:
    found = shop(version(0), Version("shop-x", None, body=OURS), version(1), version(2, body=BARE))
    assert newest(found).number == 1
    with pytest.raises(IndexNotFound, match=r"no index shop-xlrec-v1 or later; .* --index shop$"):
        newest(shop(version(0), version(2, body=BARE)))
