"""Documents that are copied pass no pipeline a second time, and those of others still do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from secured_node import Secured, good
from transforms import broken
from xlrec_es.cluster.connection import connect
from xlrec_es.errors import GateFailed
from xlrec_es.index import final_pipeline
from xlrec_es.versions import reindex, rollback
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions

GATE = ("--min-recall", "0.5", "--min-overlap", "0.3")
PIPELINES = {f"index.{kind}_pipeline": f"shop-{kind}" for kind in ("default", "final")}


@pytest.fixture
def shop(secured_each: Secured) -> Iterator[Secured]:
    """The catalogue in an index whose pipelines note how who wrote a document was known.

    The superuser writes it, by name and password; what is copied is written with a key.
    """
    client = secured_each.client
    for name in PIPELINES.values():
        note = {"field": name, "properties": ["authentication_type"]}
        client.ingest.put_pipeline(id=name, processors=[{"set_security_user": note}])
    live = write_catalogue(client, "shop", instead={"x": {"title": "x"}})
    client.delete(index="shop", id="x")
    client.indices.put_settings(index=live.name, settings=PIPELINES)
    for topic in ("chess", "cooking"):
        for number in range(10):
            write(client, f"{topic}-{number}", topic=topic, number=number)
    client.indices.refresh(index="shop")
    yield secured_each
    for index in client.indices.get(index="shop-xlrec-v*"):
        client.indices.delete(index=index)
    for name in PIPELINES.values():
        client.ingest.delete_pipeline(id=name)


def write(client: Elasticsearch, id_: str, *, topic: str = "chess", number: int = 50) -> None:
    client.index(index="shop", id=id_, document=document(topic, number, "de"))


def passed(client: Elasticsearch) -> dict[str, tuple[str, ...]]:
    """What each pipeline has noted in the documents of the live version."""
    client.indices.refresh(index="shop")
    hits = client.search(index="shop", size=100)["hits"]["hits"]
    return {
        hit["_id"]: tuple(
            hit["_source"][name]["authentication_type"] for name in PIPELINES.values()
        )
        for hit in hits
    }


def pipelines(client: Elasticsearch, index: str) -> dict[str, str]:
    settings = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    return {name: settings.get(name, "_none") for name in PIPELINES}


def has_note(client: Elasticsearch, index: str) -> bool:
    mappings = client.indices.get_mapping(index=index)[index]["mappings"]
    return final_pipeline.KEY in mappings["_meta"]


@pytest.fixture
def admin(shop: Secured) -> Iterator[Elasticsearch]:
    """The client of whoever copies."""
    with connect(shop.as_("admin")) as client:
        yield client


def reindexer(client: Elasticsearch) -> reindex.Reindexer:
    planned = reindex.plan(read_versions(client, "shop"), changes={})
    limits = Limits(recall=0.5, overlap=0.3)
    return reindex.Reindexer(client, planned, copied_as_is(packed=False), limits=limits)


ONCE = ("REALM", "REALM")
"""What a document has that passed both when it was written, and neither since."""


def test_each_is_passed_once(shop: Secured) -> None:
    client = shop.client
    assert set(passed(client).values()) == {ONCE}
    good(shop.run("admin", "index", "reindex", "shop", *GATE))
    assert pipelines(client, "shop-xlrec-v2") == PIPELINES
    assert not has_note(client, "shop-xlrec-v2")
    write(client, "since")
    client.delete(index="shop", id="chess-3")
    found = passed(client)
    assert len(found) == 20
    assert set(found.values()) == {ONCE}
    good(shop.run("admin", "index", "rollback", "shop"))
    assert set(client.indices.get_alias(name="shop")) == {"shop-xlrec-v1"}
    assert passed(client) == found
    assert pipelines(client, "shop-xlrec-v1") == PIPELINES
    write(client, "later")
    assert passed(client)["later"] == ONCE


def test_it_is_back_where_the_swap_is_left_to_somebody(shop: Secured) -> None:
    good(shop.run("admin", "index", "reindex", "shop", *GATE, "--no-swap"))
    assert pipelines(shop.client, "shop-xlrec-v2") == PIPELINES
    before = passed(shop.client)
    good(shop.run("admin", "index", "reindex", "shop", *GATE))  # goes on
    assert passed(shop.client) == before
    assert pipelines(shop.client, "shop-xlrec-v2") == PIPELINES


def test_the_gate_notices_what_one_changes(
    admin: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(final_pipeline, "_take_off", lambda *_: None)
    with pytest.raises(GateFailed, match="fields: 20 of 20 sampled documents differ"):
        reindexer(admin).run()


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


def die(*_: object, **__: object) -> Any:  # noqa: ANN401
    raise Killed


@pytest.mark.parametrize("again", ["reindex", "swap"])
def test_it_is_put_back_after_a_kill(
    shop: Secured, admin: Elasticsearch, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    client = shop.client
    with monkeypatch.context() as patch:
        patch.setattr(final_pipeline, "put_back", lambda *_: None)
        patch.setattr("xlrec_es.versions.swap_note.change_aliases", die)
        patch.setattr("xlrec_es.versions.write_block._whatever_comes", lambda action: action())
        with pytest.raises(Killed):
            reindexer(admin).run()
    assert pipelines(client, "shop-xlrec-v2") == PIPELINES | {"index.final_pipeline": "_none"}
    before = passed(client)
    command = (
        ("index", "reindex", "shop", *GATE) if again == "reindex" else ("index", "swap", "shop")
    )
    good(shop.run("admin", *command))
    assert pipelines(client, "shop-xlrec-v2") == PIPELINES
    assert not has_note(client, "shop-xlrec-v2")
    assert passed(client) == before


@pytest.mark.parametrize("more", [(), ("--without-catching-up",)])
def test_it_is_put_back_after_a_rollback_was_killed(
    shop: Secured,
    admin: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
) -> None:
    client = shop.client
    reindexer(admin).run()
    write(client, "since")
    with monkeypatch.context() as patch:
        patch.setattr(final_pipeline, "put_back", lambda *_: None)
        work = rollback.Rollback(
            client,
            rollback.plan(read_versions(client, "shop")),
            packed=False,
            transform=broken(die),
        )
        with pytest.raises(Killed):
            work.run()
    assert pipelines(client, "shop-xlrec-v1")["index.final_pipeline"] == "_none"
    good(shop.run("admin", "index", "rollback", "shop", *more))
    assert set(client.indices.get_alias(name="shop")) == {"shop-xlrec-v1"}
    assert pipelines(client, "shop-xlrec-v1") == PIPELINES
    assert set(passed(client).values()) == {ONCE}


def test_an_index_without_one_is_left_alone(es: Elasticsearch, index_name: str) -> None:
    es.indices.create(index=index_name, mappings={"_meta": {"owner": "me"}})
    before = es.indices.get(index=index_name).body
    with final_pipeline.passed_by(es, index_name):
        assert es.indices.get(index=index_name).body == before
    assert es.indices.get(index=index_name).body == before
