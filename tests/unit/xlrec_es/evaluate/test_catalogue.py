"""What a pool knows of its works, by arrays."""

from __future__ import annotations

import numpy as np
import pytest

from xlrec_es.evaluate import catalogue
from xlrec_es.evaluate.catalogue import Pool, mean_directions
from xlrec_es.vectors.language_centering import LanguageCentering

RNG = np.random.default_rng(0)
LANGUAGES = {"a": ("de", "ja"), "b": ("de",), "c": ("fr", "ja"), "d": ("fr",)}
WORK = np.array([0, 0, 1, 2, 2, 3])
TAGS = ("de-AT", "ja", "de", "ja", "fr", "fr")
RAW = RNG.normal(size=(6, 8)).astype(np.float32)
RAW /= np.linalg.norm(RAW, axis=1, keepdims=True)
CENTERING = LanguageCentering.center(RAW, TAGS)
POOL = Pool(
    works=("a", "b", "c", "d"),
    languages=LANGUAGES,
    items={work: work for work in LANGUAGES},
    spoken=("de", "fr", "ja"),
    work=WORK,
    language=np.array([0, 2, 0, 2, 1, 1]),
    vectors=CENTERING.apply(RAW, TAGS),
    tags=TAGS,
)


@pytest.mark.parametrize("some", [(), ("de",), ("ja", "fr"), ("ko",), ("ko", "de", "ja")])
def test_works_are_within_languages_that_one_of_their_documents_has(some: tuple[str, ...]) -> None:
    expected = [not set(some).isdisjoint(languages) for languages in LANGUAGES.values()]
    assert POOL.within(some).tolist() == expected


def test_in_one_language_a_work_is_within_no_other() -> None:
    drawn = POOL.in_one_language(1)
    assert [len(drawn.languages[work]) for work in drawn.works] == [1, 1, 1, 1]
    assert drawn.spoken == tuple(sorted({drawn.languages[work][0] for work in drawn.works}))
    for language in POOL.spoken:
        expected = [drawn.languages[work] == (language,) for work in drawn.works]
        assert drawn.within([language]).tolist() == expected
    assert len(drawn.work) == len(drawn.language) == len(drawn.tags) == len(drawn.vectors) == 4


def test_raw_vectors_of_a_few_at_once_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = POOL.raw_vectors(CENTERING)
    np.testing.assert_allclose(whole, RAW, atol=1e-6)
    monkeypatch.setattr(catalogue, "_ROWS", 4)
    assert POOL.raw_vectors(CENTERING).tolist() == whole.tolist()


def test_raw_directions_of_some_works_are_those_of_all() -> None:
    every = mean_directions(POOL.raw_vectors(CENTERING), WORK, 4)
    assert POOL.raw_directions(["c", "a"], CENTERING).tolist() == every[[2, 0]].tolist()
