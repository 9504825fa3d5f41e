"""Reading all of an index, wherever its copies are and whatever fails meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from nodes import VERSIONS
from two_nodes import TwoNodes, two_nodes
from xlrec_es.cluster import scan
from xlrec_es.errors import ClusterError, SearchFailed

QUERY = {"range": {"n": {"lt": "x"}}}
WORDS = " ".join(f"word{n}" for n in range(200))
BULK = 500


@pytest.fixture(params=VERSIONS)
def cluster(request: pytest.FixtureRequest) -> Iterator[TwoNodes]:
    with two_nodes(request.param) as found:
        yield found


class Writers:
    """Write documents at the same time, and know which were acknowledged."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self.acknowledged: set[str] = set()
        self._client = client
        self._index = index
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(4)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _write(self, writer: int) -> None:
        number = 0
        while not self._done.is_set():
            ids = [f"{writer}-{number + n}" for n in range(BULK)]
            number += BULK
            lines: list[dict[str, Any]] = []
            for id_ in ids:
                lines += [{"index": {"_id": id_}}, {"text": f"{WORDS} {id_}"}]
            answer = self._client.bulk(index=self._index, operations=lines)
            items = zip(ids, answer["items"], strict=True)
            self.acknowledged.update(id_ for id_, item in items if item["index"]["status"] < 300)


def test_what_a_replica_does_not_have_yet_is_read_later(cluster: TwoNodes) -> None:
    """Reading by the primary's own number, documents under way to the replica are never read."""
    client = cluster.client
    cluster.make_index("shop")
    read: set[str] = set()
    done: dict[str, int] = {}

    def read_on() -> None:
        now = scan.operations_done(client, "shop")
        scan.make_visible(client, "shop")
        for shard in now:
            query, place = scan.written_after(shard, done.get(shard, -1))
            place = f"{place}|_only_nodes:{cluster.other}"  # as may come about at any time
            body = {"query": query, "_source": False}
            for hits in scan.pages(client, "shop", body, preference=place):
                read.update(hit["_id"] for hit in hits)
        done.update(now)

    with Writers(client, "shop") as writers:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            read_on()
    scan.wait_for_copies(client, "shop")
    read_on()
    assert len(writers.acknowledged) > 1000
    assert writers.acknowledged - read == set()


@pytest.fixture
def halves(es_each: Elasticsearch, index_name: str) -> tuple[Elasticsearch, str]:
    """Two indices by one name, of which one cannot answer `QUERY`."""
    for number, kind in enumerate(("keyword", "long")):
        index = f"{index_name}-{number}"
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        es_each.indices.create(
            index=index, settings=settings, mappings={"properties": {"n": {"type": kind}}}
        )
        for n in range(20):
            es_each.index(index=index, id=f"{n}", document={"n": n})
        es_each.indices.refresh(index=index)
        es_each.indices.put_alias(index=index, name=index_name)
    part = es_each.search(index=index_name, size=100, query=QUERY)
    assert (part["_shards"]["failed"], part["_shards"]["successful"]) == (1, 1)
    assert len(part["hits"]["hits"]) == 20
    return es_each, index_name


def test_a_part_of_an_index_is_not_taken_for_the_whole(halves: tuple[Elasticsearch, str]) -> None:
    es, name = halves
    with pytest.raises(ClusterError):
        list(scan.pages(es, name, {"query": QUERY}))
    with pytest.raises(ClusterError):
        list(scan._scrolled(es, name, {"query": QUERY, "sort": ["_doc"], "size": 100}, None))
    assert len([hit for hits in scan.pages(es, name, {}) for hit in hits]) == 40


def test_a_part_of_an_index_is_not_counted_as_the_whole(halves: tuple[Elasticsearch, str]) -> None:
    es, name = halves
    with pytest.raises(SearchFailed, match=r"1 of 2 shards .* did not count"):
        scan.count(es, name, QUERY)
    assert scan.count(es, name) == 40


def test_what_cannot_be_made_visible_is_told(es: Elasticsearch, index_name: str) -> None:
    class Client:
        transport = es.transport

        class indices:
            @staticmethod
            def refresh(*, index: str) -> dict[str, Any]:
                return {"_shards": {"failed": 1, "total": 2}}

    with pytest.raises(ClusterError, match="1 of 2 copies of the shards of shop") as found:
        scan.make_visible(Client(), "shop")  # type: ignore[arg-type]
    assert found.value.status == 503  # whoever follows an index tries again
