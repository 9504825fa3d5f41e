"""An alias with a filter: as a source it is respected, and nothing is written through it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalogue import write_catalogue, write_likes
from secured_node import Secured, good
from xlrec_es.cluster.roles import descriptor

ITEMS = [
    {"id": "a1", "language": "en", "title": "Tea", "tenant": "a"},
    {"id": "a2", "language": "de", "title": "Tee", "tenant": "a"},
    {"id": "b2", "language": "de", "title": "Kaffee", "tenant": "b"},
]
FILTER = {"term": {"tenant": "a"}}


@pytest.fixture
def tenants(secured_each: Secured, tmp_path: Path, tiny_model: Path) -> Iterator[Secured]:
    """Two tenants in the index `shop`, of whom one has the alias `shop-a`; a key `all`."""
    source = tmp_path / "items.jsonl"
    source.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    client = secured_each.client
    good(secured_each.ingest("admin", "run", str(source), "-i", "shop", *options(tiny_model)))
    client.indices.put_alias(index="shop-xlrec-v1", name="shop-a", filter=FILTER)
    role = descriptor("admin", ["shop", "shop-*"])
    made = client.security.create_api_key(name="all", role_descriptors={"all": role})
    secured_each.keys["all"] = made["encoded"]
    yield secured_each
    for index in client.indices.get(index="shop,shop-*", ignore_unavailable=True):
        client.indices.delete(index=index)


def options(model: Path) -> tuple[str, ...]:
    return ("--model", str(model), "--centering", "none", "--json", "--quiet")


def contents(secured: Secured, index: str) -> dict[str, tuple[int, Any]]:
    """Version and source of every document."""
    hits = secured.client.search(index=index, version=True, size=100)["hits"]["hits"]
    return {hit["_id"]: (hit["_version"], hit["_source"]) for hit in hits}


def test_recommendations_are_of_the_tenant(tenants: Secured) -> None:
    for command in ("recommend", "similar"):
        found = good(tenants.run("all", command, "-i", "shop-a", "-l", "de", "a1", "--json"))
        assert [item["id"] for item in json.loads(found)["items"]] == ["a2"]


def test_as_a_source_it_has_what_the_filter_lets_through(
    tenants: Secured, tiny_model: Path
) -> None:
    run = ("run", "index:shop-a")
    for arguments, index in (
        (("--index", "shop-other"), "shop-other"),
        (("--companion",), "shop-a-xlrec"),
    ):
        for indexed in (2, 0):  # and a second time
            done = json.loads(good(tenants.ingest("all", *run, *arguments, *options(tiny_model))))
            assert (done["indexed"], done["deleted"]) == (indexed, 0), done
            tenants.client.indices.refresh(index=index)
            assert set(contents(tenants, index)) == {"a1", "a2"}
    # A document that the filter no longer lets through is gone from the companion.
    tenants.client.update(index="shop", id="a2", doc={"tenant": "b"}, refresh=True)
    done = json.loads(good(tenants.ingest("all", *run, "--companion", *options(tiny_model))))
    assert done["deleted"] == 1


def test_nothing_is_written_through_it(tenants: Secured, tiny_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "more.jsonl"
    source.write_text(json.dumps({**ITEMS[2], "title": "Mokka"}) + "\n")
    likes = tmp_path / "likes.csv"
    likes.write_text("user,item\n" + "".join(f"p{n},a{1 + n % 2}\n" for n in range(9)))
    before = contents(tenants, "shop")
    meta = tenants.client.indices.get_mapping(index="shop").body
    for arguments in (
        ("run", str(source), "-i", "shop-a", *options(tiny_model)),
        ("run", "index:shop-a", "--in-place", *options(tiny_model)),
        ("run", "index:shop", "--companion", "-i", "shop-a", *options(tiny_model)),
        ("learn", str(likes), "-i", "shop-a"),
        ("reencode", "shop-a", "--model", str(tiny_model)),
    ):
        refused = tenants.ingest("all", *arguments)
        assert refused.exit_code == 1, (arguments, refused.output)
        sentence = " ".join(refused.stderr.split())
        assert "the alias shop-a adds filter to shop-xlrec-v1" in sentence, arguments
        assert "nothing was changed. Instead of it name shop" in sentence
    assert contents(tenants, "shop") == before
    assert tenants.client.indices.get_mapping(index="shop").body == meta
    assert set(tenants.client.indices.get(index="shop,shop-*")) == {"shop-xlrec-v1"}


def test_in_place_says_so_before_the_index_is_ours(tenants: Secured, tiny_model: Path) -> None:
    tenants.client.indices.create(index="shop-own", aliases={"shop-own-a": {"filter": FILTER}})
    for item in ITEMS:
        tenants.client.index(index="shop-own", id=item["id"], document=item, refresh=True)
    before = contents(tenants, "shop-own")
    refused = tenants.ingest("all", "run", "index:shop-own-a", "--in-place", *options(tiny_model))
    assert refused.exit_code == 1
    assert "Instead of it name shop-own" in " ".join(refused.stderr.split())
    assert contents(tenants, "shop-own") == before


def test_pairs_and_a_look_at_indicators_are_of_the_tenant(
    secured_each: Secured, tmp_path: Path
) -> None:
    live = write_catalogue(secured_each.client, "shop")
    even = {"term": {"brand": "brand0"}}
    secured_each.client.indices.put_alias(index=live.name, name="shop-xlrec-even", filter=even)
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    where = ("-i", "shop-xlrec-even", "--json")
    dry = json.loads(good(secured_each.ingest("writer", "learn", likes, *where, "--dry-run")))
    assert dry["items"] == 20
    folder = tmp_path / "pairs"
    made = ("pairs", likes, *where, "-o", str(folder), "--max-users", "20")
    done = json.loads(good(secured_each.ingest("writer", *made)))
    assert done["pairs"]
    assert {int(one["anchor"].rpartition("word")[2]) % 2 for one in done["examples"]} == {0}
