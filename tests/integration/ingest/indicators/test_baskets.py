"""What is bought together, learned from orders, written into documents, and served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

import basket_world as world
from catalogue import FINGERPRINT, write_catalogue
from indicator_learning import documents
from ingest.cli.main import main as ingest_main
from xlrec_es import History, Options, Recommender, SearchOptions
from xlrec_es.cli.main import main as xlrec_main
from xlrec_es.errors import UsageError
from xlrec_es.index import mapping
from xlrec_es.index.live_index import find_live

SEVERAL = ("00a0", "00b1", "07b3")
"""Items in both languages."""

RELATION = "bought-together"


def shop() -> dict[str, dict[str, object]]:
    """The documents of `basket_world` by id, with taste that was learned before."""
    vectors, found = world.vectors(), {}
    for item, language in world.items().items():
        for tag in world.LANGUAGES if item in SEVERAL else (language,):
            found[f"{item}@{tag}" if item in SEVERAL else item] = {
                "title": f"Item {item}",
                "xlrec": {
                    "work": item,
                    "language": tag,
                    "language_source": "declared",
                    "embedding": vectors[item].tolist(),
                    "text": {tag: f"item {item}"},
                    "fingerprint": FINGERPRINT.digest,
                    "popularity": 0.5,
                    "indicators": {"00a7": 2.0},
                    "indicators_from": "own",
                    "evidence": 4.0,
                    "generation": "taste",
                },
            }
    return found


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.write(tmp_path_factory.mktemp("orders") / "orders.tsv")


def learn(orders: Path, index: str, url: str, *more: str) -> Result:
    where = ["--index", index, "--url", url, "--relation", RELATION]
    arguments = ["learn", str(orders), *where, "--basket-field", "order_id", *more]
    return CliRunner().invoke(ingest_main, arguments)


def written(client: Elasticsearch, index: str) -> dict[str, Mapping[str, Any]]:
    """What documents hold of the relation, by id."""
    names = [f"xlrec.bought_together.{name}" for name in ("weights", "from", "evidence")]
    hits = client.search(index=index, size=1000, fields=names)["hits"]["hits"]
    return {hit["_id"]: hit.get("fields", {}) for hit in hits}


def test_it_is_learned_beside_taste_and_asked_for_by_name(
    es_each: Elasticsearch, index_name: str, orders: Path
) -> None:
    live = write_catalogue(es_each, index_name, instead=shop(), languages=("de", "en", "ja"))
    recommender = Recommender(es_each, index_name)
    with pytest.raises(UsageError, match="xlrec-ingest learn --relation bought-together"):
        recommender.similar("00a0", measure=RELATION)
    before = documents(es_each, live.name)
    url = next(iter(es_each.transport.node_pool.all())).base_url
    summary = json.loads(learn(orders, index_name, url, "--json").stdout)
    assert summary["relation"] == RELATION
    assert summary["baskets_by"] == "order_id"
    assert summary["changed"] == len(before)
    assert summary["complete"]
    after = documents(es_each, live.name)
    for id_, document in after.items():
        kept = {n: v for n, v in document["kept"]["xlrec"].items() if n != "bought_together"}
        assert kept == before[id_]["kept"]["xlrec"]
        assert document["kept"]["vector"] == before[id_]["kept"]["vector"]
        assert document["learned"] == before[id_]["learned"]
        assert document["indicators"] == before[id_]["indicators"]
    meta = find_live(es_each, index_name).meta
    assert meta.relations[RELATION]["complete"]
    assert meta.relations[RELATION]["model"] == "association"
    assert meta.indicators == {}
    # Again: nothing has changed.
    assert json.loads(learn(orders, index_name, url, "--json").stdout)["changed"] == 0

    cart = History.of(["00a0@de", "07b3"])
    recommender = Recommender(es_each, index_name, options=Options().related(RELATION))
    complements = {*world.complements("00a0"), *world.complements("07b3")}
    for languages in (["de"], ["en"], ["ja"], ["en", "ja"]):
        found = recommender.recommend(cart, languages=languages, size=8)
        works = [item.work for item in found.items]
        assert {item.language for item in found.items} == set(languages)
        # Neither what is in the cart, nor another language version of it; nothing in its place.
        assert not {"00a0", "07b3"} & set(works)
        substitutes = {*world.substitutes("00a0"), *world.substitutes("07b3")}
        assert not substitutes & set(works[:4])
        assert works[0] in complements
        assert found.degraded == ()
        reasons = [reason for item in found.items for reason in item.reasons]
        assert {reason.relation for reason in reasons} == {RELATION}
        assert {reason.item for reason in reasons} == {"00a0", "07b3"}
    new = {item for item in complements if world.is_new(item)}
    assert new == {
        item.work for item in recommender.recommend(cart, languages=["ja"], size=2).items
    }
    # A new item in the cart, and one item's page.
    of_new = recommender.recommend(History.of(["00a8"]), languages=["de", "en"], size=8)
    assert len({item.work for item in of_new.items} & {*world.complements("00a8")}) >= 7
    plain = Recommender(es_each, index_name, options=Options(explain=False, weights={"dense": 1.0}))
    similar = plain.similar("00a0", languages=["de", "en", "ja"], size=9, measure=RELATION)
    assert len({item.work for item in similar.items} & {*world.complements("00a0")}) >= 7
    assert all(item.retrievers.keys() == {"collaborative"} for item in similar.items)


def test_an_index_that_was_made_before_gets_the_fields(
    es: Elasticsearch, es_url: str, index_name: str, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = mapping.load_mapping

    def earlier() -> dict[str, Any]:
        body = load()
        del body["mappings"]["properties"]["xlrec"]["properties"]["bought_together"]
        return body

    with monkeypatch.context() as patched:
        patched.setattr(mapping, "load_mapping", earlier)
        write_catalogue(es, index_name, instead=shop(), languages=("de", "en", "ja"))
    dry = learn(orders, index_name, es_url, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "baskets, bought together with: " in dry.output
    assert not written(es, index_name)["00a0@de"].keys() & {"xlrec.bought_together.from"}
    learned = learn(orders, index_name, es_url)
    assert learned.exit_code == 0, learned.output
    found = written(es, index_name)
    assert found["00a0@de"] == found["00a0@en"]
    assert found["00a8"]["xlrec.bought_together.from"] == ["inherited"]
    assert found["00a8"]["xlrec.bought_together.evidence"] == [0.0]
    asked = ["inspect", "-i", index_name, "--url", es_url, "--relation", RELATION, "00a8"]
    told = CliRunner().invoke(xlrec_main, asked)
    assert told.exit_code == 0, told.output
    assert "associations inherited, from 0 baskets" in " ".join(told.output.split())
    table = told.output.partition("comes from baskets with")[2].partition("baskets with it get")[0]
    assert "Item 00b0" in table
    asked = ["similar", "-i", index_name, "--url", es_url, "-l", "de", "--similarity", RELATION]
    told = CliRunner().invoke(xlrec_main, [*asked, "00a8"])
    assert told.exit_code == 0, told.output
    assert "with Item 00a8" in told.output
    asked = ["recommend", "-i", index_name, "--url", es_url, "-l", "ja", "--relation", RELATION]
    told = CliRunner().invoke(xlrec_main, [*asked, "--json", "00a0", "07b3"])
    works = [item["work"] for item in json.loads(told.stdout)["items"][:2]]
    assert sorted(works) == ["00b8", "07a8"]


def test_without_baskets_a_pause_parts_them_and_it_is_told(
    es: Elasticsearch, es_url: str, index_name: str, orders: Path
) -> None:
    write_catalogue(es, index_name, instead=shop(), languages=("de", "en", "ja"))
    where = ["--index", index_name, "--url", es_url, "--dry-run"]
    by_time = ["learn", str(orders), *where, "--relation", RELATION, "--json"]
    summary = json.loads(CliRunner().invoke(ingest_main, by_time).stdout)
    assert summary["baskets_by"] == "1 h"
    by_order = json.loads(learn(orders, index_name, es_url, "--json", "--dry-run").stdout)
    # A user has few orders within an hour of each other.
    assert 0.95 * by_order["baskets"] < summary["baskets"] <= by_order["baskets"]
    refused = CliRunner().invoke(ingest_main, ["learn", str(orders), *where, "--basket-gap", "2"])
    assert refused.exit_code == 2
    assert "give --relation bought-together" in refused.stderr


def test_filters_and_placements_options_hold(
    es: Elasticsearch, es_url: str, index_name: str, orders: Path
) -> None:
    """A cart's shelf has rules like any other list."""
    write_catalogue(es, index_name, instead=shop(), languages=("de", "en", "ja"))
    assert learn(orders, index_name, es_url).exit_code == 0
    partner = world.partner("00a0")
    search = SearchOptions(filters=({"bool": {"must_not": [{"term": {"xlrec.work": partner}}]}},))
    options = Options(search=search, mix="equal").related(RELATION)
    found = Recommender(es, index_name, options=options).recommend(
        History.of(["00a0"]), languages=["de", "en"], size=6
    )
    assert partner not in {item.work for item in found.items}
    assert len({item.work for item in found.items} & {*world.complements("00a0")}) >= 4
    nobody = Recommender(es, index_name, options=options).recommend(History(), languages=["de"])
    assert any("popular items are shown" in note for note in nobody.notes)
