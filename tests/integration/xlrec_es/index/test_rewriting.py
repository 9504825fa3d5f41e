"""Documents that their owner writes with versions of his own are completed, and stay his."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from secured_node import Secured, good
from xlrec_es.cluster.bulk import Named
from xlrec_es.cluster.roles import descriptor
from xlrec_es.cluster.scan import whole_source
from xlrec_es.index.rewriting import Rewrite, Rewriter

WORDS = {"1": "green tea", "2": "Kaffee am Morgen", "3": "a game of chess"}
VERSIONS = {"1": 5, "2": 1, "3": 1_795_842_246_353}  # some of a clock, some of a counter
EXTERNAL: dict[str, Any] = {"version_type": "external"}


def texts(client: Elasticsearch, index: str) -> dict[str, tuple[int, str]]:
    client.indices.refresh(index=index)
    hits = client.search(index=index, version=True, size=100)["hits"]["hits"]
    return {hit["_id"]: (hit["_version"], hit["_source"]["title"]) for hit in hits}


@pytest.fixture
def shop(secured_each: Secured) -> Iterator[Secured]:
    client = secured_each.client
    client.indices.create(index="shop", settings={"index.default_pipeline": "missing"})
    for id_, title in WORDS.items():
        body = {"title": title, "language": "en"}
        mine: dict[str, Any] = {"version": VERSIONS[id_], "pipeline": "_none", **EXTERNAL}
        client.index(index="shop", id=id_, document=body, **mine)
    client.indices.refresh(index="shop")
    yield secured_each
    for index in client.indices.get(index="shop,shop-xlrec-v*", ignore_unavailable=True):
        client.indices.delete(index=index)


def test_the_owners_next_write_is_taken(shop: Secured, tiny_model: Path, tmp_path: Path) -> None:
    """By versions of a clock, and by those of a counter, which look like Elasticsearch's own."""
    client = shop.client
    before = texts(client, "shop")
    options = ("--model", str(tiny_model), "--json", "--quiet", "--centering", "none")
    for kind, indexed in (("admin", 3), ("writer", 0)):
        done = shop.ingest(kind, "run", "index:shop", "--in-place", *options)
        assert json.loads(good(done))["indexed"] == indexed
    assert texts(client, "shop") == before
    likes = tmp_path / "likes.tsv"
    likes.write_text("user\titem\nu1\t1\nu1\t2\nu2\t1\nu2\t2\n")
    together = ("--relation", "bought-together", "--basket-field", "user", "--learner", "cosine")
    for more in ((), together):
        learned = shop.ingest("writer", "learn", str(likes), "-i", "shop", "--json", *more)
        summary = json.loads(good(learned))
        assert (summary["changed"], summary["complete"], summary["refused"]) == (3, True, [])
    client.indices.refresh(index="shop")
    assert texts(client, "shop") == before
    ids = {"ids": {"values": ["1"]}}
    hits = client.search(index="shop", query=ids, source=whole_source(client))["hits"]["hits"]
    [stored] = [hit["_source"]["xlrec"] for hit in hits]
    assert stored["indicators"]
    assert stored["bought_together"]["weights"]
    assert stored["text"] == {"en": "green tea"}
    for id_, version in VERSIONS.items():
        body = {"title": f"new {id_}", "language": "en"}
        mine: dict[str, Any] = {"version": version + 1, "pipeline": "_none", **EXTERNAL}
        assert client.index(index="shop", id=id_, document=body, **mine)["result"] == "updated"
    client.indices.refresh(index="shop")
    done = shop.ingest("writer", "run", "index:shop", "--in-place", *options)
    assert json.loads(good(done))["indexed"] == 3
    after = {id_: (version + 1, f"new {id_}") for id_, version in VERSIONS.items()}
    assert texts(client, "shop") == after


@pytest.fixture
def beside(shop: Secured) -> Iterator[Secured]:
    """With a key `beside` that may make two indices, and but read `shop`."""
    role = {"beside": descriptor("admin", ["shop-xlrec", "shop-other"], source="shop")}
    made = shop.client.security.create_api_key(name="beside", role_descriptors=role)
    shop.keys["beside"] = made["encoded"]
    yield shop
    shop.client.security.invalidate_api_key(ids=[made["id"]])
    for index in shop.client.indices.get(index="shop-other*,shop-xlrec*"):
        shop.client.indices.delete(index=index)


def test_what_is_read_as_a_source_stays_its_owners(beside: Secured, tiny_model: Path) -> None:
    """By a key that may write nothing there; what the owner writes next comes in by the next."""
    client = beside.client
    before, body = texts(client, "shop"), client.indices.get(index="shop").body
    options = ("--model", str(tiny_model), "--json", "--quiet", "--centering", "none")
    runs = {"shop-xlrec": ("--companion",), "shop-other": ("--index", "shop-other")}

    def indexed(index: str) -> int:
        done = beside.ingest("beside", "run", "index:shop", *runs[index], *options)
        return int(json.loads(good(done))["indexed"])

    assert [indexed(index) for index in runs] == [3, 3]
    assert texts(client, "shop") == before
    assert client.indices.get(index="shop").body == body
    mine: dict[str, Any] = {"version": VERSIONS["1"] + 1, "pipeline": "_none", **EXTERNAL}
    new = {"title": "black tea", "language": "en"}
    assert client.index(index="shop", id="1", document=new, **mine)["result"] == "updated"
    client.indices.refresh(index="shop")
    assert [indexed(index) for index in runs] == [1, 1]
    assert texts(client, "shop-other")["1"][1] == "black tea"


def test_copies_and_what_is_learned_leave_the_owner_his_versions(
    shop: Secured, tiny_model: Path, tmp_path: Path
) -> None:
    """Of an index that was completed in place: after each command his next write is taken."""
    client, likes = shop.client, tmp_path / "likes.tsv"
    likes.write_text("user\titem\nu1\t1\nu1\t2\nu2\t1\nu2\t2\n")
    options = ("--model", str(tiny_model), "--json", "--quiet", "--centering", "none")
    gate = ("--min-recall", "0.1", "--min-overlap", "0")
    expected = texts(client, "shop")
    for command in (
        lambda: shop.ingest("admin", "run", "index:shop", "--in-place", *options),
        lambda: shop.run("admin", "index", "adopt", "shop", "--yes"),
        lambda: shop.run("admin", "reindex", "shop", *gate),
        lambda: shop.ingest("writer", "indicators", str(likes), "-i", "shop", "--json"),
        lambda: shop.run("admin", "index", "rollback", "shop"),
    ):
        good(command())
        assert texts(client, "shop") == expected
        version = expected["1"][0] + 1
        body = {"title": f"green tea {version}", "language": "en"}
        mine: dict[str, Any] = {"version": version, "pipeline": "_none", **EXTERNAL}
        assert client.index(index="shop", id="1", document=body, **mine)["result"] == "updated"
        expected["1"] = (version, body["title"])
    assert list(client.indices.get_alias(name="shop")) == ["shop-xlrec-v0"]


def test_a_final_pipeline_cannot_be_passed_by(shop: Secured, tiny_model: Path) -> None:
    shop.client.indices.put_settings(index="shop", settings={"index.final_pipeline": "stamp"})
    before = texts(shop.client, "shop")
    options = ("--model", str(tiny_model), "--json", "--quiet", "--centering", "none")
    refused = shop.ingest("admin", "run", "index:shop", "--in-place", *options)
    assert refused.exit_code == 1
    assert "shop has a final pipeline, stamp" in refused.output
    assert "--companion" in refused.output
    assert texts(shop.client, "shop") == before


@pytest.fixture
def index(es_each: Elasticsearch, index_name: str) -> str:
    es_each.indices.create(index=index_name, settings={"number_of_shards": 2})
    for id_ in ("1", "2", "3"):
        es_each.index(index=index_name, id=id_, document={"title": id_}, version=7, **EXTERNAL)
    return index_name


class Meddling(Rewriter):
    """Between reading and writing, somebody else writes: once, or each time."""

    def __init__(self, client: Elasticsearch, index: str, *, always: bool) -> None:
        super().__init__(client, index)
        self.always = always
        self.times = 0

    def _read(self, rewrites: Any) -> Any:  # noqa: ANN401 - as it is there
        found = super()._read(rewrites)
        if self.always or not self.times:
            self.times += 1
            body = {"title": f"theirs {self.times}"}
            version = 7 + self.times
            self._client.index(
                index=self._index, id="1", document=body, version=version, **EXTERNAL
            )
            self._client.options(ignore_status=404).delete(index=self._index, id="2")
        return found


def works(es: Elasticsearch, index: str) -> dict[str, tuple[int, str, str | None]]:
    es.indices.refresh(index=index)
    hits = es.search(index=index, version=True)["hits"]["hits"]
    return {
        hit["_id"]: (
            hit["_version"],
            hit["_source"]["title"],
            hit["_source"].get("xlrec", {}).get("work"),
        )
        for hit in hits
    }


def test_what_is_written_meanwhile_is_completed(es_each: Elasticsearch, index: str) -> None:
    """And what is deleted meanwhile stays deleted."""
    rewrites = [Rewrite(Named(id_), {"work": "w"}) for id_ in ("1", "2", "3", "none")]
    written = Meddling(es_each, index, always=False).write(rewrites)
    assert [one.document.id for one in written.superseded] == ["none", "2"]
    assert written.refused == []
    assert works(es_each, index) == {"1": (8, "theirs 1", "w"), "3": (7, "3", "w")}


def test_what_is_for_one_state_leaves_another_alone(es_each: Elasticsearch, index: str) -> None:
    got = es_each.get(index=index, id="1")
    state = (got["_seq_no"], got["_primary_term"])
    mine = [Rewrite(Named("1"), {"work": "w"}, state)]
    written = Meddling(es_each, index, always=False).write(mine)
    assert [one.document.id for one in written.superseded] == ["1"]
    assert works(es_each, index)["1"] == (8, "theirs 1", None)
    # It is looked at before anything is sent, too.
    assert len(Rewriter(es_each, index).write(mine).superseded) == 1
    assert works(es_each, index)["1"] == (8, "theirs 1", None)


def test_what_is_written_each_time_is_told(es_each: Elasticsearch, index: str) -> None:
    written = Meddling(es_each, index, always=True).write([Rewrite(Named("1"), {"work": "w"})])
    assert [one.document.id for one in written.refused] == ["1"]
    assert "another program wrote it" in written.refused[0].reason
    assert works(es_each, index)["1"][2] is None


def test_what_is_there_stays_and_each_field_is_replaced_whole(
    es_each: Elasticsearch, index_name: str
) -> None:
    """As wide as a page of what is read, by routings, and with what the owner has."""
    es_each.indices.create(
        index=index_name,
        settings={"number_of_shards": 3},
        mappings={"properties": {"v": {"type": "dense_vector", "dims": 3}}},
    )
    own = {"text": {"en": "a", "de": "b"}, "evidence": 3}
    body = {"title": "x", "big": 2**63 - 1, "v": [0.25, 0.5, 0.75], "xlrec": own}
    operations: list[dict[str, Any]] = []
    for number in range(450):
        operations += [
            {"index": {"_id": str(number), "routing": "r", "version": 9, **EXTERNAL}},
            body,
        ]
    assert not es_each.bulk(index=index_name, operations=operations)["errors"]
    rewrites = (
        Rewrite(Named(str(number)), {"text": {"fr": "c"}}, routing="r") for number in range(450)
    )
    assert Rewriter(es_each, index_name).write(rewrites).superseded == []
    es_each.indices.refresh(index=index_name)
    hits = es_each.search(index=index_name, size=500, version=True, fields=["v"])["hits"]["hits"]
    assert len(hits) == 450
    for hit in hits:
        assert hit["_version"] == 9
        assert hit["fields"]["v"] == [0.25, 0.5, 0.75]
        source = {name: value for name, value in hit["_source"].items() if name != "v"}
        assert source == {
            "title": "x",
            "big": 2**63 - 1,
            "xlrec": {"text": {"fr": "c"}, "evidence": 3},
        }
