"""The worker on a real node, with an encoder that needs no model."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.documents.builder import DocumentBuilder
from ingest.documents.field_map import FieldMap
from ingest.documents.language_detection import LanguageDetector
from ingest.run import reading
from ingest.run import worker as worker_module
from ingest.run.counts import Tally
from ingest.run.job import Job
from ingest.run.reject_file import RejectFile
from ingest.run.worker import Worker
from ingest.sources.source import open_source
from ingest.write import target_index as targets
from ingest.write.target_index import Target
from xlrec_es.cluster.bulk import BulkWriter, Operation, Written
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import FingerprintMismatch, SourceError
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.vectors.vector import Vector

DETECTOR = LanguageDetector()
FRENCH = "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"
CATALOGUE: list[dict[str, Any]] = [
    {"id": "a", "language": "en", "title": "A puzzle with tiles", "year": 1880, "tags": ["x", "y"]},
    {"id": 2, "language": "de", "title": "Ein Schach Spiel", "text": "<p>mit Figuren</p>"},
    {"id": "c", "title": "Taquin", "text": FRENCH},
    {
        "id": "d",
        "popularity": 99,
        "translations": {"en": {"title": "Chess"}, "ja": {"title": "将棋 盤"}},
    },
    {"id": "e", "language": "en", "title": "Chess puzzle", "work": "chess"},
    {"id": "f", "title": "2048"},
]
IDS = {"a", "2", "c", "d@en", "d@ja", "e", "f"}


class Bench:
    """Runs the worker, and looks at what came of it."""

    def __init__(self, es: Elasticsearch, index: str, folder: Path) -> None:
        self.es = es
        self.index = index
        self.folder = folder
        self.cluster = Cluster(es, probe(es))
        self.encoder = HashEncoder()
        self.phases: list[str] = []

    def write(self, records: list[Any]) -> str:
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path = self.folder / "items.jsonl"
        path.write_text("\n".join(lines), "utf-8")
        return str(path)

    def pipe(self, path: str) -> str:
        """A named pipe with a file's content; it can be read but once."""
        pipe = Path(f"{path}.pipe")
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=(Path(path).read_bytes(),)).start()
        return str(pipe)

    def run(self, records: list[Any], **options: Any) -> Tally:  # noqa: ANN401
        window, stream = options.pop("window", 3), options.pop("stream", False)
        path = self.write(records)
        job = Job(self.pipe(path) if stream else path, self.index, **options)
        with RejectFile(self.folder / "rejects") as rejects:
            worker = Worker(
                job=job,
                source=open_source(job.source),
                builder=DocumentBuilder(job.fields, job.recipe, DETECTOR),
                encoder=self.encoder,
                cluster=self.cluster,
                live=targets.find(self.es, self.index),
                rejects=rejects,
                window=window,
                observe=lambda phase, *_: self.phases.append(phase),
            )
            self.target: Target = worker.run()
        return worker.tally

    def rejects(self) -> list[dict[str, Any]]:
        path = self.folder / "rejects"
        return (
            [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        )

    def documents(self) -> dict[str, dict[str, Any]]:
        hits = self.es.search(index=self.index, size=1000, fields=["xlrec.embedding"])["hits"]
        return {
            hit["_id"]: hit["_source"] | {"vector": hit["fields"]["xlrec.embedding"]}
            for hit in hits["hits"]
        }


@pytest.fixture
def bench(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Bench:
    return Bench(es_each, index_name, tmp_path)


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
    calibration = find_live(bench.es, bench.index).meta.calibration
    for found in bench.documents().values():
        [(language, text)] = found["xlrec"]["text"].items()
        raw = HashEncoder().encode([text])
        expected = calibration.apply(raw, [language])[0]
        assert np.array_equal(np.array(found["vector"], np.float32), expected)


def test_the_index_says_what_made_it(bench: Bench) -> None:
    bench.run(CATALOGUE, fields=FieldMap(text=("text",)))
    meta = find_live(bench.es, bench.index).meta
    assert meta.title_field == "title"
    assert meta.source["input"].endswith("items.jsonl")
    assert meta.source["fields"]["text"] == ["text"]
    assert meta.languages == ("de", "en", "fr", "ja", "und")
    assert meta.fingerprint.recipe.startswith("title, text; ")
    assert meta.fingerprint.calibration == meta.calibration.name
    assert meta.calibration.counts == {"de": 1, "en": 3, "fr": 1, "ja": 1, "und": 1}


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
    for id_ in ("a", "f"):
        doc = {"xlrec": {**learned, **sparse}}
        bench.es.update(index=bench.index, id=id_, doc=doc, refresh=True)
    before = bench.documents()
    bench.run([{**CATALOGUE[0], "year": 1881}, {"id": "f", "title": "2048 tiles"}])
    after = bench.documents()
    for id_ in ("a", "f"):
        assert learned.items() <= after[id_]["xlrec"].items()
        for name in sparse:
            query = {"sparse_vector": {"field": f"xlrec.{name}", "query_vector": {"x.y": 1.0}}}
            hits = bench.es.search(index=bench.index, query=query)["hits"]["hits"]
            assert id_ in {hit["_id"] for hit in hits}
    assert after["a"]["vector"] == before["a"]["vector"]
    assert after["f"]["vector"] != before["f"]["vector"]


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


def test_of_several_states_in_the_source_the_last_counts(bench: Bench) -> None:
    states = [{"id": "a", "language": "en", "title": f"state {n}", "n": n} for n in range(40)]
    tally = bench.run(states, calibration="none")
    assert bench.documents()["a"]["n"] == 39
    assert (tally.documents, tally.indexed + tally.superseded) == (40, 40)


def test_an_older_version_never_overwrites_a_newer(bench: Bench) -> None:
    fields = FieldMap(version="changed")

    def state(id_: str, changed: object) -> dict[str, Any]:
        return {"id": id_, "language": "en", "title": f"{id_} of {changed}", "changed": changed}

    first = [state("a", "2026-02-01"), state("a", "2026-01-01"), state("b", "2026-01-01T10:00:00Z")]
    tally = bench.run(first, calibration="none", fields=fields)
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


def test_a_new_language_gets_its_field(bench: Bench) -> None:
    bench.run(CATALOGUE[:2])
    tally = bench.run([{"id": "ko", "language": "ko", "title": "퍼즐 게임"}])
    assert tally.indexed == 1
    live = find_live(bench.es, bench.index)
    assert live.meta.languages == ("de", "en", "ko")
    assert "ko" not in live.meta.calibration.means
    hits = bench.es.search(index=bench.index, query={"match": {"xlrec.text.ko": "퍼즐"}})
    assert [hit["_id"] for hit in hits["hits"]["hits"]] == ["ko"]


def test_without_calibration_vectors_are_the_encoders_own(bench: Bench) -> None:
    bench.run(CATALOGUE, calibration="none")
    assert find_live(bench.es, bench.index).meta.calibration.method == "none"
    expected = HashEncoder().encode(["2048"])[0]
    assert bench.documents()["f"]["vector"] == pytest.approx(expected)


def test_an_index_keeps_its_calibration(bench: Bench) -> None:
    bench.run(CATALOGUE)
    before = find_live(bench.es, bench.index).meta.calibration
    bench.run([*CATALOGUE, {"id": "g", "language": "en", "title": "Another text"}])
    assert find_live(bench.es, bench.index).meta.calibration.name == before.name
    with pytest.raises(FingerprintMismatch, match="was made with --calibration centre, not none"):
        bench.run(CATALOGUE, calibration="none")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda bench: setattr(bench, "encoder", HashEncoder(revision="2")), "revision is '2'"),
        (lambda bench: setattr(bench, "encoder", HashEncoder(dims=8)), "dims is 8"),
    ],
)
def test_another_encoder_is_refused(
    bench: Bench, change: Callable[[Bench], None], difference: str
) -> None:
    bench.run(CATALOGUE)
    change(bench)
    with pytest.raises(FingerprintMismatch, match=difference):
        bench.run(CATALOGUE)


def test_another_recipe_is_refused(bench: Bench) -> None:
    bench.run(CATALOGUE)
    with pytest.raises(FingerprintMismatch, match="recipe is"):
        bench.run(CATALOGUE, fields=FieldMap(text=("text",)))


def test_bad_records_are_set_aside_and_all_others_indexed(bench: Bench) -> None:
    bad = ["not json", "[]", {"title": "x"}, {"id": "x" * 513, "title": "x"}, {"id": "n"}]
    mixed = [record for pair in zip(CATALOGUE, bad, strict=False) for record in pair]
    tally = bench.run([*mixed, CATALOGUE[-1]])
    assert (tally.indexed, tally.rejected) == (7, 5)
    assert bench.documents().keys() == IDS
    assert [(entry["line"], entry["stage"]) for entry in bench.rejects()] == [
        (2, "read"), (4, "read"), (6, "document"), (8, "document"), (10, "document")
    ]  # fmt: skip


def test_what_elasticsearch_refuses_is_set_aside(bench: Bench) -> None:
    """A date where there were numbers, an empty name, and a work that is too long for a keyword."""
    refused = [
        {"id": "r1", "title": "one", "year": "no year"},
        {"id": "r2", "title": "two", "": 1},
        {"id": "r3", "title": "three", "work": "w" * 40_000},
    ]
    tally = bench.run([*CATALOGUE, *refused], window=100)
    assert (tally.indexed, tally.rejected) == (7, 3)
    assert bench.documents().keys() == IDS
    entries = {entry["document"]: entry for entry in bench.rejects()}
    assert entries.keys() == {"r1", "r2", "r3"}
    assert "failed to parse field [year]" in entries["r1"]["reason"]
    assert entries["r1"]["record"] == refused[0]
    assert {entry["stage"] for entry in entries.values()} == {"write"}


class Faulty(HashEncoder):
    """Makes zeros of one text and NaN of another."""

    def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
        vectors = super().encode(texts)
        for row, text in enumerate(texts):
            if text in ("zero", "nan"):
                vectors[row] = 0 if text == "zero" else np.nan
        return vectors


@pytest.mark.parametrize("calibration", ["none", "centre"])
def test_useless_vectors_are_set_aside(bench: Bench, calibration: str) -> None:
    bench.encoder = Faulty()
    extra = [{"id": t, "language": "en", "title": t} for t in ("zero", "nan")]
    tally = bench.run([*extra, *CATALOGUE], calibration=calibration)
    assert (tally.indexed, tally.rejected) == (7, 2)
    assert bench.documents().keys() == IDS
    reasons = {entry["document"]: entry["reason"] for entry in bench.rejects()}
    assert reasons == dict.fromkeys(("zero", "nan"), "the encoder made zeros or NaN of it")
    mean = find_live(bench.es, bench.index).meta.calibration.global_mean
    assert np.isfinite(mean).all()


def test_a_vector_that_is_its_mean_is_set_aside(bench: Bench) -> None:
    tally = bench.run([{"id": n, "language": "en", "title": "all the same"} for n in range(30)])
    assert (tally.indexed, tally.rejected) == (0, 30)
    assert all("its vector is its language's mean" in r["reason"] for r in bench.rejects())


def test_a_source_without_a_record_makes_no_index(bench: Bench) -> None:
    with pytest.raises(SourceError, match=r"has no record that can be indexed; .*rejects says why"):
        bench.run(["not json", {"id": 1}])
    assert len(bench.rejects()) == 2
    with pytest.raises(SourceError, match=r"has no record that can be indexed$"):
        bench.run([])
    assert targets.find(bench.es, bench.index) is None
    bench.run(CATALOGUE)
    assert bench.run([]).documents == 0


def test_a_stream_is_calibrated_on_its_beginning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "HEAD_DOCUMENTS", 3)
    tally = bench.run(CATALOGUE, stream=True)
    assert tally.indexed == 7
    assert bench.documents().keys() == IDS
    meta = find_live(bench.es, bench.index).meta
    assert meta.calibration.counts == {"de": 1, "en": 1, "fr": 1}
    assert meta.languages == ("de", "en", "fr", "ja", "und")
    assert len(bench.encoder.encoded) == 7


def test_huge_texts_make_small_windows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "WINDOW_BYTES", 150)
    bench.run(CATALOGUE, window=1000, calibration="none")
    assert bench.phases.count("index") == 3
    assert bench.documents().keys() == IDS


def test_what_was_ingested_can_be_recommended(bench: Bench) -> None:
    bench.run(CATALOGUE)
    result = Recommender(bench.es, bench.index).recommend(History.of(["a"]), languages=["en"])
    assert {item.work for item in result.items} == {"d", "chess"}
    assert result.items[0].title in ("Chess", "Chess puzzle")
