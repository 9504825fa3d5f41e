"""Languages without spaces on a cluster that has no analyzer for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run.assemble import run
from ingest.run.job import RunJob
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender

ITEMS = [
    {"id": "zh1", "language": "zh", "title": "移动数字方块的益智游戏"},
    {"id": "zh2", "language": "zh", "title": "数字游戏"},
    {"id": "zh3", "language": "zh", "title": "喝茶的房子"},
    {"id": "ja1", "language": "ja", "title": "数字のタイルを動かすパズルゲーム"},
    {"id": "th1", "language": "th", "title": "เกมปริศนาเลื่อนแผ่นตัวเลข"},
]


def test_words_are_found_before_they_are_stored(
    es_each: Elasticsearch, index_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(probe(es_each), analyzers=frozenset())
    monkeypatch.setattr("ingest.run.assemble.probe", lambda _: bare)
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, ITEMS)))
    [node] = es_each.transport.node_pool.all()
    encoder = HashEncoder()
    for _ in range(2):
        summary = run(RunJob(str(path), index_name), Connection(node.base_url), encoder=encoder)
    assert summary["unchanged"] == len(ITEMS)
    assert summary["warnings"] == []
    assert encoder.encoded.count("数字游戏") == 1  # the encoder reads it as it was written
    meta = find_live(es_each, index_name).meta
    assert set(meta.analyzers.values()) == {"whitespace"}
    assert meta.segmenters["zh"].startswith("jieba ")
    for language, word, ids in (
        ("zh", "数字", {"zh1", "zh2"}),
        ("ja", "タイル", {"ja1"}),
        ("th", "ปริศนา", {"th1"}),
    ):
        hits = es_each.search(index=index_name, query={"match": {f"xlrec.text.{language}": word}})
        assert {hit["_id"] for hit in hits["hits"]["hits"]} == ids
    # The query side takes its words from stored texts, and needs no segmenter.
    found = Recommender(es_each, index_name).recommend(History.of(["zh1"]), languages=["zh"])
    assert "lexical" in {item.id: item for item in found.items}["zh2"].retrievers
