"""An index that a team has becomes the first version, on real nodes."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from elasticsearch import ApiError, BadRequestError, ConnectionTimeout, Elasticsearch
from elasticsearch.exceptions import AuthorizationException

from catalogue import write_catalogue
from xlrec_es.errors import ClusterError, ClusterUnreachable, IndexNotFound, IndexUnusable
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import adoption, write_block
from xlrec_es.versions.aliases import change_aliases, plan_prune, plan_rollback, plan_swap
from xlrec_es.versions.inventory import Versions, read_versions


def counted(client: Elasticsearch, name: str) -> int:
    """How many documents there are, those included that no search has seen yet.

    `refresh=True` of a write reaches the shard that it went to, and no other.
    """
    client.indices.refresh(index=name)
    return int(client.count(index=name)["count"])


def own_index(client: Elasticsearch, name: str) -> None:
    """An index as a team has it, with another alias on it."""
    client.indices.create(
        index=name,
        settings={"number_of_shards": 2, "number_of_replicas": 0},
        mappings={"properties": {"brand": {"type": "keyword"}}},
        aliases={f"{name}-sale": {"filter": {"term": {"brand": "a"}}}},
    )
    for number in range(20):
        client.index(index=name, id=str(number), document={"brand": "ab"[number % 2]})


def test_an_index_is_adopted_with_all_it_has(es_each: Elasticsearch, index_name: str) -> None:
    own_index(es_each, index_name)
    found = read_versions(es_each, index_name)
    assert adoption.check_adoptable(found)
    adoption.adopt(es_each, found)
    found = read_versions(es_each, index_name)
    assert found.live is not None
    assert (found.live.index, found.live.number) == (f"{index_name}-xlrec-v0", 0)
    assert not adoption.check_adoptable(found)
    assert counted(es_each, index_name) == 20
    assert counted(es_each, f"{index_name}-sale") == 10
    es_each.index(index=index_name, id="after", document={"brand": "a"})  # nothing blocks writes
    # From here it goes on as with any other: ours takes its place, and it can come back.
    ours = write_catalogue(es_each, f"{index_name}-new")
    found = read_versions(es_each, index_name, also=ours.name)
    change_aliases(es_each, plan_swap(found, found.named(ours.name)))
    assert find_live(es_each, index_name).name == ours.name
    assert plan_prune(read_versions(es_each, index_name)) is None
    change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    assert counted(es_each, index_name) == 21


def test_an_adoption_loses_no_write(es_each: Elasticsearch, index_name: str) -> None:
    own_index(es_each, index_name)
    acknowledged, refused, done = [], [], threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                es_each.index(index=index_name, id=f"w{number}", document={"brand": "a"})
                acknowledged.append(f"w{number}")
            except ApiError as error:
                refused.append(error.error)

    writer = threading.Thread(target=write)
    writer.start()
    adoption.adopt(es_each, read_versions(es_each, index_name))
    before = len(acknowledged)
    while len(acknowledged) == before and writer.is_alive():
        time.sleep(0.01)  # writes go on after it
    done.set()
    writer.join()
    es_each.indices.refresh(index=index_name)
    assert counted(es_each, index_name) == 20 + len(acknowledged)
    # The second: a write that had been sent to the index by name when the alias took its place.
    assert set(refused) <= {"cluster_block_exception", "index_not_found_exception"}


def test_an_adoption_that_is_refused_leaves_the_index_as_it_was(
    es_each: Elasticsearch, index_name: str
) -> None:
    own_index(es_each, index_name)
    found = read_versions(es_each, index_name)
    # An alias that appears between the look and the act, and has the clone's name.
    es_each.indices.put_alias(index=index_name, name=f"{index_name}-xlrec-v0")
    with pytest.raises(ClusterError, match="xlrec-v0"):
        adoption.adopt(es_each, found)
    es_each.index(index=index_name, id="after", document={"brand": "a"}, refresh=True)
    assert counted(es_each, index_name) == 21
    with pytest.raises(IndexUnusable, match="no index or alias"):
        adoption.check_adoptable(Versions("nothing", ()))


@pytest.mark.parametrize(
    ("request_name", "answer", "is_blocked"),
    [
        ("clone", KeyboardInterrupt, False),
        ("refresh", KeyboardInterrupt, False),
        # Whether these took effect nobody knows: what is written to the old index may be lost.
        ("update_aliases", KeyboardInterrupt, True),
        ("update_aliases", ConnectionTimeout, True),
    ],
)
def test_an_adoption_that_is_broken_off_blocks_writes_only_where_they_may_be_lost(
    es: Elasticsearch,
    index_name: str,
    monkeypatch: pytest.MonkeyPatch,
    request_name: str,
    answer: type[BaseException],
    is_blocked: bool,
) -> None:
    own_index(es, index_name)
    found = read_versions(es, index_name)

    def broken(*_: object, **__: object) -> None:
        raise answer("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(type(es.indices), request_name, broken)
        with pytest.raises((KeyboardInterrupt, ClusterUnreachable)):
            adoption.adopt(es, found)
    assert write_block.is_blocked(es, index_name) is is_blocked


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("request_name", ["add_block", "clone", "refresh", "update_aliases"])
def test_an_adoption_that_was_killed_is_gone_on_with(
    es_each: Elasticsearch,
    index_name: str,
    monkeypatch: pytest.MonkeyPatch,
    request_name: str,
    sent: bool,
) -> None:
    """Repeating it does not take the block for the owner's, and make it stay."""
    own_index(es_each, index_name)
    real = getattr(type(es_each.indices), request_name)

    def dying(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        if sent:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(es_each.indices), request_name, dying)
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        patch.setattr(adoption, "_delete_clone", lambda *_: None)
        with pytest.raises(Killed):
            adoption.adopt(es_each, read_versions(es_each, index_name))
    done = (request_name, sent) == ("update_aliases", True)
    assert write_block.is_blocked(es_each, found_index(es_each, index_name)) is (
        not done and (request_name, sent) != ("add_block", False)
    )
    found = read_versions(es_each, index_name)
    assert adoption.check_adoptable(found) is not done
    if not done:
        adoption.adopt(es_each, found)
    assert found_index(es_each, index_name) == f"{index_name}-xlrec-v0"
    es_each.index(index=index_name, id="after", document={"brand": "a"})  # nothing blocks writes
    assert counted(es_each, index_name) == 21
    [body] = es_each.indices.get(index=index_name, flat_settings=True).body.values()
    assert not write_block.refused_since(body)
    assert not body["mappings"].get("_meta")
    assert set(body["aliases"]) == {index_name, f"{index_name}-sale"}


def leave_clone(client: Elasticsearch, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """As a signal does that comes while the clone is being made: writes go on, and it comes later.

    Its UUID.
    """
    with monkeypatch.context() as patch:
        patch.setattr(adoption, "_delete_clone", lambda *_: None)
        patch.setattr(type(client.indices), "refresh", die)
        with pytest.raises(Killed):
            adoption.adopt(client, read_versions(client, name))
    assert not write_block.is_blocked(client, name)
    return uuid_of(client, f"{name}-xlrec-v0")


def uuid_of(client: Elasticsearch, name: str) -> str:
    [body] = client.indices.get_settings(index=name, flat_settings=True).body.values()
    return str(body["settings"]["index.uuid"])


def test_a_clone_that_was_left_is_used_if_nothing_was_written_since(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_index(es_each, index_name)
    left = leave_clone(es_each, index_name, monkeypatch)
    adoption.adopt(es_each, read_versions(es_each, index_name))
    assert uuid_of(es_each, index_name) == left
    assert counted(es_each, index_name) == 20


def test_a_clone_that_was_left_and_is_not_of_now_is_made_anew(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has as many documents, but one was changed since."""
    own_index(es_each, index_name)
    left = leave_clone(es_each, index_name, monkeypatch)
    es_each.index(index=index_name, id="7", document={"brand": "new"})
    adoption.adopt(es_each, read_versions(es_each, index_name))
    assert uuid_of(es_each, index_name) != left
    assert es_each.get(index=index_name, id="7")["_source"] == {"brand": "new"}
    assert set(es_each.indices.get(index=f"{index_name}*")) == {f"{index_name}-xlrec-v0"}


def test_what_the_owner_made_of_the_clones_name_is_left_alone(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a clone, of an index that a killed attempt had refuse writes."""
    own_index(es_each, index_name)
    with monkeypatch.context() as patch:
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        patch.setattr(type(es_each.indices), "clone", die)
        with pytest.raises(Killed):
            adoption.adopt(es_each, read_versions(es_each, index_name))
    es_each.indices.clone(index=index_name, target=f"{index_name}-xlrec-v0")
    with pytest.raises(IndexUnusable, match="no attempt to adopt"):
        adoption.adopt(es_each, read_versions(es_each, index_name))
    assert es_each.indices.exists(index=f"{index_name}-xlrec-v0")


def test_a_clone_of_an_index_that_is_gone_is_not_used(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner has made one anew, of that name and with as many operations."""
    own_index(es, index_name)
    leave_clone(es, index_name, monkeypatch)
    es.indices.delete(index=index_name)
    own_index(es, index_name)
    with pytest.raises(IndexUnusable, match="no attempt to adopt"):
        adoption.adopt(es, read_versions(es, index_name))


def found_index(client: Elasticsearch, name: str) -> str:
    [index] = client.indices.get(index=name)
    return str(index)


def test_a_clone_that_lacks_documents_takes_no_place(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_index(es, index_name)
    clone = type(es.indices).clone

    def losing(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        clone(*arguments, **options)
        es.delete(index=f"{index_name}-xlrec-v0", id="7", refresh=True)

    monkeypatch.setattr(adoption, "_WHOLE_S", 0.5)
    monkeypatch.setattr(type(es.indices), "clone", losing)
    with pytest.raises(IndexUnusable, match="has 19 of 20 documents"):
        adoption.adopt(es, read_versions(es, index_name))
    assert set(es.indices.get(index=f"{index_name}*")) == {index_name}
    es.index(index=index_name, id="after", document={"brand": "a"})  # nothing blocks writes


def test_what_another_made_live_is_not_deleted(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two people who go on with a killed attempt, the second is refused at the last step."""
    own_index(es, index_name)
    with monkeypatch.context() as patch:
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        patch.setattr(adoption, "_delete_clone", lambda *_: None)
        patch.setattr(type(es.indices), "refresh", die)
        with pytest.raises(Killed):
            adoption.adopt(es, read_versions(es, index_name))
    seen = read_versions(es, index_name)
    update_aliases = type(es.indices).update_aliases
    first = [True]

    def overtaken(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        if first.pop():
            first.append(False)
            adoption.adopt(es, seen)
        first.append(False)
        update_aliases(*arguments, **options)

    monkeypatch.setattr(type(es.indices), "update_aliases", overtaken)
    with pytest.raises((ClusterError, IndexNotFound)):
        adoption.adopt(es, seen)
    assert found_index(es, index_name) == f"{index_name}-xlrec-v0"
    assert counted(es, index_name) == 20
    es.index(index=index_name, id="after", document={"brand": "a"})  # nothing blocks writes


def die(*_: object, **__: object) -> None:
    raise Killed


def test_a_refused_adoption_leaves_the_owners_block(es: Elasticsearch, index_name: str) -> None:
    own_index(es, index_name)
    es.indices.put_settings(index=index_name, settings={"index.blocks.write": True})
    es.indices.put_alias(index=index_name, name=f"{index_name}-xlrec-v0")
    with pytest.raises(ClusterError, match="xlrec-v0"):
        adoption.adopt(es, read_versions(es, index_name))
    assert write_block.is_blocked(es, index_name)


def test_of_two_people_who_adopt_at_once_the_second_is_told(
    es_each: Elasticsearch, index_name: str
) -> None:
    own_index(es_each, index_name)
    seen = read_versions(es_each, index_name)
    adoption.adopt(es_each, seen)
    with pytest.raises(IndexNotFound):  # it is an alias by now
        adoption.adopt(es_each, seen)
    assert counted(es_each, index_name) == 20
    es_each.index(index=index_name, id="after", document={"brand": "a"})  # nothing blocks writes


def test_an_index_blocked_by_its_owner_stays_blocked(
    es_each: Elasticsearch, index_name: str
) -> None:
    own_index(es_each, index_name)
    es_each.indices.put_settings(index=index_name, settings={"index.blocks.write": True})
    adoption.adopt(es_each, read_versions(es_each, index_name))
    with pytest.raises((AuthorizationException, BadRequestError), match="block"):
        es_each.index(index=index_name, document={"brand": "a"})
