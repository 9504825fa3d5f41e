"""The worker on a real node, with an encoder that needs no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from fakes import HashEncoder
from ingest.run import reading
from ingest.run import worker as worker_module
from worker_bench import CATALOGUE, IDS, Bench
from xlrec_es.cluster.bulk import BulkWriter, Operation, Written
from xlrec_es.errors import IndexNotFound, IndexUnusable
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.records.field_map import FieldMap
from xlrec_es.vectors.vector import Vector


def test_a_catalogue_becomes_documents(bench: Bench) -> None:
    tally = bench.run(CATALOGUE)
    assert (tally.documents, tally.indexed, tally.rejected, tally.unchanged) == (7, 7, 0, 0)
    assert tally.languages == {"en": 3, "de": 1, "fr": 1, "ja": 1, "und": 1}
    assert tally.detected == {"fr": 1, "und": 1}
    assert tally.seconds.keys() == {"sample", "read", "compare", "encode", "write", "indexing"}
    assert bench.phases[0] == "sample"
    assert bench.phases[-1] == "index"

    documents = bench.documents()
    assert documents.keys() == IDS
    assert {i: document["xlrec"]["id"] for i, document in documents.items()} == {i: i for i in IDS}
    live = find_live(bench.es, bench.index)
    own = documents["a"].pop("xlrec")
    own.pop("embedding", None)  # before 9.2 it is part of the source
    vector = documents["a"].pop("vector")
    assert documents["a"] == CATALOGUE[0]  # untouched
    assert own.pop("ingested_at") > "2026"
    assert len(own.pop("content_hash")) == 32
    assert own == {
        "id": "a",
        "language": "en",
        "language_source": "declared",
        "text": {"en": "A puzzle with tiles"},
        "work": "a",
        "fingerprint": live.meta.fingerprint.digest,
    }
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert documents["2"]["text"] == "<p>mit Figuren</p>"
    assert documents["2"]["xlrec"]["text"] == {"de": "Ein Schach Spiel\nmit Figuren"}
    assert documents["c"]["xlrec"]["language_source"] == "detected"
    assert documents["d@ja"]["xlrec"]["work"] == "d"
    assert 0.2 < documents["d@ja"]["xlrec"]["popularity"] < 0.3
    assert documents["e"]["xlrec"]["work"] == "chess"


def test_vectors_arrive_as_they_were_made(bench: Bench) -> None:
    """Packed where the server takes it, as plain numbers elsewhere; the same to the last bit."""
    bench.run(CATALOGUE)
    centering = find_live(bench.es, bench.index).meta.centering
    for found in bench.documents().values():
        [(language, text)] = found["xlrec"]["text"].items()
        raw = HashEncoder().encode([text])
        expected = centering.apply(raw, [language])[0]
        assert np.array_equal(np.array(found["vector"], np.float32), expected)


def test_nothing_is_encoded_twice(bench: Bench) -> None:
    bench.run(CATALOGUE)
    assert len(bench.encoder.encoded) == len(set(bench.encoder.encoded)) == len(IDS)


def test_only_what_has_changed_is_written_again(bench: Bench) -> None:
    bench.run(CATALOGUE)
    before = bench.documents()
    bench.encoder.encoded.clear()
    changed = [*CATALOGUE[:-1], {"id": "f", "title": "2048 tiles"}]
    changed[0] = {**CATALOGUE[0], "year": 1881}
    tally = bench.run(changed)
    assert (tally.documents, tally.unchanged, tally.indexed) == (7, 5, 2)
    assert bench.encoder.encoded == ["2048 tiles"]  # the other's text is as it was
    after = bench.documents()
    assert after["a"]["year"] == 1881
    assert {id_ for id_ in IDS if before[id_] != after[id_]} == {"a", "f"}


def test_what_others_wrote_stays_with_a_document(bench: Bench) -> None:
    """Indicators and their popularity, whatever changes; the vector, unless the text changes."""
    bench.run(CATALOGUE)
    learned = {"indicators_from": "own", "evidence": 3.0, "generation": "g", "popularity": 0.5}
    sparse = {"indicators": [{"x.y": 1.5}], "market_popularity": [{"x.y": 0.5}]}
    together = {"weights": [{"x.y": 2.0}], "from": "own", "evidence": 2.0, "generation": "h"}
    for id_ in ("a", "f"):
        doc = {"xlrec": {**learned, **sparse, "bought_together": together}}
        bench.es.update(index=bench.index, id=id_, doc=doc, refresh=True)
    before = bench.documents()
    bench.run([{**CATALOGUE[0], "year": 1881}, {"id": "f", "title": "2048 tiles"}])
    after = bench.documents()
    for id_ in ("a", "f"):
        assert learned.items() <= after[id_]["xlrec"].items()
        kept = after[id_]["xlrec"]["bought_together"]
        assert {n: v for n, v in kept.items() if n != "weights"}.items() <= together.items()
        assert kept["generation"] == "h"
        for name in (*sparse, "bought_together.weights"):
            query = {"sparse_vector": {"field": f"xlrec.{name}", "query_vector": {"x.y": 1.0}}}
            hits = bench.es.search(index=bench.index, query=query)["hits"]["hits"]
            assert id_ in {hit["_id"] for hit in hits}
    assert after["a"]["vector"] == before["a"]["vector"]
    assert after["f"]["vector"] != before["f"]["vector"]


def test_of_several_states_in_the_source_the_last_counts(bench: Bench) -> None:
    states = [{"id": "a", "language": "en", "title": f"state {n}", "n": n} for n in range(40)]
    tally = bench.run(states, centering="none")
    assert bench.documents()["a"]["n"] == 39
    assert (tally.documents, tally.indexed + tally.superseded) == (40, 40)


def test_an_older_version_never_overwrites_a_newer(bench: Bench) -> None:
    fields = FieldMap(version="changed")

    def state(id_: str, changed: object) -> dict[str, Any]:
        return {"id": id_, "language": "en", "title": f"{id_} of {changed}", "changed": changed}

    first = [state("a", "2026-02-01"), state("a", "2026-01-01"), state("b", "2026-01-01T10:00:00Z")]
    tally = bench.run(first, centering="none", fields=fields)
    assert (tally.indexed, tally.superseded) == (2, 1)
    later = [state("a", "2026-01-15"), state("b", "2026-01-01T12:00:00+01:00"), state("c", 7)]
    tally = bench.run([*later, state("b", "2026-01-02"), state("d", "soon")], fields=fields)
    # b is an hour newer, by the clock of its zone; "soon" is no date.
    assert (tally.indexed, tally.superseded, tally.rejected) == (3, 1, 1)
    titles = {id_: document["title"] for id_, document in bench.documents().items()}
    assert titles == {"a": "a of 2026-02-01", "b": "b of 2026-01-02", "c": "c of 7"}


def test_deletions(bench: Bench) -> None:
    bench.run(CATALOGUE)
    gone: list[dict[str, Any]] = [{"_op": "delete", "id": id_} for id_ in ("a", "d", "nowhere")]
    again = {"id": "a", "language": "en", "title": "A puzzle again"}
    odd = [{"_op": "delete"}, {"_op": "purge", "id": "c"}]
    tally = bench.run([*gone, again, {"_op": "delete", "id": 2}, *odd])
    assert bench.documents().keys() == IDS - {"d@en", "d@ja", "2"}
    assert bench.documents()["a"]["title"] == "A puzzle again"
    assert (tally.deleted, tally.indexed, tally.rejected) == (4, 1, 2)
    reasons = [entry["reason"] for entry in bench.rejects()]
    assert reasons == ["no id in id", "_op is 'purge'; 'delete' is all that it can be"]


def test_a_deletion_that_comes_too_late_is_counted(bench: Bench) -> None:
    fields = FieldMap(version="version")
    bench.run([record | {"version": 5} for record in CATALOGUE], fields=fields)
    gone = [{"_op": "delete", "id": id_, "version": n} for id_, n in (("a", 4), (2, 6))]
    tally = bench.run(gone, fields=fields)
    assert (tally.deleted, tally.late_deletions) == (1, 1)
    assert (tally.superseded, tally.newer_there) == (0, 0)
    assert bench.documents().keys() == IDS - {"2"}


def test_nothing_overtakes_a_deletion(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equal versions the one that arrives last would stay."""
    fields = FieldMap(version="version")
    bench.run([record | {"version": 1} for record in CATALOGUE], fields=fields)
    write = BulkWriter.write

    def slow_at_deleting(writer: BulkWriter, operations: Iterable[Operation[Any]]) -> Written[Any]:
        operations = list(operations)
        if any(operation.body.startswith(b'{"delete"') for operation in operations):
            time.sleep(1)
        return write(writer, operations)

    monkeypatch.setattr(BulkWriter, "write", slow_at_deleting)
    deletion = {"_op": "delete", "id": "a", "version": 2}
    again = {"id": "a", "language": "en", "title": "Again", "version": 2}
    tally = bench.run([deletion, again], fields=fields)
    assert (tally.deleted, tally.indexed) == (1, 1)
    assert bench.documents()["a"]["title"] == "Again"


def test_a_stream_is_centered_on_its_beginning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "HEAD_DOCUMENTS", 3)
    tally = bench.run(CATALOGUE, stream=True)
    assert tally.indexed == 7
    assert bench.documents().keys() == IDS
    meta = find_live(bench.es, bench.index).meta
    assert meta.centering.counts == {"de": 1, "en": 1, "fr": 1}
    assert meta.languages == ("de", "en", "fr", "ja", "und")
    assert len(bench.encoder.encoded) == 7


def test_huge_texts_make_small_windows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "WINDOW_BYTES", 150)
    bench.run(CATALOGUE, window=1000, centering="none")
    assert bench.phases.count("index") == 3
    assert bench.documents().keys() == IDS


def test_what_was_ingested_can_be_recommended(bench: Bench) -> None:
    bench.run(CATALOGUE)
    result = Recommender(bench.es, bench.index).recommend(History.of(["a"]), languages=["en"])
    assert {item.work for item in result.items} == {"d", "chess"}
    assert result.items[0].title in ("Chess", "Chess puzzle")


class Meddling(HashEncoder):
    """Does something to the index when it is asked for the second time."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__()
        self._meddle = meddle
        self._asked = 0

    def encode(self, texts: Sequence[str]) -> Vector:
        """See `HashEncoder.encode`."""
        self._asked += 1
        if self._asked == 2:
            self._meddle()
        return super().encode(texts)


def test_an_index_that_is_deleted_during_a_run_stays_deleted(bench: Bench) -> None:
    bench.run(CATALOGUE[:1], centering="none")
    name = find_live(bench.es, bench.index).name
    bench.encoder = Meddling(lambda: bench.es.indices.delete(index=name))
    with pytest.raises(IndexNotFound, match=r"was deleted|no such index"):
        bench.run(CATALOGUE, window=1, centering="none")
    assert not bench.es.indices.get(index=f"{bench.index}*", expand_wildcards="all").body
    bench.encoder = HashEncoder()
    assert bench.run(CATALOGUE).indexed == len(IDS)
    assert bench.documents().keys() == IDS


def test_an_index_that_is_made_anew_during_a_run_is_told_from_the_old_one(bench: Bench) -> None:
    def anew() -> None:
        made = {part: body[part] for part in ("mappings", "aliases")}
        bench.es.indices.delete(index=name)
        bench.es.indices.create(index=name, **made)

    bench.run(CATALOGUE[:1], centering="none")
    name = find_live(bench.es, bench.index).name
    body = bench.es.indices.get(index=name).body[name]
    bench.encoder = Meddling(anew)
    with pytest.raises(IndexUnusable, match="made again elsewhere"):
        bench.run(CATALOGUE, window=1, centering="none")
    assert bench.documents() == {}
