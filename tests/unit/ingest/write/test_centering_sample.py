"""The sample that a centering is estimated on."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingest.documents.document import Document
from ingest.write import centering_sample
from xlrec_es.records.record import Record


def document(id_: str, language: str = "en") -> Document:
    record = Record({"id": id_}, 1)
    return Document(
        id_, id_, language, "declared", f"text {id_}", None, {}, f"hash-{id_}", record, 1
    )


@given(st.permutations([f"{n}" for n in range(40)]), st.integers(1, 50))
def test_the_sample_does_not_depend_on_the_order(ids: list[str], limit: int) -> None:
    drawn = centering_sample.draw([document(id_) for id_ in ids], per_language=limit)
    in_order = centering_sample.draw([document(f"{n}") for n in range(40)], per_language=limit)
    assert drawn == in_order
    assert len({text.content_hash for text in drawn}) == len(drawn) == min(limit, 40)


def test_the_sample_has_every_language_up_to_the_limit() -> None:
    documents = [document(f"{n}", "en" if n % 10 else "de") for n in range(100)]
    drawn = centering_sample.draw(documents, per_language=20)
    assert Counter(text.language for text in drawn) == {"en": 20, "de": 10}
    assert centering_sample.draw([]) == []


def test_the_sample_is_drawn_evenly_and_follows_the_seed() -> None:
    documents = [document(f"{n}") for n in range(60)]
    times = Counter(
        text.content_hash
        for seed in range(200)
        for text in centering_sample.draw(documents, per_language=30, seed=seed)
    )
    # Each is drawn 100 times on average, with a standard deviation of 7.
    assert len(times) == 60
    assert max(times.values()) < 135
    assert min(times.values()) > 65
