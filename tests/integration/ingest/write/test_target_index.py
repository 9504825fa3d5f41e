"""Languages that come to an index after it was made, and whose its documents are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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
    assert "ko" not in live.meta.centering.means
    hits = bench.es.search(index=bench.index, query={"match": {"xlrec.text.ko": "퍼즐"}})
    assert [hit["_id"] for hit in hits["hits"]["hits"]] == ["ko"]


TEA = {"id": 7, "translations": {"en": {"title": "Tea leaves"}, "de": {"title": "Tee Blatt"}}}
LOOKS_LIKE_IT = {"id": "7@en", "language": "en", "title": "Coffee beans"}
GREEN = {"id": "9", "language": "en", "title": "Green tea", "work": "9"}
GREEN_DE = {"id": "9@de", "language": "de", "title": "Tee in grün", "work": "9"}


def titles(bench: Bench) -> dict[str, str]:
    return {id_: found["title"] for id_, found in bench.documents().items()}


def test_a_deletion_takes_the_language_versions_of_its_record_alone(bench: Bench) -> None:
    """`9@de` is a record of its own, whatever its id and its work."""
    bench.run([GREEN, GREEN_DE, TEA, *CATALOGUE[:2]], centering="none")
    gone = [{"_op": "delete", "id": "9"}, {"_op": "delete", "id": 7}]
    tally = bench.run(gone)
    assert (tally.deleted, tally.rejected) == (3, 0)
    assert bench.documents().keys() == {"9@de", "a", "2"}
    tally = bench.run([{"_op": "delete", "id": "9@de"}, {"_op": "delete", "id": "9"}])
    assert (tally.deleted, tally.rejected) == (1, 0)
    assert bench.documents().keys() == {"a", "2"}


def test_a_deletion_that_names_a_language_version_of_another_record_is_set_aside(
    bench: Bench,
) -> None:
    bench.run([TEA, GREEN], centering="none")
    tally = bench.run([{"_op": "delete", "id": "7@en"}])
    assert (tally.deleted, tally.rejected) == (0, 1)
    assert bench.documents().keys() == {"7@en", "7@de", "9"}
    [entry] = bench.rejects()
    assert entry["reason"] == "'7@en' is a language version of record '7'; delete that record"
    assert entry["document"] == "7@en"


@pytest.mark.parametrize("window", [1, 10])
@pytest.mark.parametrize("version_first", [True, False])
def test_no_record_overwrites_a_language_version_of_another(
    bench: Bench, window: int, version_first: bool
) -> None:
    """In one run or in two, in one window or in two: what comes second is refused by its name."""
    both = [TEA, LOOKS_LIKE_IT] if version_first else [LOOKS_LIKE_IT, TEA]
    expected = {"7@de": "Tee Blatt", "9": "Green tea"} | {
        "7@en": "Tea leaves" if version_first else "Coffee beans"
    }
    why = "a language version of record '7'" if version_first else "another record"
    runs: list[list[Any]] = [[GREEN, *both], [both[1]], [GREEN, *both]]
    for records in runs:
        tally = bench.run(records, window=window, centering="none")
        assert tally.rejected == 1
        assert titles(bench) == expected
        [entry] = bench.rejects()
        assert entry["document"] == "7@en"
        assert entry["reason"].startswith(f"{why} has the id '7@en' already")
        assert entry["record"] == both[1]
    # A change of the one that has the id arrives.
    changed = {**LOOKS_LIKE_IT, "title": "Black coffee"}
    tally = bench.run([changed])
    assert (tally.indexed, tally.rejected) == ((0, 1) if version_first else (1, 0))
