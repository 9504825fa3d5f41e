"""Versions on real nodes of every supported Elasticsearch."""

from __future__ import annotations

import threading

import pytest
from elasticsearch import ApiError, Elasticsearch

from catalogue import add_version, documents, write_catalogue
from xlrec_es.errors import AliasMoved, ClusterError, IndexUnusable
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import aliases
from xlrec_es.versions.aliases import change_aliases, plan_prune, plan_rollback, plan_swap
from xlrec_es.versions.inventory import newest, read_versions


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
