"""Events wait out what befalls their index, and one that is at fault holds up no other."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from http_service import Service, service
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.service.feedback.spool import Document, Spool

SPOOL = "spool"


@pytest.fixture
def index(catalog_name: str) -> str:
    """A name for events, deleted with the catalogue."""
    return f"{catalog_name}-e{uuid.uuid4().hex[:8]}"


@pytest.fixture
def start(
    es: Elasticsearch, catalog_name: str, es_url: str, index: str, tmp_path: Path
) -> Iterator[Callable[[], Service]]:
    """Starts a service that keeps events in the index."""
    options = ("-i", catalog_name, "--url", es_url, "--spool", str(tmp_path / SPOOL))
    started: list[Service] = []

    def run() -> Service:
        started.append(Service.start(tmp_path, *options, "--events-index", index))
        return started[-1]

    yield run
    for one in started:
        one.stop()


def send(served: Service, *ids: str, user: str = "ann") -> None:
    events = [{"user": user, "item": "chess-1", "id": id_} for id_ in ids]
    assert served.post("/v1/events", {"events": events}).status == 202


def ids_in(es: Elasticsearch, index: str, expected: set[str], seconds: float = 20.0) -> set[str]:
    """The ids of an index, once they are those expected or time is up."""
    end, found = time.monotonic() + seconds, set[str]()
    while found != expected and time.monotonic() < end:
        time.sleep(0.2)
        if es.indices.exists(index=index):
            es.indices.refresh(index=index)
            found = {hit["_id"] for hit in es.search(index=index, size=100)["hits"]["hits"]}
    return found


def rejected(folder: Path) -> list[str]:
    path = folder / SPOOL / "rejected.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["id"] for line in lines]


def test_an_id_that_fails_a_whole_request_holds_up_no_other(
    es: Elasticsearch, es_url: str, index: str, start: Callable[[], Service], tmp_path: Path
) -> None:
    long = "é" * 300

    async def left_by_an_older_version() -> None:
        spool = Spool(tmp_path / SPOOL, cluster=es_url)
        ids = ["before", long, "after"]
        await spool.put([Document(index, id_, b'{"user": "ann", "item": "a"}') for id_ in ids])
        await spool.put([Document(f"{index}-shown", "shown", b'{"user": "ann"}')])
        await spool.close()

    asyncio.run(left_by_an_older_version())
    served = start()
    assert ids_in(es, index, {"before", "after"}) == {"before", "after"}
    assert ids_in(es, f"{index}-shown", {"shown"}) == {"shown"}
    assert rejected(tmp_path) == [long]
    refused = served.post("/v1/events", {"events": [{"user": "ann", "item": "a", "id": long}]})
    assert (refused.status, "512 bytes" in refused.json["detail"]) == (422, True)
    assert "é" not in served.log.read_text("utf-8")


def test_events_wait_for_an_index_that_is_closed_or_has_nowhere_to_write(
    es: Elasticsearch, index: str, start: Callable[[], Service], tmp_path: Path
) -> None:
    served = start()
    send(served, "first")
    assert ids_in(es, index, {"first"}) == {"first"}
    es.indices.close(index=index)
    send(served, "while closed")
    time.sleep(1)
    assert "is closed; open it with" in served.log.read_text("utf-8")
    es.indices.open(index=index)
    assert ids_in(es, index, {"first", "while closed"}) == {"first", "while closed"}
    es.indices.delete(index=index)
    for number in (1, 2):
        es.indices.create(index=f"{index}-{number}", aliases={index: {}})
    send(served, "while rolled over")
    time.sleep(1)
    alias = {"index": f"{index}-2", "alias": index, "is_write_index": True}
    es.indices.update_aliases(actions=[{"add": alias}])
    assert ids_in(es, index, {"while rolled over"}) == {"while rolled over"}
    assert not rejected(tmp_path)


def test_an_index_that_is_deleted_is_made_with_its_types_again(
    es: Elasticsearch, index: str, start: Callable[[], Service]
) -> None:
    served = start()
    send(served, "first")
    assert ids_in(es, index, {"first"}) == {"first"}
    es.indices.delete(index=index)
    send(served, "second")
    assert ids_in(es, index, {"second"}) == {"second"}
    mapping = es.indices.get_mapping(index=index).body[index]["mappings"]["properties"]
    assert mapping["user"] == {"type": "keyword"}


def test_the_log_says_nothing_of_what_was_refused(
    es: Elasticsearch, index: str, start: Callable[[], Service], tmp_path: Path
) -> None:
    es.indices.create(index=index, mappings={"properties": {"user": {"type": "long"}}})
    served = start()
    send(served, "secret-id", user="secret-user")
    end = time.monotonic() + 20
    while not rejected(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert rejected(tmp_path) == ["secret-id"]
    log = served.log.read_text("utf-8")
    assert "1 events were refused (document_parsing_exception)" in log
    assert "secret" not in log


def test_a_lock_that_cannot_be_taken_is_told_and_tried_again(
    es: Elasticsearch, index: str, start: Callable[[], Service], tmp_path: Path
) -> None:
    lock = tmp_path / SPOOL / "delivery.lock"
    lock.mkdir(parents=True)
    served = start()
    send(served, "first")
    time.sleep(1)
    assert "cannot be locked" in served.log.read_text("utf-8")
    lock.rmdir()
    assert ids_in(es, index, {"first"}) == {"first"}


def test_a_list_that_was_shown_has_no_more_retrievers_than_there_can_be(
    served: Service, catalog_name: str
) -> None:
    item = {"id": "chess-1", "retrievers": {f"r{number}": {"rank": 1} for number in range(33)}}
    refused = served.post("/v1/impressions", {"user": "ann", "items": [item]})
    assert (refused.status, "retrievers" in refused.json["detail"]) == (422, True)


def shown_list(
    served: Service, user: str, variant: str, **more: object
) -> tuple[str, list[dict[str, Any]]]:
    """Ask for a list, and say that it was shown; its id and its items."""
    asked = {"history": ["chess-3"], "languages": ["ja", "de"], "size": 4}
    found = served.post("/v1/recommend", asked).json
    list_id = uuid.uuid4().hex
    told = {"user": user, "variant": variant, "items": found["items"], "id": list_id, **more}
    assert served.post("/v1/impressions", told).status == 202
    return list_id, found["items"]


def clicked(served: Service, user: str, item: str, **shown: object) -> None:
    event = {"user": user, "item": item, "event": "click", "shown": shown}
    assert served.post("/v1/events", {"events": [event]}).status == 202


def documents_of(es: Elasticsearch, index: str, count: int) -> list[dict[str, Any]]:
    """The documents of an index, once there are so many."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.2)
        if es.indices.exists(index=index):
            es.indices.refresh(index=index)
            hits = es.search(index=index, size=1000)["hits"]["hits"]
            if len(hits) == count:
                return [{"_id": hit["_id"], **hit["_source"]} for hit in hits]
    raise AssertionError(f"{index} does not get {count} documents")


def test_a_click_names_the_list_in_which_it_was_shown(
    es: Elasticsearch, es_url: str, catalog_name: str, tmp_path: Path
) -> None:
    """One user sees one item in two lists of one variant, and clicks it in the second alone."""
    shown, events = f"{catalog_name}-seen", f"{catalog_name}-clicked"
    options = ("-i", catalog_name, "--url", es_url, "--spool", str(tmp_path / SPOOL))
    options += ("--events-index", events, "--impressions-index", shown)
    with service(tmp_path, *options) as served:
        shown_list(served, "ann", "a", languages={"ja": 0.5, "de": 0.5}, degraded=["a shard"])
        second, items = shown_list(served, "ann", "a", languages=["ja"])
        shown_list(served, "ben", "b")
        place = {"query_id": second, "place": 2, "variant": "a", "language": items[1]["language"]}
        place["retrievers"] = items[1]["retrievers"]
        for _ in range(2):  # a double click
            clicked(served, "ann", items[1]["id"], **place)
        seen = documents_of(es, shown, 12)
        [click] = documents_of(es, events, 1)
    joined = next(one for one in seen if one["_id"] == click["impression"])
    for name in ("user", "item", "query_id", "place", "variant", "language", "retrievers"):
        assert click[name] == joined[name], name
    assert {(tuple(s["languages_asked"] or ()), s["degraded"]) for s in seen} == {
        (("ja", "de"), True), (("ja",), False), ((), False)
    }  # fmt: skip
    arguments = ["compare-logs", f"index:{shown}", "--clicks", f"index:{events}", "--url", es_url]
    report = json.loads(CliRunner().invoke(xlrec_es, [*arguments, "--json"]).stdout)
    assert {name: one["clicks"] for name, one in report["variants"].items()} == {"a": 1, "b": 0}
    assert report["log"] == {"rows": 12}
    done = CliRunner().invoke(xlrec_es, [*arguments, "--ubi"])
    assert "no field 'event_attributes.object.object_id'" in done.output


def test_events_are_written_and_read_by_the_names_of_ubi(
    es: Elasticsearch, es_url: str, catalog_name: str, tmp_path: Path
) -> None:
    log = f"{catalog_name}-ubi"
    config = tmp_path / "xlrec.toml"
    config.write_text(
        f'[history]\nindex = "{log}"\nuser = "user_id"\nevent = "action_name"\n'
        'item = "event_attributes.object.object_id"\ntime = "timestamp"\n'
        'place = "event_attributes.position.ordinal"\n'
    )
    options = ("-i", catalog_name, "--url", es_url, "--spool", str(tmp_path / SPOOL))
    options += ("--impressions-index", f"{log}-shown")
    with service(tmp_path, *options, env={"XLREC_CONFIG": str(config)}) as served:
        list_id, items = shown_list(served, "cleo", "a")
        other, _ = shown_list(served, "dora", "b")
        clicked(served, "cleo", items[0]["id"], query_id=list_id, place=1)
        seen = documents_of(es, f"{log}-shown", 8)
        [click] = documents_of(es, log, 1)
        again = served.post("/v1/recommend", {"user": "cleo", "size": 4}).json
    assert again["notes"] == [], "the history is read by the same names"
    for event in (click, *seen):
        assert (event["query_id"] in (list_id, other), bool(event["timestamp"])) == (True, True)
        attributes = event["event_attributes"]
        assert attributes["position"].keys() == {"ordinal"}, "required, and one of two forms"
        assert isinstance(attributes["object"]["object_id"], str)
    assert {one["action_name"] for one in seen} == {"impression"}
    assert click["action_name"] == "click"
    joined = {one["_id"]: one for one in seen}[click["impression"]]
    assert joined["event_attributes"]["object"]["object_id"] == items[0]["id"]
    both = f"index:{log}*"  # as where both are one alias
    arguments = ["compare-logs", both, "--ubi", "--url", es_url, "--json"]
    report = json.loads(CliRunner().invoke(xlrec_es, arguments).stdout)
    rates = {name: (one["clicks"], one["shown"]) for name, one in report["variants"].items()}
    assert rates == {"a": (1, 4), "b": (0, 4)}
