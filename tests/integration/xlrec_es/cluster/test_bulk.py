"""The bulk writer against a real node, behind a proxy that does what networks do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from fault_proxy import DROPPED_AFTER, DROPPED_BEFORE, Fault, FaultProxy, Items, fault_proxy
from ingest.documents.document import Document
from ingest.run.index_setup import create_index
from ingest.run.job import RunJob
from ingest.sources.source import open_source
from ingest.write.target_index import Target
from xlrec_es.cluster.bulk import BulkLimits, BulkWriter, Named, Operation, Written
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.retry import Cluster, Patience
from xlrec_es.errors import ClusterError, IndexNotFound, IndexUnusable, WriteError
from xlrec_es.records.record import Record
from xlrec_es.vectors.language_centering import LanguageCentering

ENCODER = HashEncoder()
QUICK = Patience(retry_s=20, max_wait_s=0.2)


@pytest.fixture
def target(es: Elasticsearch, index_name: str) -> Target:
    return create_index(
        RunJob("-", index_name),
        source=open_source("-", client=es),
        languages=["en"],
        centering=LanguageCentering.none(),
        encoder=ENCODER,
        cluster=Cluster(es, probe(es)),
    )


@pytest.fixture
def proxy(es_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(es_url) as proxy:
        yield proxy


@pytest.fixture
def writer(proxy: FaultProxy, target: Target) -> Iterator[BulkWriter]:
    with connect(Connection(proxy.url, timeout_s=2)) as client:
        yield BulkWriter(client, target.live.name, patience=QUICK)


def document(id_: str, **source: Any) -> Document:  # noqa: ANN401
    return Document(
        id_, id_, "en", "declared", f"text {id_}", None, source, "hash", Record(source, 1), 1
    )


def operations(target: Target, *ids: str, **source: Any) -> list[Operation]:  # noqa: ANN401
    documents = [document(id_, n=n, **source) for n, id_ in enumerate(ids)]
    vectors = ENCODER.encode([d.text for d in documents])
    return [target.operation(d, v) for d, v in zip(documents, vectors, strict=True)]


def stored(es: Elasticsearch, target: Target) -> dict[str, Any]:
    target.refresh()
    hits = es.search(index=target.live.name, size=1000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"]["n"] for hit in hits}


IDS = [f"id-{n}" for n in range(8)]
ALL = {id_: n for n, id_ in enumerate(IDS)}


def shorter(items: Items) -> Items:
    return items[:-1]


def reordered(items: Items) -> Items:
    return items[::-1]


def item_status(status: int, kind: str) -> Callable[[Items], Items]:
    """The third item was not done: it is, but the answer denies it."""

    def edit(items: Items) -> Items:
        error = {"type": kind, "reason": "try later"}
        items[2]["index"] |= {"status": status, "error": error}
        return items

    return edit


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(DROPPED_BEFORE, id="connection lost before"),
        pytest.param(DROPPED_AFTER, id="connection lost after"),
        pytest.param(Fault(cut="request"), id="connection lost within the request"),
        pytest.param(Fault(cut="applying"), id="connection lost while it is applied"),
        pytest.param(Fault(cut="answer"), id="connection lost within the answer"),
        pytest.param(Fault(wait_s=3), id="timeout, though it was done"),
        pytest.param(Fault(forward=False, status=429), id="429"),
        pytest.param(Fault(forward=False, status=503), id="503"),
        pytest.param(Fault(forward=False, status=500), id="500"),
        pytest.param(Fault(forward=False, status=502, body=b"<html>bad</html>"), id="502 in HTML"),
        pytest.param(Fault(forward=False, status=200, body=b"<html>hi</html>"), id="200 in HTML"),
        pytest.param(Fault(forward=False, status=200, body=b'{"items": ['), id="a cut answer"),
        pytest.param(Fault(forward=False, status=200, body=b"[]"), id="not an object"),
        pytest.param(Fault(edit=shorter), id="one item short"),
        pytest.param(Fault(edit=reordered), id="reordered"),
        pytest.param(Fault(edit=lambda _: []), id="no items"),
        pytest.param(
            Fault(edit=item_status(429, "es_rejected_execution_exception")), id="item 429"
        ),
        pytest.param(Fault(edit=item_status(503, "unavailable_shards_exception")), id="item 503"),
        pytest.param(Fault(edit=item_status(403, "cluster_block_exception")), id="item blocked"),
    ],
)
def test_nothing_is_lost_or_double(
    writer: BulkWriter, proxy: FaultProxy, target: Target, es: Elasticsearch, fault: Fault
) -> None:
    proxy.faults = [fault, fault]
    assert writer.write(operations(target, *IDS)) == Written()
    assert stored(es, target) == ALL
    # A request that is too much for the server is sent again in halves.
    assert len(proxy.bulk_sizes) == (5 if fault.status == 429 else 3)
    assert not proxy.faults


def test_only_unsettled_items_are_sent_again(
    writer: BulkWriter, proxy: FaultProxy, target: Target
) -> None:
    proxy.faults = [Fault(edit=item_status(429, "es_rejected_execution_exception"))]
    writer.write(operations(target, *IDS))
    assert proxy.bulk_sizes == [8, 1]


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_that_one_document_spoils_is_halved(
    writer: BulkWriter, proxy: FaultProxy, target: Target, es: Elasticsearch, status: int
) -> None:
    body = b'{"error": {"root_cause": [{"reason": "poison"}], "reason": "no"}}'
    spoiled = Fault(forward=False, status=status, body=body)
    proxy.when = lambda request: spoiled if b'"id-5"' in request else None
    [refusal] = writer.write(operations(target, *IDS)).refused
    assert (refusal.document.id, refusal.reason) == ("id-5", f"{status}: poison")
    assert stored(es, target) == {id_: n for id_, n in ALL.items() if id_ != "id-5"}
    assert sorted(proxy.bulk_sizes) == [1, 1, 2, 2, 4, 4, 8]


def test_a_document_that_no_memory_is_enough_for_is_refused(
    writer: BulkWriter, proxy: FaultProxy, target: Target, es: Elasticsearch
) -> None:
    """429 for ever: the node would wait for others to end, but there are none."""
    pressure = "rejected execution of coordinating operation [all_bytes=0, "
    pressure += "coordinating_operation_bytes=200, max_coordinating_and_primary_bytes=100]"
    body = f'{{"error": {{"type": "es_rejected_execution_exception", "reason": "{pressure}"}}}}'
    never = Fault(forward=False, status=429, body=body.encode())
    proxy.when = lambda request: never if b'"id-5"' in request else None
    [refusal] = writer.write(operations(target, *IDS)).refused
    assert (refusal.document.id, refusal.reason) == ("id-5", f"429: {pressure}")
    assert stored(es, target) == {id_: n for id_, n in ALL.items() if id_ != "id-5"}

    later = pressure.replace("=200", "=20")  # which fits, once others are done
    body = f'{{"error": {{"type": "es_rejected_execution_exception", "reason": "{later}"}}}}'
    proxy.when = lambda _: None
    proxy.faults = [Fault(forward=False, status=429, body=body.encode())]
    assert writer.write(operations(target, "id-5")) == Written()


def test_an_id_that_elasticsearch_refuses_spoils_nothing_else(
    writer: BulkWriter, target: Target, es: Elasticsearch
) -> None:
    """The whole request fails with 400 for it; the builder would not have let it through."""
    [refusal] = writer.write(operations(target, *IDS[:4], "x" * 513, *IDS[4:])).refused
    assert "is too long, must be no longer than 512 bytes" in refusal.reason
    assert stored(es, target).keys() == set(IDS)


def test_refused_documents_come_back_with_the_reason(
    writer: BulkWriter, target: Target, es: Elasticsearch
) -> None:
    writer.write(operations(target, "first", when="2026-01-01"))
    good, bad = operations(target, "good", "bad", when="2026-01-02")
    bad = target.operation(document("bad", n=1, when="not a date"), ENCODER.encode(["bad"])[0])
    double = target.operation(document("double", n=2), ENCODER.encode(["x"])[0] * 2)
    wrong = target.operation(document("wrong", n=3), np.ones(3, np.float32))
    refusals = {r.document.id: r.reason for r in writer.write([good, bad, double, wrong]).refused}
    assert refusals.keys() == {"bad", "double", "wrong"}
    assert "failed to parse field [when] of type [date]" in refusals["bad"]
    assert "unit-length" in refusals["double"]
    assert all(reason.startswith("400: ") for reason in refusals.values())
    assert stored(es, target).keys() == {"first", "good"}


def test_what_is_older_than_the_index_comes_back(
    writer: BulkWriter, target: Target, es: Elasticsearch
) -> None:
    """Whoever writes without versions of his own can send it again without them."""
    [newer, alone] = [replace(document(id_, n=1), version=9) for id_ in ("a", "b")]
    vector = ENCODER.encode(["x"])[0]
    assert writer.write([target.operation(newer, vector)]) == Written()
    todo = [*operations(target, "a"), target.operation(alone, vector)]
    written = writer.write(todo)
    assert (written.refused, written.superseded) == ([], todo[:1])
    assert stored(es, target) == {"a": 1, "b": 1}


def test_requests_are_bounded_in_bytes_and_items(
    proxy: FaultProxy, target: Target, es: Elasticsearch
) -> None:
    todo = operations(target, *IDS)
    with connect(Connection(proxy.url)) as client:
        by_items = BulkWriter(client, target.live.name, limits=BulkLimits(max_items=3))
        assert by_items.write(todo) == Written()
        assert proxy.bulk_sizes == [3, 3, 2]
        four = 4 * max(len(operation.body) for operation in todo)
        by_bytes = BulkWriter(client, target.live.name, limits=BulkLimits(max_bytes=four))
        proxy.bulk_sizes.clear()
        assert by_bytes.write(todo) == Written()
        assert proxy.bulk_sizes == [4, 4]
        alone = BulkWriter(client, target.live.name, limits=BulkLimits(max_bytes=1))
        proxy.bulk_sizes.clear()
        assert alone.write(todo) == Written()
        assert proxy.bulk_sizes == [1] * 8
        assert alone.write([]) == Written()
    assert stored(es, target) == ALL


def test_a_block_that_is_lifted_is_waited_for(
    writer: BulkWriter, target: Target, es: Elasticsearch
) -> None:
    index = target.live.name
    es.indices.put_settings(index=index, settings={"index.blocks.write": True})

    def lift() -> None:
        time.sleep(1)
        es.indices.put_settings(index=index, settings={"index.blocks.write": False})

    thread = threading.Thread(target=lift)
    thread.start()
    assert writer.write(operations(target, *IDS)) == Written()
    thread.join()
    assert stored(es, target) == ALL


def test_what_does_not_get_through_in_time_is_an_error(
    proxy: FaultProxy, target: Target, es: Elasticsearch
) -> None:
    proxy.when = lambda _: Fault(forward=False, status=429)
    with connect(Connection(proxy.url)) as client:
        patience = Patience(retry_s=0.5, max_wait_s=0.1)
        writer = BulkWriter(client, target.live.name, patience=patience)
        with pytest.raises(WriteError, match=r"has not taken 8 documents for .* because of: 429"):
            writer.write(operations(target, *IDS))
    assert stored(es, target) == {}


def test_no_elasticsearch_is_an_error_in_time(target: Target) -> None:
    with connect(Connection("http://127.0.0.1:9")) as client:
        writer = BulkWriter(client, "any", patience=Patience(retry_s=0.5, max_wait_s=0.1))
        with pytest.raises(WriteError, match="Connection refused"):
            writer.write(operations(target, "a"))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_waiting_does_not_mend_is_an_error_at_once(
    writer: BulkWriter, proxy: FaultProxy, target: Target, status: int
) -> None:
    proxy.when = lambda _: Fault(forward=False, status=status)
    start = time.monotonic()
    with pytest.raises(IndexNotFound if status == 404 else ClusterError):
        writer.write(operations(target, "a"))
    assert time.monotonic() - start < 5
    assert len(proxy.bulk_sizes) == 1


ONE = Named("1")
KINDS: dict[str, Operation[Named]] = {
    "index": Operation.index(ONE, {"title": "x"}, version=7, version_type="external_gte"),
    "update": Operation.update(ONE, {"title": "x"}),
    "delete": Operation.delete(ONE),
    "delete by version": Operation.delete(ONE, version=9, version_type="external"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_index_stays_deleted(es_each: Elasticsearch, index_name: str, kind: str) -> None:
    def filled() -> BulkWriter:
        es_each.indices.create(index=index_name)
        writer = BulkWriter(es_each, index_name)
        writer.write([Operation.index(ONE, {"title": "x"})])
        es_each.indices.delete(index=index_name)
        return writer

    writer = filled()
    with pytest.raises(IndexNotFound, match=f"{index_name} was deleted while it was written to"):
        writer.write([KINDS[kind]])
    with pytest.raises(IndexNotFound):
        BulkWriter(es_each, index_name).write([KINDS[kind]])
    assert not es_each.indices.get(index=f"{index_name}*", expand_wildcards="all").body
    mapping = {"properties": {"mine": {"type": "keyword"}}}
    es_each.indices.create(index=index_name, mappings=mapping)
    with pytest.raises(IndexUnusable, match="made again elsewhere"):
        writer.write([KINDS[kind]])
    assert es_each.indices.get_mapping(index=index_name)[index_name]["mappings"] == mapping
    es_each.indices.refresh(index=index_name)
    assert es_each.count(index=index_name)["count"] == 0
