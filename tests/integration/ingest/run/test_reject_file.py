"""What is set aside, at every stage, while all else is indexed."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import HashEncoder
from worker_bench import CATALOGUE, IDS, Bench
from xlrec_es.index.live_index import find_live
from xlrec_es.vectors.vector import Vector


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


@pytest.mark.parametrize("centering", ["none", "center"])
def test_useless_vectors_are_set_aside(bench: Bench, centering: str) -> None:
    bench.encoder = Faulty()
    extra = [{"id": t, "language": "en", "title": t} for t in ("zero", "nan")]
    tally = bench.run([*extra, *CATALOGUE], centering=centering)
    assert (tally.indexed, tally.rejected) == (7, 2)
    assert bench.documents().keys() == IDS
    reasons = {entry["document"]: entry["reason"] for entry in bench.rejects()}
    assert reasons == dict.fromkeys(("zero", "nan"), "the encoder made zeros or NaN of it")
    mean = find_live(bench.es, bench.index).meta.centering.global_mean
    assert np.isfinite(mean).all()


def test_a_vector_that_is_its_mean_is_set_aside(bench: Bench) -> None:
    tally = bench.run([{"id": n, "language": "en", "title": "all the same"} for n in range(30)])
    assert (tally.indexed, tally.rejected) == (0, 30)
    assert all("its vector is its language's mean" in r["reason"] for r in bench.rejects())
