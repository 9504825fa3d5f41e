"""Going back to the version before, on real nodes, beside people who read and write."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch

from catalogue import document, write_catalogue
from traffic import Traffic, everything
from transforms import broken, of_another_encoder
from xlrec_es.cluster.capabilities import probe
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.fields import BOUGHT_TOGETHER
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.index.mapping import relation_fields
from xlrec_es.versions import creation, rollback, swap_note, write_block
from xlrec_es.versions.aliases import AliasChange, change_aliases, plan_rollback, plan_swap
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import newest, read_versions
from xlrec_es.versions.reindex import Reindexer, plan
from xlrec_es.versions.rollback import Rollback


def back(client: Elasticsearch, name: str) -> Rollback:
    packed = probe(client).packed_vectors
    return Rollback(client, rollback.plan(read_versions(client, name)), packed)


def vectors_of(client: Elasticsearch, name: str) -> dict[str, Any]:
    found = everything(client, name)
    return {id_: (fields or {}).get("xlrec.embedding") for id_, (_, _, fields) in found.items()}


def go_on(traffic: Traffic) -> None:
    """Wait for some writes and queries more."""
    writes, asked = traffic.writes + 20, traffic.asked + 2
    while (traffic.writes < writes or traffic.asked < asked) and not traffic.failures:
        time.sleep(0.05)


def test_no_write_is_lost_when_it_is_taken_back(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name)
    before = vectors_of(es_each, index_name)
    of_another_encoder(es_each, index_name, 24).run()
    traffic = Traffic(es_each, index_name)
    with traffic.running():
        go_on(traffic)
        es_each.update(index=index_name, id="chess-5", doc={"price": 99})
        es_each.delete(index=index_name, id="chess-6")
        new = document("chess", 7, "en")
        new["xlrec"] = {**new["xlrec"], "text": {"en": "another"}, "embedding": [24**-0.5] * 24}  # type: ignore[dict-item]
        es_each.index(index=index_name, id="chess-7", document=new)
        report = back(es_each, index_name).run()
        assert find_live(es_each, index_name).name == report.index == live.name
        go_on(traffic)
        # And forward again, with what was written to the older one.
        again = back(es_each, index_name).run()
        assert again.index == report.source
        back(es_each, index_name).run()
    assert traffic.failures == []
    traffic.check()
    assert (report.without_vector, report.deletions) == (1, True)
    assert report.deleted >= 1
    assert len(traffic.versions) == 2
    after = vectors_of(es_each, index_name)
    assert "chess-6" not in after
    assert after["chess-7"] is None
    kept = before.keys() - {"chess-6", "chess-7"}
    assert {id_: after[id_] for id_ in kept} == {id_: before[id_] for id_ in kept}
    sources = everything(es_each, index_name)
    assert sources["chess-5"][1]["price"] == 99
    changed = sources["chess-7"][1]["xlrec"]
    assert changed["text"] == {"en": "another"}
    assert "fingerprint" not in changed


def test_a_copy_is_taken_back_whole(es_each: Elasticsearch, index_name: str) -> None:
    """The same encoder: new documents keep their vectors, and routing, and their versions."""
    live = write_catalogue(es_each, index_name)
    packed = probe(es_each).packed_vectors
    planned = plan(read_versions(es_each, index_name))
    Reindexer(es_each, planned, copied_as_is(packed=packed), limits=Limits(recall=0.5)).run()
    es_each.index(index=index_name, id="new", document=document("chess", 50, "ja"), routing="a")
    es_each.update(index=index_name, id="new", doc={"price": 5}, routing="a")
    expected = everything(es_each, index_name)
    report = back(es_each, index_name).run()
    assert (report.index, report.copied, report.without_vector) == (live.name, 1, 0)
    assert everything(es_each, index_name) == expected


NOTE = {"generation": "2", "complete": True, "privacy": {"runs": [{"epsilon": 4.0, "times": 2}]}}


def learn(client: Elasticsearch, name: str) -> None:
    """As the worker learns: a note, and documents."""
    live = find_live(client, name)
    properties = relation_fields(BOUGHT_TOGETHER)
    client.indices.put_mapping(index=live.name, properties={"xlrec": {"properties": properties}})
    meta = replace(
        live.meta, indicators=NOTE, relations={BOUGHT_TOGETHER.name: {"generation": "b"}}
    )
    update_meta(client, live, meta)
    own = {"indicators": [{"chess-6": 1.5}], "bought_together": {"weights": [{"chess-7": 2.0}]}}
    client.update(index=name, id="chess-5", doc={"xlrec": own}, refresh=True)


def test_what_was_learned_since_is_noted_where_the_documents_go(
    es_each: Elasticsearch, index_name: str
) -> None:
    """Without the note, nothing says that there are associations, nor of what they are."""
    live = write_catalogue(es_each, index_name)
    of_another_encoder(es_each, index_name, 24).run()
    learn(es_each, index_name)
    back(es_each, index_name).run()
    now = find_live(es_each, index_name)
    assert now.name == live.name
    assert now.meta.indicators == NOTE
    assert now.meta.relations == {BOUGHT_TOGETHER.name: {"generation": "b"}}
    asked = {"field": BOUGHT_TOGETHER.weights, "query_vector": {"chess-7": 1.0}}
    found = es_each.search(index=index_name, query={"sparse_vector": asked})["hits"]["hits"]
    assert [hit["_id"] for hit in found] == ["chess-5"]


def test_where_documents_differ_each_keeps_its_own_note(es: Elasticsearch, index_name: str) -> None:
    """What was filled anew had learned before it was swapped in, and that is not taken along."""
    write_catalogue(es, index_name, learned=5.0)
    found = read_versions(es, index_name)
    assert found.live is not None
    creation.create(es, creation.plan_version(found, found.live))
    found = read_versions(es, index_name)
    new = find_live(es, newest(found).index)
    update_meta(es, new, replace(new.meta, indicators=NOTE))
    swap_note.move_alias(es, plan_swap(found, newest(found)))
    back(es, index_name).run()
    assert find_live(es, index_name).meta.indicators == {"complete": True}


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


def die(*_: object) -> None:
    raise Killed


def test_an_attempt_that_was_killed_is_done_again(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = write_catalogue(es, index_name)
    of_another_encoder(es, index_name, 24).run()
    es.index(index=index_name, id="x", document={"title": "x"})
    with monkeypatch.context() as patch:
        patch.setattr(swap_note, "change_aliases", die)
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        with pytest.raises(Killed):
            back(es, index_name).run()
    with pytest.raises(ApiError, match="block"):
        es.index(index=index_name, id="y", document={"title": "y"})
    assert back(es, index_name).run().index == live.name
    es.index(index=index_name, id="y", document={"title": "y"})
    assert everything(es, index_name).keys() >= {"x", "y"}
    assert not write_block.is_blocked(es, f"{index_name}-xlrec-v2")


@pytest.mark.parametrize("blocked", [True, False])
def test_an_attempt_that_had_moved_the_alias_is_brought_to_its_end(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch, blocked: bool
) -> None:
    """The same command again does not go forward, as a second one does."""
    live = write_catalogue(es_each, index_name)
    of_another_encoder(es_each, index_name, 24).run()
    left = f"{index_name}-xlrec-v2"
    es_each.index(index=index_name, id="x", document={"title": "x"})

    def move_and_die(client: Elasticsearch, change: AliasChange) -> None:
        change_aliases(client, change)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(swap_note, "change_aliases", move_and_die)
        if blocked:
            patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        with pytest.raises(Killed):
            back(es_each, index_name).run()
    assert write_block.is_blocked(es_each, left) is blocked
    es_each.index(index=index_name, id="y", document={"title": "y"})
    report = back(es_each, index_name).run()
    assert (report.index, report.source, report.copied) == (live.name, left, 0)
    assert find_live(es_each, index_name).name == live.name
    assert not write_block.is_blocked(es_each, left)
    # From here a second one goes forward, and takes along what was written since.
    again = back(es_each, index_name).run()
    assert (again.index, again.copied) == (left, 1)
    assert everything(es_each, index_name).keys() >= {"x", "y"}


def test_a_block_that_a_killed_reindex_left_does_not_hinder(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the alias moved, it leaves the version before read-only."""
    live = write_catalogue(es, index_name)
    with monkeypatch.context() as patch:
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        of_another_encoder(es, index_name, 24).run()
    assert write_block.is_blocked(es, live.name)
    es.index(index=index_name, id="x", document={"title": "x"})
    assert back(es, index_name).run().index == live.name
    es.index(index=index_name, id="y", document={"title": "y"})
    assert everything(es, index_name).keys() >= {"x", "y"}


def test_what_the_other_never_had_stays(es: Elasticsearch, index_name: str) -> None:
    """Versions that were filled one by one: what is missing in one need not have been deleted."""
    write_catalogue(es, index_name)
    found = read_versions(es, index_name)
    assert found.live is not None
    creation.create(es, creation.plan_version(found, found.live))
    found = read_versions(es, index_name)
    es.index(index=newest(found).index, id="1", document={"title": "filled"})
    swap_note.move_alias(es, plan_swap(found, newest(found)))
    es.index(index=index_name, id="2", document={"title": "written since"})
    count = len(everything(es, f"{index_name}-xlrec-v1"))
    report = back(es, index_name).run()
    assert (report.copied, report.deleted, report.deletions) == (1, 0, False)
    assert len(everything(es, index_name)) == count + 1


def test_where_it_cannot_be_done_nothing_is(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    of_another_encoder(es, index_name, 24).run()
    es.index(index=index_name, id="fits", document={"title": "x"})
    es.index(index=index_name, id="odd", document={"title": "x", "xlrec": {"language": "en"}})
    work = back(es, index_name)
    work.transform = broken(lambda s, _: {**s, "price": "dear"} if "xlrec" in s else s)
    with pytest.raises(IndexUnusable, match=r"does not take 1 of the documents .*'odd'"):
        work.run()
    assert find_live(es, index_name).name == f"{index_name}-xlrec-v2"
    es.index(index=index_name, id="odd", document={"title": "x"})  # nothing is blocked
    # Moved by other hands: nobody noted when.
    change_aliases(es, plan_rollback(read_versions(es, index_name)))
    with pytest.raises(IndexUnusable, match=r"is not known.*--without-catching-up"):
        rollback.plan(read_versions(es, index_name))
