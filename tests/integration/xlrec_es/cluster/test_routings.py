"""Documents whose shards were chosen by a routing are copied with it, by every command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import DIMS, document, write_catalogue
from secured_node import Secured, good
from xlrec_es.cluster import routings, scan
from xlrec_es.cluster.roles import descriptor
from xlrec_es.cluster.routings import check_kept_apart
from xlrec_es.cluster.scan import Hit
from xlrec_es.errors import IndexUnusable
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan

GATE = ("--min-recall", "0.5", "--min-overlap", "0.3")
Key = tuple[str, str | None]


@pytest.fixture
def secured(secured_each: Secured) -> Iterator[Secured]:
    """With a key `all` for indices `shop*`, which are deleted afterwards."""
    role = descriptor("admin", ["shop", "shop-*"])
    made = secured_each.client.security.create_api_key(name="all", role_descriptors={"all": role})
    secured_each.keys["all"] = made["encoded"]
    yield secured_each
    for index in secured_each.client.indices.get(index="shop,shop-*", ignore_unavailable=True):
        secured_each.client.indices.delete(index=index)


def apart(client: Elasticsearch, index: str) -> tuple[str, str]:
    """Two routings of two shards."""
    first = shard(client, index, "r0")
    return "r0", next(f"r{n}" for n in range(1, 99) if shard(client, index, f"r{n}") != first)


def shard(client: Elasticsearch, index: str, routing: str) -> int:
    [[copy]] = client.search_shards(index=index, routing=routing, local=False)["shards"]
    return int(copy["shard"])


def everything(client: Elasticsearch, index: str) -> dict[Key, tuple[int, Any]]:
    """Version and content of every document."""
    client.indices.refresh(index=index)
    body = {"version": True, "_source": scan.whole_source(client)}
    return {
        scan.key_of(hit): (hit["_version"], hit["_source"])
        for hits in scan.pages(client, index, body)
        for hit in hits
    }


def write_twice(client: Elasticsearch) -> tuple[str, str]:
    """The index `shop`, in which two documents have the id `twice`, and one has a routing alone."""
    live = write_catalogue(client, "shop", shards=3)
    client.indices.put_settings(index=live.name, settings={"number_of_replicas": 0})
    routings = apart(client, live.name)
    for number, routing in enumerate(routings):
        body = document("chess", 70 + number, "de")
        client.index(index="shop", id="twice", routing=routing, document=body)
        client.index(index="shop", id=f"one-{routing}", routing=routing, document=body)
    client.update(index="shop", id="twice", routing=routings[1], doc={"price": 7})
    client.indices.refresh(index="shop")
    return routings


def test_a_reindex_and_a_rollback_carry_it(secured: Secured) -> None:
    client = secured.client
    first, second = write_twice(client)
    before = everything(client, "shop")
    assert before.keys() >= {("twice", first), ("twice", second), ("one-r0", first)}
    good(secured.run("all", "index", "reindex", "shop", *GATE))
    assert everything(client, "shop") == before
    # What is written, and deleted, since.
    client.delete(index="shop", id="twice", routing=first)
    client.update(index="shop", id="one-r0", routing=first, doc={"price": 9})
    client.index(index="shop", id="twice", document={"title": "without a routing"})
    since = everything(client, "shop")
    good(secured.run("all", "index", "rollback", "shop"))
    assert set(client.indices.get_alias(name="shop")) == {"shop-xlrec-v1"}
    assert everything(client, "shop") == since


def test_documents_of_one_id_for_which_there_is_no_room_are_named(secured: Secured) -> None:
    write_twice(secured.client)
    before = everything(secured.client, "shop")
    refused = secured.run("all", "index", "reindex", "shop", *GATE, "--shards", "1")
    assert refused.exit_code == 1, refused.output
    sentence = " ".join(refused.stderr.split())
    assert "shop-xlrec-v1 has 1 ids that several documents have" in sentence
    assert "'twice' (routing " in sentence
    assert set(secured.client.indices.get(index="shop*")) == {"shop-xlrec-v1"}
    assert everything(secured.client, "shop") == before
    # As many shards: as they were.
    good(secured.run("all", "index", "reindex", "shop", *GATE))


def test_a_rollback_into_fewer_shards_is_refused(secured: Secured) -> None:
    client = secured.client
    write_catalogue(client, "shop")
    good(secured.run("all", "index", "reindex", "shop", *GATE, "--shards", "3"))
    for routing in apart(client, "shop-xlrec-v2"):
        client.index(index="shop", id="twice", routing=routing, document={"title": routing})
    refused = secured.run("all", "index", "rollback", "shop")
    assert refused.exit_code == 1, refused.output
    assert "'twice' (routing " in " ".join(refused.stderr.split())
    assert set(client.indices.get_alias(name="shop")) == {"shop-xlrec-v2"}
    client.index(index="shop", id="after", document={"title": "x"})  # nothing is blocked


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


@pytest.mark.parametrize("pages", [0, 1])
def test_a_cut_off_reindex_of_equal_ids_finishes(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 20)
    client = secured.client
    write_twice(client)
    whole = copied_as_is(packed=False)
    left = iter(range(pages))

    def dying(hits: Sequence[Hit]) -> Sequence[Mapping[str, Any] | str]:
        if next(left, None) is None:
            raise Killed
        return whole(hits)

    with pytest.raises(Killed):
        reindexer(client, dying).run()
    report = reindexer(client, whole).run()
    assert report.refused == {}
    assert everything(client, "shop-xlrec-v2") == everything(client, "shop-xlrec-v1")
    assert report.unchanged + report.copied < 200  # none is copied again and again


def reindexer(client: Elasticsearch, transform: Any) -> Reindexer:  # noqa: ANN401
    return Reindexer(
        client, plan(read_versions(client, "shop")), transform, limits=Limits(recall=0.5)
    )


def test_each_keeps_its_own_vector(secured: Secured) -> None:
    """Going back, without an encoder, to a version with vectors of its own."""
    client = secured.client
    first, second = write_twice(client)
    before = everything(client, "shop")
    reindexer(client, copied_as_is(packed=False)).run()
    meta = client.indices.get_mapping(index="shop-xlrec-v2")["shop-xlrec-v2"]["mappings"]["_meta"]
    meta["xlrec"]["fingerprint"]["revision"] = "2"  # as if another encoder had made them
    client.indices.put_mapping(index="shop-xlrec-v2", meta=meta)
    for routing in (first, second):
        body = everything(client, "shop")["twice", routing][1]
        body["xlrec"] |= {"embedding": [DIMS**-0.5] * DIMS, "fingerprint": "2"}
        client.index(index="shop", id="twice", routing=routing, document=body | {"price": 3})
    good(secured.run("all", "index", "rollback", "shop"))
    after = everything(client, "shop")
    for routing in (first, second):
        own, earlier = (found["twice", routing][1]["xlrec"] for found in (after, before))
        assert own["embedding"] == pytest.approx(earlier["embedding"])
    assert {after["twice", routing][1]["price"] for routing in (first, second)} == {3}


def write_required(client: Elasticsearch, index: str, **settings: object) -> tuple[str, str]:
    """An index of a team that requires a routing; two documents have one id."""
    client.indices.create(
        index=index,
        settings={"number_of_shards": 3, "number_of_replicas": 0, **settings},
        mappings={"_routing": {"required": True}},
    )
    routings = apart(client, index)
    for routing in routings:
        body = {"title": f"Tea of {routing}", "language": "en"}
        client.index(index=index, id="twice", routing=routing, document=body, refresh=True)
    return routings


@pytest.mark.parametrize("mode", [(), ("--companion",)])
def test_a_run_carries_it(secured: Secured, tiny_model: Path, mode: tuple[str, ...]) -> None:
    client = secured.client
    first, second = write_required(client, "shop-own")
    options = ("--model", str(tiny_model), "--centering", "none", "--json", "--quiet")
    command = ("run", "index:shop-own", *mode, "-i", "shop", *options)
    report = json.loads(good(secured.ingest("all", *command)))
    assert (report["indexed"], report["superseded"], report["rejected"]) == (2, 0, 0)
    titles = {key: own["title"] for key, (_, own) in everything(client, "shop").items()}
    assert titles == {("twice", r): f"Tea of {r}" for r in (first, second)}
    again = json.loads(good(secured.ingest("all", *command)))
    assert (again["unchanged"], again["indexed"]) == (2, 0)
    # What is gone from one routing goes from that one alone.
    client.delete(index="shop-own", id="twice", routing=first, refresh=True)
    body = {"title": "Another", "language": "en", "_op": "delete"} if not mode else {}
    if body:
        client.index(index="shop-own", id="twice", routing=first, document=body, refresh=True)
    last = json.loads(good(secured.ingest("all", *command)))
    assert (last["deleted"], last["unchanged"]) == (1, 1)
    assert everything(client, "shop").keys() == {("twice", second)}


def test_a_record_without_the_routing_that_is_required_is_set_aside(
    secured: Secured, tiny_model: Path, tmp_path: Path
) -> None:
    write_required(secured.client, "shop-own")
    options = ("-i", "shop", "--model", str(tiny_model), "--centering", "none", "--json")
    good(secured.ingest("all", "run", "index:shop-own", *options))
    source = tmp_path / "items.jsonl"
    source.write_text(json.dumps({"id": "new", "title": "Tea", "language": "en"}))
    done = secured.ingest("all", "run", str(source), *options)
    assert json.loads(done.stdout)["rejected"] == 1
    [line] = (tmp_path / "items.jsonl.shop.rejects.jsonl").read_text().splitlines()
    assert "routing is required" in line


def test_a_run_into_fewer_shards_is_refused(secured: Secured, tiny_model: Path) -> None:
    write_required(secured.client, "shop-own")
    write_required(secured.client, "shop-other")
    options = ("--model", str(tiny_model), "--centering", "none", "--json", "--quiet")
    good(secured.ingest("all", "run", "index:shop-other", "-i", "shop", *options))
    good(secured.run("all", "index", "reindex", "shop", *GATE[:2], "--shards", "3", "--no-swap"))
    secured.client.indices.delete(index="shop-xlrec-v2")
    before = everything(secured.client, "shop")
    body = {"settings": {"number_of_shards": 1}}
    created = secured.client.indices.get_mapping(index="shop-xlrec-v1")["shop-xlrec-v1"]
    secured.client.indices.create(
        index="shop-xlrec-v5", mappings=created["mappings"], settings=body["settings"]
    )
    refused = secured.ingest("all", "run", "index:shop-own", "-i", "shop-xlrec-v5", *options)
    assert refused.exit_code == 1, refused.output
    assert "'twice' (routing " in " ".join(refused.stderr.split())
    assert secured.client.count(index="shop-xlrec-v5")["count"] == 0
    assert everything(secured.client, "shop") == before


def test_ids_are_looked_at_only_where_some_may_be_equal(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = f"{index_name}-1", f"{index_name}-3"
    for index, shards in ((one, 1), (several, 3)):
        es.indices.create(index=index, settings={"number_of_shards": shards})
        es.index(index=index, id="a", document={}, refresh=True)
    es.index(index=one, id="b", routing="r", document={}, refresh=True)
    with monkeypatch.context() as patch:
        patch.setattr(routings, "_keys", None)  # it would be called in vain
        check_kept_apart(es, one, several)
        check_kept_apart(es, several, one)
    for routing in apart(es, several):
        es.index(index=several, id="b", routing=routing, document={}, refresh=True)
    with pytest.raises(IndexUnusable, match=r"has 1 ids .* such as 'b' \(routing r0, r"):
        check_kept_apart(es, several, one)
    check_kept_apart(es, several, several)
