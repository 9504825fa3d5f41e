"""What becomes of each document of a bulk request, by what Elasticsearch answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import elasticsearch
import numpy as np
import orjson
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import Elasticsearch

from xlrec_es.cluster.bulk import BulkLimits, BulkWriter, Named, Operation, Refusal, Written
from xlrec_es.cluster.retry import Patience
from xlrec_es.errors import ClusterError, IndexNotFound, IndexUnusable, InvalidJson, WriteError

SHORT = Patience(retry_s=0.05, max_wait_s=0.001)
LONG = Patience(retry_s=60, max_wait_s=0.001)
PRESSURE = "coordinating_operation_bytes=%d, max_coordinating_and_primary_bytes=100"
NEVER, LATER = PRESSURE % 101, PRESSURE % 100

Item = dict[str, Any]
Sent = Sequence[tuple[str, str]]
"""Action and id, by operation."""
Answer = Callable[[Sent], Any]


class Node:
    """A client that answers bulk requests with one after the other of these, then with success.

    Attributes:
        sent: By bulk request, the action and the id of each operation.
        asked: What was said in the requests besides.
    """

    def __init__(self, *answers: Answer, uuids: Sequence[str] = ()) -> None:
        self.answers, self.uuids = list(answers), list(uuids)
        self.sent: list[Sent] = []
        self.bytes: list[int] = []
        self.asked: list[dict[str, Any]] = []
        self.indices = self
        self.transport = Elasticsearch("http://127.0.0.1:1").transport

    def options(self, **options: int) -> Node:
        self.asked.append(options)
        return self

    def get_settings(self, **asked: Any) -> SimpleNamespace:  # noqa: ANN401
        self.asked.append(asked)
        uuid = self.uuids.pop(0) if self.uuids else "u1"
        if not uuid:
            raise elasticsearch.NotFoundError("no such index", meta(404), {})
        return SimpleNamespace(body={"shop-v1": {"settings": {"index.uuid": uuid}}})

    def bulk(self, *, operations: bytes, **asked: Any) -> SimpleNamespace:  # noqa: ANN401
        self.asked.append(asked)
        self.bytes.append(len(operations))
        lines = [orjson.loads(line) for line in operations.splitlines()]
        named = [one.popitem() for one in lines if one.keys() <= {"index", "update", "delete"}]
        sent = [(action, about["_id"]) for action, about in named]
        self.sent.append(sent)
        answer = (self.answers.pop(0) if self.answers else done)(sent)
        return SimpleNamespace(body=answer)


def meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "127.0.0.1", 9200))


def done(sent: Sent) -> dict[str, Any]:
    return {"items": [{action: {"_id": id_, "status": 200}} for action, id_ in sent]}


def item(id_: str, status: int, kind: str = "some_exception", **error: Any) -> Answer:  # noqa: ANN401
    """All are done but one."""

    def answer(sent: Sent) -> dict[str, Any]:
        told = done(sent)
        for entry, (action, sent_id) in zip(told["items"], sent, strict=True):
            if sent_id == id_:
                entry[action] |= {"status": status, "error": {"type": kind, **error}}
        return told

    return answer


def fails(status: int, reason: str = "no") -> Answer:
    def answer(_: Sent) -> Any:  # noqa: ANN401
        body = {"error": {"reason": reason, "root_cause": [{"reason": reason}]}}
        kind = elasticsearch.exceptions.HTTP_EXCEPTIONS.get(status, elasticsearch.ApiError)
        raise kind("failed", meta(status), body)

    return answer


def lost(_: Sent) -> Any:  # noqa: ANN401
    raise elasticsearch.ConnectionError("connection lost\nin three places")


def writer(node: Node, patience: Patience = LONG, **options: Any) -> BulkWriter:  # noqa: ANN401
    return BulkWriter(cast("Elasticsearch", node), "shop-v1", patience=patience, **options)


def index(*ids: str) -> list[Operation[Named]]:
    return [Operation.index(Named(id_), {"title": "x"}) for id_ in ids]


UPDATE = Operation.update(Named("b"), {"title": "x"})
UPDATE_IF = Operation.update(Named("b"), {"title": "x"}, if_seq_no=7, if_primary_term=1)
DELETE = Operation.delete(Named("b"))
INDEX = index("b")[0]


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (INDEX, item("b", 429, "es_rejected_execution_exception", reason="busy")),
        (INDEX, item("b", 502, reason="gateway")),
        (INDEX, item("b", 503, "unavailable_shards_exception", reason="no shard")),
        (INDEX, item("b", 504, reason="gateway")),
        (INDEX, item("b", 403, "cluster_block_exception", reason="disk")),
        (UPDATE, item("b", 409, "version_conflict_engine_exception", reason="meanwhile")),
    ],
)
def test_what_passes_is_sent_again_alone(operation: Operation[Named], answer: Answer) -> None:
    node = Node(answer, answer)
    one = writer(node)
    assert one.write([*index("a"), operation, *index("c")]) == Written()
    assert [[id_ for _, id_ in sent] for sent in node.sent] == [["a", "b", "c"], ["b"], ["b"]]
    assert one.retries == 2


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (INDEX, item("b", 409, "version_conflict_engine_exception")),
        (DELETE, item("b", 409, "version_conflict_engine_exception")),
        (UPDATE_IF, item("b", 409, "version_conflict_engine_exception")),
        (UPDATE, item("b", 404, "document_missing_exception")),
        (UPDATE_IF, item("b", 404, "document_missing_exception")),
    ],
)
def test_what_somebody_wrote_since_comes_back(operation: Operation[Named], answer: Answer) -> None:
    node = Node(answer)
    todo = [*index("a"), operation, *index("c")]
    assert writer(node).write(todo) == Written(superseded=[operation])
    assert len(node.sent) == 1


SECURITY = "security_exception"


@pytest.mark.parametrize(
    ("operation", "answer", "reason"),
    [
        (INDEX, item("b", 400, reason="no date"), "400: no date"),
        (INDEX, item("b", 400), "400: refused"),
        (INDEX, item("b", 400, reason="no", caused_by={"reason": "why"}), "400: no: why"),
        (INDEX, item("b", 400, reason="no [why]", caused_by={"reason": "why"}), "400: no [why]"),
        (INDEX, item("b", 400, reason="no", caused_by=None), "400: no"),
        (UPDATE, item("b", 404, reason="elsewhere"), "404: elsewhere"),
        (
            INDEX,
            item("b", 403, SECURITY, reason="no"),
            "403: no; what a key needs is printed by: xlrec-es role writer",
        ),
        (
            DELETE,
            item("b", 403, SECURITY, reason="no"),
            "403: no; what a key needs is printed by: xlrec-es role writer --deletes",
        ),
    ],
)
def test_what_is_refused_comes_back_with_the_reason(
    operation: Operation[Named], answer: Answer, reason: str
) -> None:
    node = Node(answer)
    written = writer(node).write([*index("a"), operation, *index("c")])
    assert written == Written(refused=[Refusal(operation.document, reason)])
    assert len(node.sent) == 1


def test_a_deletion_of_what_was_not_there_is_done() -> None:
    def answer(sent: Sent) -> dict[str, Any]:
        return {"items": [{"delete": {"_id": id_, "status": 404}} for _, id_ in sent]}

    assert writer(Node(answer)).write([DELETE]) == Written()


def test_what_no_memory_is_enough_for_is_refused_once_it_is_alone() -> None:
    pressed = item("b", 429, reason=NEVER)
    node = Node(pressed, pressed)
    written = writer(node).write(index("a", "b", "c", "d"))
    assert written.refused == [Refusal(Named("b"), f"429: {NEVER}")]
    assert [len(sent) for sent in node.sent] == [4, 1]
    written = writer(Node(fails(429, NEVER))).write(index("b"))  # or said of the whole request
    assert written.refused == [Refusal(Named("b"), f"429: {NEVER}")]
    for later in (item("b", 429, reason=LATER), fails(429, LATER)):
        node = Node(later)
        assert writer(node).write(index("b")) == Written()
        assert [len(sent) for sent in node.sent] == [1, 1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: "<html>", "an answer that does not fit the request"),
        (lambda _: {}, "an answer that does not fit the request"),
        (lambda sent: done(sent[:-1]), "an answer that does not fit the request"),
        (lambda sent: done(sent[::-1]), "an answer that does not fit the request"),
        (fails(429, "busy"), "429: busy"),
        (fails(500, "bug"), "500: bug"),
        (fails(503, "away"), "503: away"),
        (lost, r"connection lost\. Run this again"),
        (item("a", 503, reason="no shard"), "503 no shard"),
        (item("a", 503), r"503 \. Run"),
    ],
)
def test_what_does_not_get_through_is_sent_again_until_time_is_up(
    answer: Answer, reason: str
) -> None:
    node = Node(answer)
    once = writer(node)
    assert once.write(index("a", "b")) == Written()
    assert (once.retries, node.sent[1][0]) == (1, ("index", "a"))
    node = Node(*[answer] * 1000)
    started = time.monotonic()
    with pytest.raises(WriteError, match=f"not taken [12] documents for 0 s, .* of: {reason}"):
        writer(node, SHORT).write(index("a", "b"))
    assert 0.02 < time.monotonic() - started < 10


def test_a_request_may_have_a_patience_of_its_own() -> None:
    with pytest.raises(WriteError, match="1 documents for 0 s"):
        writer(Node(*[lost] * 1000)).write(index("a"), patience=SHORT)


def test_what_is_too_much_is_sent_again_in_halves() -> None:
    node = Node(*[fails(429)] * 3)
    one = writer(node)
    assert one.write(index(*"abcdefgh")) == Written()
    # All at once; then in halves, of which two are refused; then those in quarters.
    assert [len(sent) for sent in node.sent] == [8, 4, 4, 2, 2, 2, 2]
    assert sorted(id_ for sent in node.sent[3:] for _, id_ in sent) == list("abcdefgh")
    assert one.retries == 2
    assert one.requests.limit == 2  # 4, halved twice, and one more for the success
    node = Node(*[fails(503)] * 2)
    assert writer(node).write(index(*"abcd")) == Written()
    assert [len(sent) for sent in node.sent] == [4, 4, 4]
    node = Node(*[fails(429)] * 4)
    assert writer(node).write(index("a")) == Written()  # it cannot be halved
    assert [len(sent) for sent in node.sent] == [1] * 5


def test_what_one_part_says_is_not_lost_by_another() -> None:
    node = Node(fails(429), fails(429, "busy"), item("c", 400, reason="bad"))
    written = writer(node).write(index(*"abcd"))
    assert written.refused == [Refusal(Named("c"), "400: bad")]
    assert [[id_ for _, id_ in sent] for sent in node.sent] == [
        *(["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["a"], ["b"])
    ]

    def answer(sent: Sent) -> dict[str, Any]:
        if ("index", "a") in sent:
            fails(503, "busy")(sent)
        return done(sent)

    node = Node(fails(429, "first"), *[answer] * 1000)
    with pytest.raises(WriteError, match=r"not taken 1 documents .*: 503: busy"):
        writer(node, SHORT).write(index("a", "b"))


@pytest.mark.parametrize("status", [400, 413])
def test_what_spoils_a_request_is_found_by_halves(status: int) -> None:
    def answer(sent: Sent) -> dict[str, Any]:
        if ("index", "d") in sent:
            fails(status, "poison")(sent)
        return item("a", 400, reason="bad")(sent)

    node = Node(*[answer] * 20)
    written = writer(node).write(index(*"abcdefg"))
    assert sorted(written.refused, key=lambda one: one.document.id) == [
        Refusal(Named("a"), "400: bad"),
        Refusal(Named("d"), f"{status}: poison"),
    ]
    assert [len(sent) for sent in node.sent] == [7, 3, 4, 2, 1, 1, 2]


@pytest.mark.parametrize(
    ("status", "error"), [(401, ClusterError), (403, ClusterError), (404, IndexNotFound)]
)
def test_what_waiting_does_not_mend_is_an_error(status: int, error: type[Exception]) -> None:
    node = Node(fails(status))
    with pytest.raises(error):
        writer(node).write(index("a"))
    assert len(node.sent) == 1


def test_nothing_is_written_into_another_index_of_the_name() -> None:
    for known in (None, "u1"):
        node = Node(uuids=["u1", "u1", "u2"])
        one = writer(node, uuid=known, limits=BulkLimits(max_items=1))
        with pytest.raises(IndexUnusable, match="shop-v1 was deleted and made again"):
            one.write(index("a", "b", "c"))
        assert node.sent == [[("index", "a")], [("index", "b")]]
    with pytest.raises(IndexUnusable, match="made again"):
        writer(Node(), uuid="u0").write(index("a"))
    node = Node(uuids=[""])
    with pytest.raises(IndexNotFound, match="shop-v1 was deleted while it was written to"):
        writer(node).write(index("a"))
    assert node.sent == []


def test_what_is_asked_for() -> None:
    node = Node()
    writer(node).write(index("a"))
    options, settings, bulk = node.asked
    assert options == {"max_retries": 0}  # the client would send what is done already
    assert settings == {"index": "shop-v1", "name": "index.uuid", "flat_settings": True}
    parts = ("_id", "status", "error.type", "error.reason", "error.caused_by.reason")
    assert bulk == {
        "index": "shop-v1",
        "filter_path": ",".join(f"items.*.{part}" for part in parts),
    }


def test_requests_are_as_large_as_they_may_be() -> None:
    todo = index(*"abcde")
    one = len(todo[0].body)
    for limits, sizes in (
        (BulkLimits(max_items=2), [2, 2, 1]),
        (BulkLimits(max_bytes=2 * one), [2, 2, 1]),
        (BulkLimits(max_bytes=2 * one + 1), [2, 2, 1]),
        (BulkLimits(max_bytes=2 * one - 1), [1] * 5),
        (BulkLimits(max_bytes=1), [1] * 5),
        (BulkLimits(max_bytes=4 * one, max_items=3), [3, 2]),
        (None, [5]),
    ):
        node = Node()
        assert writer(node, limits=limits).write(todo) == Written()
        assert [len(sent) for sent in node.sent] == sizes
        assert node.bytes == [size * one for size in sizes]
    node = Node()
    assert writer(node).write([]) == Written()
    assert node.sent == []


def test_as_many_requests_are_under_way_as_the_limits_say() -> None:
    assert writer(Node(), limits=BulkLimits(max_requests=2)).requests.limit == 2
    node, during = Node(), []
    one = writer(node)

    def answer(sent: Sent) -> dict[str, Any]:
        during.append(one.requests.bytes)
        return done(sent)

    node.answers = [answer]
    one.write(index("a", "b"))
    assert during == node.bytes
    assert one.requests.bytes == 0


def test_an_operation_is_a_line_for_the_action_and_one_for_the_document() -> None:
    def lines(operation: Operation[Named]) -> list[Any]:
        assert operation.body.endswith(b"\n")
        return [orjson.loads(line) for line in operation.body.splitlines()]

    made = Operation.index(Named("1"), {"v": np.ones(2, np.float32)}, version=3, routing="r")
    assert lines(made) == [{"index": {"_id": "1", "version": 3, "routing": "r"}}, {"v": [1, 1]}]
    made = Operation.update(Named("1"), {"v": 1}, routing="r")
    assert lines(made) == [{"update": {"_id": "1", "routing": "r"}}, {"doc": {"v": 1}}]
    assert not made.conditional
    made = Operation.update(Named("1"), {"v": 1}, if_seq_no=0)
    assert lines(made) == [{"update": {"_id": "1", "if_seq_no": 0}}, {"doc": {"v": 1}}]
    assert made.conditional
    made = Operation.delete(Named("1"), version=3)
    assert lines(made) == [{"delete": {"_id": "1", "version": 3}}]
    assert not made.conditional
    with pytest.raises(InvalidJson):
        Operation.index(Named("1"), {"v": "\ud800"})
