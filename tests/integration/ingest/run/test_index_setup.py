"""Have an index to write into: made with its centering, kept, or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakes import HashEncoder
from ingest.write import target_index as targets
from worker_bench import CATALOGUE, Bench
from xlrec_es.errors import FingerprintMismatch, SourceError
from xlrec_es.index.live_index import find_live
from xlrec_es.records.field_map import FieldMap


def test_the_index_says_what_made_it(bench: Bench) -> None:
    bench.run(CATALOGUE, fields=FieldMap(text=("text",)))
    meta = find_live(bench.es, bench.index).meta
    assert meta.title_field == "title"
    assert meta.source["input"].endswith("items.jsonl")
    assert meta.source["fields"]["text"] == ["text"]
    assert meta.languages == ("de", "en", "fr", "ja", "und")
    assert meta.fingerprint.recipe.startswith("title, text; ")
    assert meta.fingerprint.centering == meta.centering.name
    assert meta.centering.counts == {"de": 1, "en": 3, "fr": 1, "ja": 1, "und": 1}


def test_without_centering_vectors_are_the_encoders_own(bench: Bench) -> None:
    bench.run(CATALOGUE, centering="none")
    assert find_live(bench.es, bench.index).meta.centering.method == "none"
    expected = HashEncoder().encode(["2048"])[0]
    assert bench.documents()["f"]["vector"] == pytest.approx(expected)


def test_an_index_keeps_its_centering(bench: Bench) -> None:
    bench.run(CATALOGUE)
    before = find_live(bench.es, bench.index).meta.centering
    bench.run([*CATALOGUE, {"id": "g", "language": "en", "title": "Another text"}])
    assert find_live(bench.es, bench.index).meta.centering.name == before.name
    with pytest.raises(FingerprintMismatch, match="was made with --centering center, not none"):
        bench.run(CATALOGUE, centering="none")


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


def test_a_source_without_a_record_makes_no_index(bench: Bench) -> None:
    with pytest.raises(SourceError, match=r"has no record that can be indexed; .*rejects says why"):
        bench.run(["not json", {"id": 1}])
    assert len(bench.rejects()) == 2
    with pytest.raises(SourceError, match=r"has no record that can be indexed$"):
        bench.run([])
    assert targets.find(bench.es, bench.index) is None
    bench.run(CATALOGUE)
    assert bench.run([]).documents == 0
