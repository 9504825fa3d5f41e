"""Notes of a generation in `_meta`, where several runs write them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from ingest.indicators import generation_meta
from ingest.shard import Shard
from xlrec_es.errors import WriteError
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.meta import IndexMeta


def test_two_shards_that_finish_at_once_both_count(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read `_meta` before either writes it, so one of the notes is overwritten."""
    live = write_catalogue(es, index_name)
    note = {"generation": "g"}
    for number in (1, 2):
        generation_meta.begin(es, live.name, note, Shard(number, 2))
    both_have_read = threading.Barrier(2, timeout=30)
    update_meta = generation_meta.update_meta
    first = threading.local()

    def write_together(client: Elasticsearch, live: LiveIndex, meta: IndexMeta) -> LiveIndex:
        if not hasattr(first, "passed"):
            first.passed = True
            both_have_read.wait()
        return update_meta(client, live, meta)

    monkeypatch.setattr(generation_meta, "update_meta", write_together)

    def finish(number: int) -> bool:
        return generation_meta.finish(es, live.name, note, Shard(number, 2))

    with ThreadPoolExecutor(2) as threads:
        complete = list(threads.map(finish, (1, 2)))
    stored = find_live(es, index_name).meta.indicators
    assert stored["done"] == [1, 2]
    assert stored["complete"]
    assert any(complete)


def test_runs_that_get_into_each_others_way_are_told(es: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es, index_name)
    old, new = {"generation": "old"}, {"generation": "new"}
    generation_meta.begin(es, live.name, old, Shard())
    generation_meta.begin(es, live.name, new, Shard())
    for note in (old, new):  # whichever ends first
        with pytest.raises(WriteError, match="documents may hold either's"):
            generation_meta.finish(es, live.name, note, Shard())
        assert not find_live(es, index_name).meta.indicators["complete"]
    generation_meta.begin(es, live.name, new, Shard())
    assert generation_meta.finish(es, live.name, new, Shard())
    assert find_live(es, index_name).meta.indicators["complete"]
