"""What a worker asks an index about its documents, and what it writes for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import orjson
import pytest
from elasticsearch import Elasticsearch

from ingest.documents.document import Deletion, Document
from ingest.write import target_index
from ingest.write.target_index import Compared, Earlier, Target
from made_versions import META
from xlrec_es.cluster.bulk import BulkWriter, Written
from xlrec_es.cluster.capabilities import Capabilities
from xlrec_es.cluster.retry import NotReady, Patience
from xlrec_es.errors import AliasMoved, IndexNotFound
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.records.record import Record
from xlrec_es.vectors.vector import pack

FINGERPRINT = META.fingerprint.digest
VECTOR = np.array([1, 0, 0, 0], np.float32)
LIVE = LiveIndex("shop-xlrec-v1", replace(META, analyzers={"de": "german", "en": "english"}))


class Node:
    """A client that has these documents, by id and routing.

    Attributes:
        asked: What was asked for.
        errors: Of documents, by id; each is told once.
    """

    def __init__(self, *stored: dict[str, Any]) -> None:
        self.stored = {(one["_id"], one.get("routing")): one["_source"] for one in stored}
        self.asked: list[tuple[Any, ...]] = []
        self.errors: dict[str, dict[str, str]] = {}
        self.indices = self
        self.transport = Elasticsearch("http://127.0.0.1:1").transport

    def options(self, *, max_retries: int) -> Node:
        assert max_retries == 0
        return self

    def perform_request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str],
        headers: dict[str, str],
        body: dict[str, Any],
    ) -> SimpleNamespace:
        json = "application/json"
        assert (method, headers) == ("POST", {"accept": json, "content-type": json})
        self.asked.append((path, params, body))
        return SimpleNamespace(body={"docs": [self._entry(one) for one in body["docs"]]})

    def _entry(self, one: dict[str, str]) -> dict[str, Any]:
        if one["_id"] in self.errors:
            return {"_id": one["_id"], "error": self.errors.pop(one["_id"])}
        source = self.stored.get((one["_id"], one.get("routing")))
        found = {} if source is None else {"_source": source}
        return {"_id": one["_id"], "found": source is not None, **found}

    def refresh(self, *, index: str) -> None:
        self.asked.append(("refresh", index))


def target(node: Node, version: tuple[int, int, int] = (8, 19, 0), **meta: Any) -> Target:  # noqa: ANN401
    live = replace(LIVE, meta=replace(LIVE.meta, **meta))
    can = Capabilities(version, "basic", frozenset(), frozenset({"german", "english", "french"}))
    patience = Patience(retry_s=60, max_wait_s=0.001)
    return Target(cast("Elasticsearch", node), live, can, patience)


def document(id_: str = "1", routing: str | None = None, **changes: Any) -> Document:  # noqa: ANN401
    record = Record({"id": id_}, 1, routing=routing)
    made = Document(id_, id_, "de", "declared", "Tee", None, {"id": id_}, "h1", record, 7)
    return replace(made, **{"record_id": id_, **changes})


def stored(id_: str = "1", routing: str | None = None, **own: Any) -> dict[str, Any]:  # noqa: ANN401
    """As it was written for `document`."""
    of_ours = {
        **{"language": "de", "work": id_, "content_hash": "h1", "fingerprint": FINGERPRINT},
        **{"text": {"de": "Tee"}, "embedding": VECTOR.tolist()},
    }
    source = {"id": id_, "xlrec": {**of_ours, **own}}
    return {"_id": id_, "_source": source, **({"routing": routing} if routing else {})}


def test_what_is_there_as_it_is_now_is_unchanged() -> None:
    node = Node(
        stored("1"),
        stored("1", "r", content_hash="h0"),
        stored("3", fingerprint="another"),
        stored("4", content_hash=None),
    )
    documents = [document("1"), document("1", "r"), document("2"), document("3"), document("4")]
    found = target(node).compare(documents)
    assert found.unchanged == {"1"}
    assert found.earlier.keys() == {"1\0r", "3", "4"}
    assert found.taken == {}
    first, second = node.asked
    path, params, body = first
    assert path == "/shop-xlrec-v1/_mget"
    includes = "xlrec.content_hash,xlrec.fingerprint,xlrec.language,xlrec.work,id"
    shown = "docs._id,docs.found,docs.error,docs._source,docs._version"
    assert params == {"_source_includes": includes, "filter_path": shown}
    assert body["docs"][:2] == [{"_id": "1"}, {"_id": "1", "routing": "r"}]
    assert second[1]["_source_includes"] == "xlrec"
    assert second[2]["docs"] == [{"_id": "1", "routing": "r"}, {"_id": "3"}, {"_id": "4"}]
    node = Node(stored("1"))
    assert target(node).compare([document("1")]) == Compared({"1"}, {})
    assert len(node.asked) == 1  # nothing has changed, so nothing is read whole


def test_vectors_are_asked_for_where_they_are_hidden() -> None:
    for version, hidden in (((9, 1, 9), False), ((9, 2, 0), True)):
        node = Node()
        target(node, version, source={"fields": {"id": "sku"}}).compare([document()])
        [(_, params, _)] = node.asked
        assert params.get("_source_exclude_vectors") == ("false" if hidden else None)
        assert params["_source_includes"].endswith("xlrec.work,sku")


LEARNED = {"indicators": ["a"], "generation": 3, "evidence": 0.5}


@pytest.mark.parametrize(
    ("own", "changes", "vector", "learned"),
    [
        ({}, {}, VECTOR, {}),
        ({"text": {"de": "Kaffee"}}, {}, None, {}),
        ({"text": {"en": "Tee"}}, {}, None, {}),
        ({"fingerprint": "another"}, {}, None, {}),
        (LEARNED, {}, VECTOR, LEARNED),
        ({**LEARNED, "popularity": 0.7}, {}, VECTOR, {**LEARNED, "popularity": 0.7}),
        ({**LEARNED, "popularity": 0.7}, {"popularity": 0.2}, VECTOR, LEARNED),
        ({"popularity": 0.7}, {}, VECTOR, {}),
    ],
)
def test_of_a_document_that_changed_stays_what_is_the_same(
    own: dict[str, Any],
    changes: dict[str, Any],
    vector: np.ndarray | None,
    learned: dict[str, Any],
) -> None:
    node = Node(stored(**own))
    [earlier] = target(node).compare([document(content_hash="h2", **changes)]).earlier.values()
    np.testing.assert_equal(earlier.vector, vector)
    assert earlier.vector is None or earlier.vector.dtype == np.float32
    assert earlier.learned == learned
    bare = stored()
    del bare["_source"]["xlrec"]["embedding"]
    [earlier] = target(Node(bare)).compare([document(content_hash="h2")]).earlier.values()
    assert earlier == Earlier(None, {})


def test_nobody_takes_the_place_of_another_records_document() -> None:
    version = stored("7@de", work="7")
    version["_source"]["id"] = "7"
    found = target(Node(version)).compare([document("7@de")])
    assert found.taken.keys() == {"7@de"}
    assert found.taken["7@de"].startswith("a language version of record '7' has the id '7@de'")
    assert (found.unchanged, found.earlier) == (set(), {})
    for record in ("7", None):  # its own record, or one that nobody knows
        found = target(Node(version)).compare([document("7@de", record_id=record)])
        assert found == Compared({"7@de"}, {})
    companion = stored("7@de", work="w")  # which has no id of the record
    del companion["_source"]["id"]
    assert target(Node(companion)).compare([document("7@de", work="w")]).taken == {}
    assert target(Node(companion)).compare([document("7@de", work="v")]).taken.keys() == {"7@de"}


def test_an_answer_without_a_shard_is_asked_for_again() -> None:
    node = Node(stored())
    node.errors["1"] = {"type": "no_shard_available_action_exception", "reason": "away"}
    assert target(node).compare([document()]) == Compared({"1"}, {})
    assert len(node.asked) == 2
    node.errors["1"] = {"type": "routing_missing_exception"}
    assert target(node).compare([document()]) == Compared(set(), {})
    assert len(node.asked) == 3


def test_a_shard_that_stays_away_is_named_and_no_answer_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = Node(stored())
    node.errors["1"] = {"type": "no_shard_available_action_exception", "reason": "no shard 3"}
    short = Patience(retry_s=0.0)
    can = Capabilities((8, 19, 0), "basic", frozenset(), frozenset())
    with pytest.raises(NotReady, match="no shard 3"):
        Target(cast("Elasticsearch", node), LIVE, can, short).compare([document()])
    answer = SimpleNamespace(body={"docs": []})
    monkeypatch.setattr(node, "perform_request", lambda *_, **__: answer)
    with pytest.raises(ValueError, match="shorter"):
        target(node).compare([document()])


def test_a_deletion_is_of_all_documents_of_its_record() -> None:
    def version(id_: str) -> dict[str, Any]:
        one = stored(id_, work="7", language=id_[-2:])
        one["_source"]["id"] = "7"
        return one

    node = Node(version("7@de"), version("7@en"), stored("8"), stored("8", "r"), version("7@fr"))
    gone = [Deletion(id_, Record({}, 1, routing=None), 9) for id_ in ("7", "8", "9")]
    there, refused = target(node).existing(gone)
    assert [(one.id, one.version) for one in there] == [("7@de", 9), ("7@en", 9), ("8", 9)]
    assert refused == []
    [(_, params, body)] = node.asked
    assert params["_source_includes"] == "xlrec.language,xlrec.work,id"
    assert [one["_id"] for one in body["docs"][:3]] == ["7", "7@de", "7@en"]
    there, [refusal] = target(node).existing([Deletion("7@en", Record({"x": 1}, 5), 9)])
    assert there == []
    assert (refusal.position, refusal.stage, refusal.document) == (5, "document", "7@en")
    assert refusal.reason == "'7@en' is a language version of record '7'; delete that record"
    [routed], _ = target(node).existing([Deletion("8", Record({}, 1, routing="r"), 9)])
    assert routed.key == "8\0r"


def lines(operation: Any) -> list[Any]:  # noqa: ANN401
    return [orjson.loads(line) for line in operation.body.splitlines()]


def test_a_document_is_written_under_its_version() -> None:
    earlier = Earlier(None, {**LEARNED, "fingerprint": "older"})
    one = document("1", "r", popularity=0.5)
    action, source = lines(target(Node()).operation(one, VECTOR, earlier))
    about = {"_id": "1", "routing": "r", "version": 7, "version_type": "external_gte"}
    assert action == {"index": about}
    own = source.pop("xlrec")
    assert source == {"id": "1"}
    written = datetime.fromisoformat(own.pop("ingested_at"))
    assert abs((written - datetime.now(UTC)).total_seconds()) < 60
    assert own == {
        **{"id": "1", "language": "de", "language_source": "declared", "work": "1"},
        **{"text": {"de": "Tee"}, "content_hash": "h1", "fingerprint": FINGERPRINT},
        **{"embedding": VECTOR.tolist(), "popularity": 0.5},
        **LEARNED,
    }
    _, source = lines(target(Node(), (9, 3, 0)).operation(document(), VECTOR))
    assert source["xlrec"]["embedding"] == pack(VECTOR)
    assert "popularity" not in source["xlrec"]
    [action] = lines(target(Node()).deletion(Deletion("1", Record({}, 1, routing="r"), 9)))
    assert action == {"delete": {**about, "version": 9}}


def test_changes_are_written_by_the_writer() -> None:
    changes = [target(Node()).operation(document(), VECTOR)]
    writer = SimpleNamespace(write=lambda given: Written(superseded=given))
    assert target(Node()).write(cast("BulkWriter", writer), changes).superseded == changes


def test_an_index_gets_languages_as_it_is_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    seen = replace(LIVE, meta=replace(LIVE.meta, analyzers={**LIVE.meta.analyzers, "it": "own"}))
    monkeypatch.setattr(target_index, "find_live", lambda *_: seen)
    update: Callable[..., LiveIndex] = lambda _, live, meta: replace(live, meta=meta)  # noqa: E731
    monkeypatch.setattr(target_index, "update_meta", update)
    one = target(node)
    one.add_languages(["de"])
    assert one.live.meta.analyzers == LIVE.meta.analyzers  # it has it, so nobody asks
    one.add_languages(["de", "fr", "it", "nl"])
    expected = {"de": "german", "en": "english", "it": "own", "fr": "french", "nl": "standard"}
    assert one.live.meta.analyzers == expected
    assert one.poorly_analyzed == ["nl"]


def test_a_run_learns_that_its_name_stands_for_another_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = Node()
    one = target(node)
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(target_index, "find_live", lambda *given: asked.append(given) or LIVE)
    one.check_is_live("shop")
    assert asked == [(node, "shop")]
    monkeypatch.setattr(target_index, "find_live", lambda *_: replace(LIVE, name="shop-xlrec-v2"))
    with pytest.raises(AliasMoved, match="shop was swapped from shop-xlrec-v1 to ") as error:
        one.check_is_live("shop")
    assert error.value.live == "shop-xlrec-v2"


def test_an_index_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[tuple[Any, ...]] = []

    def find_live(client: object, name: str, *, to_write: bool) -> LiveIndex:
        assert (client, to_write) == (node, True)
        if name != "shop":
            raise IndexNotFound("no such index")
        return LIVE

    node = cast("Elasticsearch", Node())
    monkeypatch.setattr(target_index, "find_live", find_live)
    monkeypatch.setattr(target_index, "check_given_back", lambda *given: checked.append(given))
    assert target_index.find(node, "books") is None
    assert target_index.find(node, "shop") == LIVE
    [(client, index, names)] = checked
    assert (client, index) == (node, "shop-xlrec-v1")
    assert {"indicators", "evidence", "market_popularity"} <= set(names)


def test_what_was_written_is_made_visible() -> None:
    node = Node()
    target(node).refresh()
    assert node.asked == [("refresh", "shop-xlrec-v1")]
