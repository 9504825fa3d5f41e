"""What an answer says of the index behind a name, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from made_versions import OURS
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.live_index import check_adds_nothing, live_arguments, read_live

TENANT = {"filter": {"term": {"tenant": "a"}}}


def answer(aliases: dict[str, Any]) -> dict[str, Any]:
    return {"shop-xlrec-v1": {"mappings": OURS["mappings"], "aliases": aliases}}


@pytest.mark.parametrize(
    ("name", "aliases", "searched"),
    [
        ("shop-xlrec-v1", {}, "shop-xlrec-v1"),
        ("shop", {"shop": {}}, "shop-xlrec-v1"),  # so that a swap changes nothing under a search
        ("shop", {"shop": {"is_write_index": True, "is_hidden": True}}, "shop-xlrec-v1"),
        ("a", {"a": TENANT}, "a"),
        ("a", {"a": {"search_routing": "x,y"}}, "a"),
        ("a", {"a": {"index_routing": "x"}}, "a"),
        ("a*", {"a": TENANT}, "a*"),  # of which Elasticsearch makes its own
        ("a,shop", {"a": TENANT, "shop": {}}, "a,shop"),
    ],
)
def test_searches_name_the_alias_where_it_adds_something(
    name: str, aliases: dict[str, Any], searched: str
) -> None:
    assert read_live(name, answer(aliases)).searched == searched


def test_of_its_aliases_an_index_is_asked_for_one() -> None:
    assert live_arguments("shop.a")["filter_path"].endswith(r",*.aliases.shop\.a")
    assert live_arguments("a,b")["filter_path"].endswith(",*.aliases.*")


def test_what_an_alias_adds_is_named_and_what_to_name_instead() -> None:
    routed = {"b": {"index_routing": "x", "search_routing": "x"}}
    with pytest.raises(
        IndexUnusable, match=r"index routing and search routing to i, .* Instead of it name i$"
    ):
        check_adds_nothing("b", "i", routed)
    with pytest.raises(IndexUnusable, match=r"adds filter to i, .* Instead of it name shop, sale$"):
        check_adds_nothing("a", "i", {"a": TENANT, "shop": {}, "sale": {}, **routed})
    check_adds_nothing("shop", "i", {"a": TENANT, "shop": {}})


def test_a_data_stream_is_refused_with_what_to_do() -> None:
    """Which the servers of the tests do not have."""
    backing = {".ds-shop-2026.01.01-000001": {"mappings": {}, "data_stream": "shop"}}
    with pytest.raises(IndexUnusable, match=r"shop is a data stream .* index:shop --companion"):
        read_live("shop", backing)
