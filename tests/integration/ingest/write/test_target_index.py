"""Languages that come to an index after it was made."""

from __future__ import annotations

from dataclasses import replace

from ingest.write.target_index import Target
from worker_bench import CATALOGUE, Bench
from xlrec_es.index.live_index import find_live, update_meta


def test_a_language_that_is_new_leaves_what_others_have_noted(bench: Bench) -> None:
    """Indicators are learned, and languages met by another shard, while a run is under way."""
    bench.run(CATALOGUE)
    target = Target(bench.es, find_live(bench.es, bench.index), bench.cluster.capabilities)
    other = Target(bench.es, find_live(bench.es, bench.index), bench.cluster.capabilities)
    live = find_live(bench.es, bench.index)
    update_meta(bench.es, live, replace(live.meta, indicators={"generation": "g"}))
    target.add_languages({"sv"})
    other.add_languages({"nl"})
    meta = find_live(bench.es, bench.index).meta
    assert meta.indicators == {"generation": "g"}
    assert {"sv", "nl", "de"} < set(meta.languages)


def test_a_new_language_gets_its_field(bench: Bench) -> None:
    bench.run(CATALOGUE[:2])
    tally = bench.run([{"id": "ko", "language": "ko", "title": "퍼즐 게임"}])
    assert tally.indexed == 1
    live = find_live(bench.es, bench.index)
    assert live.meta.languages == ("de", "en", "ko")
    assert "ko" not in live.meta.calibration.means
    hits = bench.es.search(index=bench.index, query={"match": {"xlrec.text.ko": "퍼즐"}})
    assert [hit["_id"] for hit in hits["hits"]["hits"]] == ["ko"]
