"""Versions on real nodes of every supported Elasticsearch."""

from __future__ import annotations

import threading
import time

import pytest
from elasticsearch import ApiError, BadRequestError, ConnectionTimeout, Elasticsearch
from elasticsearch.exceptions import AuthorizationException

from catalogue import FINGERPRINT, documents, write_catalogue
from xlrec_es.errors import (
    AliasMoved,
    ClusterError,
    ClusterUnreachable,
    IndexNotFound,
    IndexUnusable,
)
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import adoption, aliases, creation, write_block
from xlrec_es.versions.aliases import change_aliases, plan_prune, plan_rollback, plan_swap
from xlrec_es.versions.inventory import Versions, newest, read_versions
from xlrec_es.versions.status import WITHOUT, LanguageCoverage, measure


def add_version(client: Elasticsearch, name: str, documents: int = 1) -> str:
    """A version like the live one, with so many documents that mean nothing."""
    found = read_versions(client, name)
    assert found.live is not None
    new = creation.plan_version(found, found.live)
    creation.create(client, new)
    for number in range(documents):
        client.index(index=new.index, id=str(number), document={"title": "x"}, refresh=True)
    return new.index


def states(client: Elasticsearch, name: str) -> list[str]:
    found = read_versions(client, name)
    return [found.state(version) for version in found.found]


def test_create_swap_roll_back_and_prune(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    for _ in range(3):
        add_version(es_each, index_name)
        found = read_versions(es_each, index_name)
        change_aliases(es_each, plan_swap(found, newest(found)))
    assert states(es_each, index_name) == ["older", "older", "previous", "live"]
    assert find_live(es_each, index_name).name == f"{index_name}-xlrec-v4"
    change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    assert states(es_each, index_name) == ["older", "older", "live", "previous"]
    change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    change = plan_prune(read_versions(es_each, index_name))
    assert change is not None
    change_aliases(es_each, change)
    assert states(es_each, index_name) == ["previous", "live"]
    # The number of a version that is gone is not given again.
    assert add_version(es_each, index_name) == f"{index_name}-xlrec-v5"
    # The alias can be written through.
    es_each.index(index=index_name, id="new", document={"title": "new"})


def test_of_two_people_who_swap_at_once_one_wins(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    targets = [add_version(es_each, index_name) for _ in range(8)]
    seen = read_versions(es_each, index_name)
    together = threading.Barrier(len(targets))
    won, told = [], []

    def swap(target: str) -> None:
        plan = plan_swap(seen, seen.named(target))
        together.wait()
        try:
            change_aliases(es_each, plan)
            won.append(target)
        except AliasMoved as error:
            told.append(error)

    threads = [threading.Thread(target=swap, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(told) == len(targets) - 1
    assert {error.live for error in told} == set(won)
    after = read_versions(es_each, index_name)
    assert after.live is not None
    assert after.previous is not None
    assert (after.live.index, after.previous.index) == (won[0], f"{index_name}-xlrec-v1")


def test_no_query_fails_while_the_alias_moves(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    new = add_version(es_each, index_name)
    seen = read_versions(es_each, index_name)
    change_aliases(es_each, plan_swap(seen, seen.named(new)))
    counts, failures, done = set(), [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                counts.add(es_each.count(index=index_name)["count"])
            except ApiError as error:
                failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for _ in range(20):
        change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    done.set()
    for asker in askers:
        asker.join()
    assert failures == []
    assert counts == {1, len(documents())}  # one version or the other, never both, never none


def test_where_nothing_is_live_the_second_is_told_too(
    es_each: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es_each, index_name)
    add_version(es_each, index_name)
    es_each.indices.delete_alias(index=live.name, name=index_name)
    seen = read_versions(es_each, index_name)
    first, second = (plan_swap(seen, version) for version in seen.found)
    change_aliases(es_each, first)
    with pytest.raises(AliasMoved, match=f"stands for {live.name} now, not for nothing"):
        change_aliases(es_each, second)
    assert states(es_each, index_name) == ["live", "newer"]


def test_prune_deletes_nothing_if_the_alias_moved(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    second, third = (add_version(es_each, index_name) for _ in range(2))
    for target in (second, third):
        seen = read_versions(es_each, index_name)
        change_aliases(es_each, plan_swap(seen, seen.named(target)))
    seen = read_versions(es_each, index_name)
    plan = plan_prune(seen)
    assert plan is not None
    assert plan.deleted == (f"{index_name}-xlrec-v1",)
    # Somebody goes back to the very version that is about to be deleted.
    change_aliases(es_each, plan_swap(seen, seen.found[0]))
    with pytest.raises(AliasMoved, match="nothing was changed"):
        change_aliases(es_each, plan)
    assert es_each.count(index=index_name)["count"] == len(documents())


def test_a_refusal_that_is_nobody_elses_doing_is_reported_as_it_is(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    add_version(es_each, index_name)
    seen = read_versions(es_each, index_name)
    plan = plan_swap(seen, newest(seen))
    wrong = {"add": {"index": plan.target, "alias": "no spaces, please"}}
    with pytest.raises(ClusterError, match="Invalid alias name"):
        change_aliases(es_each, aliases.AliasChange(index_name, (wrong,), plan.live, plan.target))
    assert states(es_each, index_name) == ["live", "newer"]


def test_an_empty_version_does_not_take_search_down(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    empty = add_version(es_each, index_name, documents=0)
    seen = read_versions(es_each, index_name)
    plan = plan_swap(seen, seen.named(empty))
    with pytest.raises(IndexUnusable, match=f"{empty} has no documents"):
        aliases.check_filled(es_each, plan)
    es_each.index(index=empty, id="1", document={"title": "x"})  # not refreshed
    aliases.check_filled(es_each, plan)


def test_status_counts_what_is_there(es_each: Elasticsearch, index_name: str) -> None:
    bare = {"xlrec": {"language": "ko", "text": {}, "fingerprint": "another"}, "title": "x"}
    write_catalogue(es_each, index_name, {"bare": bare, "none": {"title": "x"}})
    closed = add_version(es_each, index_name, documents=0)
    es_each.indices.close(index=closed)
    live, other = measure(es_each, read_versions(es_each, index_name))
    counts = {"de": 0, "en": 0, "ja": 0}
    for document in documents().values():
        counts[document["xlrec"]["language"]] += 1  # type: ignore[index]
    expected = {language: LanguageCoverage(n, n, n) for language, n in counts.items()}
    expected |= {"ko": LanguageCoverage(1, 0, 0), WITHOUT: LanguageCoverage(1, 0, 0)}
    assert live.languages == expected
    assert live.documents == len(documents()) + 2
    assert live.strays == 1
    assert live.size_bytes is not None
    assert live.size_bytes > 1000
    assert (live.state, live.model, live.fingerprint) == (
        "live",
        FINGERPRINT.model,
        FINGERPRINT.digest,
    )
    assert (other.state, other.documents, other.languages) == ("newer", None, {})


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
