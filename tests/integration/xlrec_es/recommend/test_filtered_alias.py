"""An alias with a filter or a routing, asked by every command with a key for the alias alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import EVERYTHING, add_version, document, documents, write_catalogue, write_likes
from secured_node import Secured, good
from xlrec_es import AsyncRecommender, History, Options, Recommender
from xlrec_es.cluster.connection import connect
from xlrec_es.errors import IndexUnusable, UnknownItems
from xlrec_es.evaluate.catalogue import read_pool
from xlrec_es.index.live_index import find_live
from xlrec_es.recommend.options import OF_EVERY_INDEX, SearchOptions
from xlrec_es.versions import reindex, rollback
from xlrec_es.versions.aliases import change_aliases, plan_swap
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.status import measure

MINE, ROUTED = "shop.mine", "shop.routed"
EVEN = {"term": {"brand": "brand0"}}
"""Of the catalogue, the works of even numbers: what the tenant may see."""
SECRET = "chess-secret"
ALL_RETRIEVERS = Options(
    weights=dict.fromkeys(OF_EVERY_INDEX, 1.0), search=SearchOptions(candidates=100)
)


@pytest.fixture
def tenant(secured_each: Secured) -> Iterator[Secured]:
    """With a key `tenant` that may read two aliases of the catalogue, and nothing else."""
    secret = document("chess", 1, "de") | {"title": "Prototype"}
    live = write_catalogue(secured_each.client, "shop", {SECRET: secret}, shards=3)
    for alias, added in {MINE: {"filter": EVEN}, ROUTED: {"routing": "x"}}.items():
        secured_each.client.indices.put_alias(index=live.name, name=alias, **added)
    allowed = {"names": [MINE, ROUTED], "privileges": ["read", "view_index_metadata"]}
    made = secured_each.client.security.create_api_key(
        name="tenant", role_descriptors={"tenant": {"indices": [allowed]}}
    )
    secured_each.keys["tenant"] = made["encoded"]
    yield secured_each
    secured_each.client.security.invalidate_api_key(ids=[made["id"]])


@pytest.fixture
def client(tenant: Secured) -> Iterator[Elasticsearch]:
    """Of the tenant."""
    with connect(tenant.as_("tenant")) as client:
        yield client


def visible(client: Elasticsearch, alias: str) -> set[str]:
    return {hit["_id"] for hit in client.search(index=alias, size=1000)["hits"]["hits"]}


def even(ids: set[str]) -> bool:
    return {int(id_.partition("@")[0].rpartition("-")[2]) % 2 for id_ in ids} == {0}


def printed(tenant: Secured, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(good(tenant.run("tenant", *arguments)))


def ids(answer: dict[str, Any]) -> set[str]:
    return {item["id"] for item in answer["items"]}


def test_recommendations_are_of_what_the_filter_lets_through(tenant: Secured) -> None:
    for arguments in (
        ("recommend", "chess-4", "chess-2@en"),
        *(("similar", "chess-0@de", *more) for more in ((), ("--similarity", "cosine"))),
        ("similar", "chess-0@de", "--similarity", "jaccard"),
    ):
        found = printed(tenant, *arguments, "-i", MINE, "-n", "50", "--json")
        assert ids(found), arguments
        assert even(ids(found)), arguments
        assert not found["degraded"]
    # Without the filter there are others.
    whole = json.loads(good(tenant.run("reader", "recommend", "chess-4", "-i", "shop", "--json")))
    assert not even(ids(whole))


def test_every_retriever_and_option_respects_it(client: Elasticsearch) -> None:
    for options in (ALL_RETRIEVERS, replace(EVERYTHING, diversity=0.5)):
        found = Recommender(client, MINE, options=options).recommend(
            History.of(["chess-4"]), languages=["de", "ja"], size=50
        )
        assert found.items
        assert even({item.id for item in found.items})
        assert not found.degraded
    retrievers = {retriever for item in found.items for retriever in item.retrievers}
    assert retrievers == set(OF_EVERY_INDEX) - {"lexical"}


def test_words_are_compared_through_the_alias(client: Elasticsearch) -> None:
    """A key for the alias alone may not ask the index for the words of a document."""
    options = replace(ALL_RETRIEVERS, weights={"lexical": 1.0})
    found = Recommender(client, MINE, options=options).recommend(
        History.of(["chess-0@de"]), languages=["de"]
    )
    assert found.items
    assert even({item.id for item in found.items})


def test_what_it_hides_is_unknown(tenant: Secured, client: Elasticsearch) -> None:
    for arguments in (
        ("recommend", SECRET),
        ("recommend", "chess-4", SECRET),
        ("similar", SECRET),
        ("query", SECRET),
        ("inspect", SECRET),
    ):
        done = tenant.run("tenant", *arguments, "-i", MINE)
        assert done.exit_code == 1, arguments
        assert SECRET in done.stderr
        assert "Prototype" not in done.output
    both = Recommender(client, MINE).recommend(History.of(["chess-4", SECRET]))
    assert both.unknown_items == (SECRET,)
    assert "chess" in good(tenant.run("tenant", "inspect", "chess-4", "-i", MINE))


def test_associations_with_what_it_hides_are_not_listed(tenant: Secured) -> None:
    """Neither what another tenant has, nor that it is gone, which is not so."""
    found = printed(tenant, "inspect", "chess-4", "-i", MINE, "-n", "3", "--json")
    # All ten of its topic are associated, the later the more; the odd ones are another tenant's.
    assert [one["work"] for one in found["spoken_for_by"]] == ["chess-8", "chess-6", "chess-4"]
    assert all(even({one["work"] for one in some}) for some in found["speaks_for"].values() if some)
    assert found["not_shown"] == 5
    text = good(tenant.run("tenant", "inspect", "chess-4", "-i", MINE))
    assert "gone" not in text
    assert "chess-7" not in text
    assert f"5 more are not shown, as {MINE} does not show them." in text
    whole = good(tenant.run("reader", "inspect", "chess-4", "-i", "shop"))
    assert "chess-7" in whole
    assert "not shown" not in whole
    tenant.client.delete(index="shop", id="chess-7", refresh=True)
    assert "(gone)" in good(tenant.run("reader", "inspect", "chess-4", "-i", "shop"))


def test_counts_are_of_what_it_shows(tenant: Secured, client: Elasticsearch) -> None:
    allowed = {"names": [MINE, ROUTED], "privileges": ["read", "view_index_metadata", "monitor"]}
    made = tenant.client.security.create_api_key(
        name="counts",
        role_descriptors={"c": {"cluster": ["monitor"], "indices": [allowed]}},
    )
    tenant.keys["counts"] = made["encoded"]
    for alias in (MINE, ROUTED):
        seen = len(visible(client, alias))
        assert seen < len(documents())
        status = json.loads(good(tenant.run("counts", "index", "status", alias, "--json")))
        [version] = status["versions"]
        assert version["documents"] == seen
        assert sum(one["documents"] for one in version["languages"].values()) == seen
        found = tenant.run("counts", "doctor", "-i", alias, "--json").stdout
        vectors, room = (
            next(one["message"] for one in json.loads(found)["findings"] if one["topic"] == topic)
            for topic in ("vectors", "room")
        )
        assert vectors == f"all {seen} documents have one"
        assert room.startswith(f"{seen} ")


def test_another_version_is_counted_as_the_alias_would_show_it(tenant: Secured) -> None:
    made = add_version(tenant.client, MINE, documents=3)
    [live, newer] = measure(tenant.client, read_versions(tenant.client, MINE))
    assert newer.index == made
    assert newer.documents == 0  # they have no brand
    assert live.documents == len(visible(tenant.client, MINE))
    tenant.client.indices.delete(index=made)


def test_many_and_asynchronous_respect_it_too(tenant: Secured, client: Elasticsearch) -> None:
    histories = [History.of(["chess-4"]), History.of(["cooking-6"]), History.of([SECRET])]
    many = list(
        Recommender(client, MINE, options=ALL_RETRIEVERS).recommend_many(histories, size=50)
    )
    assert isinstance(many.pop(), UnknownItems)

    async def ask() -> list[Any]:
        connection = tenant.as_("tenant")
        async with AsyncElasticsearch(
            connection.url, api_key=connection.api_key, ca_certs=connection.ca_certs
        ) as asynchronous:
            recommender = AsyncRecommender(asynchronous, MINE, options=ALL_RETRIEVERS)
            return [await recommender.recommend(one, size=50) for one in histories[:2]]

    for found in (*many, *asyncio.run(ask())):
        assert even({item.id for item in found.items})


def test_printed_searches_name_the_alias(tenant: Secured, client: Elasticsearch) -> None:
    text = good(tenant.run("tenant", "query", "-i", MINE, "-l", "de", "chess-0@en"))
    assert f"POST /{MINE}/_search" in text
    assert "-xlrec-v1" not in text
    for request in printed(tenant, "query", "-i", MINE, "-f", "json", "chess-0@en"):
        hits = client.search(index=MINE, body=request["body"])["hits"]["hits"]
        assert even({hit["fields"]["xlrec.id"][0] for hit in hits} or {"x-0"})


def test_a_routing_is_respected(client: Elasticsearch) -> None:
    there = visible(client, ROUTED)
    assert 0 < len(there) < len(documents())
    options = replace(ALL_RETRIEVERS, weights=dict.fromkeys(OF_EVERY_INDEX, 1.0))
    recommender = Recommender(client, ROUTED, options=options)
    known = sorted(there)[0]
    for found in (
        recommender.recommend(History.of([known]), languages=["de", "en", "ja"], size=100),
        recommender.similar(known, measure="jaccard", size=100),
    ):
        assert {item.id for item in found.items} <= there
        assert not found.degraded
    with pytest.raises(UnknownItems):
        recommender.recommend(History.of([sorted(documents().keys() - there)[0]]))


def test_whoever_reads_all_reads_what_the_alias_shows(
    tenant: Secured, client: Elasticsearch, tmp_path: Path
) -> None:
    pool = read_pool(client, find_live(client, MINE))
    assert even(set(pool.works))
    assert len(pool.works) == 20
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    report = printed(tenant, "evaluate", likes, "-i", MINE, "--k", "3", "--json")
    assert {pool["items"] for pool in report["pools"].values()} == {20}


def test_other_calls_are_of_what_the_filter_lets_through(client: Elasticsearch) -> None:
    """Given documents, words, pages, and what was shown."""
    recommender = Recommender(client, MINE)
    history = History.of(["chess-4"])
    found = recommender.rank(history, ["chess-6", "chess-5", "cooking-8", "chess-0", SECRET])
    assert [item.work for item in found.items] == ["chess-6", "chess-0", "cooking-8"]
    assert found.unknown_items == ("chess-5", SECRET)
    words = recommender.search("chess word1 word2 word3", history, size=50)
    assert even({item.id for item in words.items})
    page = recommender.recommend(history, size=3, shown=[SECRET, "chess-6", "chess-5"])
    after = recommender.recommend(history, size=50, after=page.cursor)
    listed = {item.id for item in (*page.items, *after.items)}
    assert len(page.items) + len(after.items) == len(listed) > 10
    assert even(listed)


def test_nothing_is_written_through_it(tenant: Secured, tmp_path: Path) -> None:
    before = tenant.client.indices.get_mapping(index="shop").body
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    tuned = tenant.run("reader", "tune", likes, "-i", MINE, "--k", "3")
    assert tuned.exit_code == 1
    role = {"names": ["shop*"], "privileges": ["all"]}
    key = tenant.client.security.create_api_key(
        name="all", role_descriptors={"all": {"cluster": ["all"], "indices": [role]}}
    )
    tenant.keys["all"] = key["encoded"]
    for arguments in (("tune", likes, "-i", MINE, "--k", "3"), ("index", "reindex", MINE)):
        refused = tenant.run("all", *arguments)
        assert refused.exit_code == 1, refused.output
        sentence = " ".join(refused.stderr.split())
        assert f"the alias {MINE} adds filter to shop-xlrec-v1" in sentence
    assert "name shop" in sentence
    assert tenant.client.indices.get_mapping(index="shop").body == before
    assert set(tenant.client.indices.get(index="shop*")) == {"shop-xlrec-v1"}


def test_a_swap_takes_filter_and_routing_along(tenant: Secured) -> None:
    client = tenant.client
    client.indices.create(index="shop-xlrec-v7", mappings=mappings(client))
    found = read_versions(client, MINE, also="shop-xlrec-v7")
    change_aliases(client, plan_swap(found, found.named("shop-xlrec-v7")))
    assert client.indices.get_alias(name=MINE)["shop-xlrec-v7"]["aliases"][MINE]["filter"] == EVEN
    found = read_versions(client, MINE)
    with pytest.raises(IndexUnusable, match="--without-catching-up"):
        rollback.plan(found)
    with pytest.raises(IndexUnusable, match="adds filter to shop-xlrec-v7"):
        reindex.plan(found)


def mappings(client: Elasticsearch) -> dict[str, Any]:
    found: dict[str, Any] = client.indices.get_mapping(index="shop")["shop-xlrec-v1"]["mappings"]
    return found
