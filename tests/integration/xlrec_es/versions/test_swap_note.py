"""What is noted when a version goes live, whoever writes or swaps in the same moment."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import add_version, write_catalogue
from xlrec_es.errors import AliasMoved
from xlrec_es.versions import swap_note, write_block
from xlrec_es.versions.aliases import AliasChange, change_aliases, plan_rollback, plan_swap
from xlrec_es.versions.inventory import newest, read_versions
from xlrec_es.versions.swap_note import Note


def noted(client: Elasticsearch, name: str) -> Note | None:
    found = read_versions(client, name)
    assert found.live is not None
    assert found.previous is not None
    return swap_note.read_note(found.live, found.previous)


def swap(client: Elasticsearch, name: str) -> AliasChange:
    found = read_versions(client, name)
    return plan_swap(found, newest(found))


def test_what_is_written_as_the_alias_moves_has_come_since(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(es, index_name)
    target = add_version(es, index_name, 3)

    def change(client: Elasticsearch, planned: AliasChange) -> None:
        change_aliases(client, planned)
        client.index(index=index_name, id="new", document={"title": "x"})

    monkeypatch.setattr(swap_note, "change_aliases", change)
    swap_note.move_alias(es, swap(es, index_name))
    note = noted(es, index_name)
    assert note is not None
    assert swap_note.count_since(es, target, note.done) == 1


def test_a_kill_after_the_alias_moved_does_not_lose_the_note(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(es, index_name)
    target = add_version(es, index_name, 3)

    def change(client: Elasticsearch, planned: AliasChange) -> None:
        change_aliases(client, planned)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(swap_note, "change_aliases", change)
        with pytest.raises(KeyboardInterrupt):
            swap_note.move_alias(es, swap(es, index_name))
    es.index(index=index_name, id="new", document={"title": "x"})
    note = noted(es, index_name)
    assert note is not None
    assert swap_note.count_since(es, target, note.done) == 1


def test_a_version_that_a_kill_left_read_only_takes_writes_once_it_is_live(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = write_catalogue(es, index_name)
    add_version(es, index_name, 3)
    swap_note.move_alias(es, swap(es, index_name))
    with monkeypatch.context() as patch:
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        with write_block.writes_refused(es, live.name):
            pass
    found = read_versions(es, index_name)
    swap_note.move_alias(es, plan_swap(found, found.named(live.name)))
    es.index(index=index_name, id="after", document={"title": "x"})


@pytest.mark.parametrize("moment", ["planned", "about to move it"])
def test_whoever_is_late_leaves_the_note_of_who_was_first(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write_catalogue(es, index_name)
    add_version(es, index_name, 3)
    mine = swap(es, index_name)
    swapped: list[Note | None] = []

    def first() -> None:
        swap_note.move_alias(es, swap(es, index_name), same=True)
        swapped.append(noted(es, index_name))
        es.index(index=index_name, id="since", document={"title": "x"}, refresh=True)

    if moment == "planned":
        first()
    else:
        operations_done = swap_note.scan.operations_done

        def slow(client: Elasticsearch, index: str) -> dict[str, int]:
            done = operations_done(client, index)
            if not swapped:
                swapped.append(None)
                first()
            return done

        monkeypatch.setattr(swap_note.scan, "operations_done", slow)
    with pytest.raises(AliasMoved):
        swap_note.move_alias(es, mine)
    assert swapped[-1] is not None
    assert noted(es, index_name) == swapped[-1]


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


def test_a_swap_that_was_killed_leaves_no_note_of_an_earlier_one(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be read as that of this swap: what it says of deletions need not be so any more."""
    write_catalogue(es, index_name)
    target = add_version(es, index_name, 3)
    swap_note.move_alias(es, swap(es, index_name), same=True)
    assert noted(es, index_name) is not None
    swap_note.move_alias(es, plan_rollback(read_versions(es, index_name)))

    def change(client: Elasticsearch, planned: AliasChange) -> None:
        change_aliases(client, planned)
        raise Killed

    monkeypatch.setattr(swap_note, "change_aliases", change)
    with pytest.raises(Killed):
        swap_note.move_alias(es, plan_rollback(read_versions(es, index_name)))
    live = read_versions(es, index_name).live
    assert live is not None
    assert live.index == target
    left = noted(es, index_name)
    assert left is not None
    assert not left.same, "of this swap, which has said nothing of deletions"
