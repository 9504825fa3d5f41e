from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlrec_es.vectors.language_centering import LanguageCentering

RNG = np.random.default_rng(7)
LANGUAGES = ["en", "de", "ja"]


def corners(per_language: int, offset: float) -> tuple[np.ndarray, list[str]]:
    """Unit vectors whose language shifts them along an axis of its own."""
    languages = [language for language in LANGUAGES for _ in range(per_language)]
    vectors = RNG.normal(size=(len(languages), 24))
    for row, language in enumerate(languages):
        vectors[row, LANGUAGES.index(language)] += offset
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), languages


def share_of_own_language(vectors: np.ndarray, languages: list[str]) -> float:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    top = np.argsort(-scores, axis=1)[:, :20]
    tags = np.asarray(languages)
    return float((tags[top] == tags[:, None]).mean())


def test_centring_takes_the_language_out_of_the_neighbourhood() -> None:
    vectors, languages = corners(100, offset=5.0)
    centered = LanguageCentering.center(vectors, languages).apply(vectors, languages)
    assert share_of_own_language(vectors, languages) > 0.95
    assert share_of_own_language(centered, languages) < 0.45
    np.testing.assert_allclose(np.linalg.norm(centered, axis=1), 1, atol=1e-5)


def test_a_rare_language_is_shrunk_towards_the_global_mean() -> None:
    vectors, languages = corners(50, offset=2.0)
    rare = LanguageCentering.center(vectors[:51], languages[:51], shrinkage=20)
    expected = (vectors[50] + 20 * vectors[:51].mean(axis=0)) / 21
    np.testing.assert_allclose(rare.means["de"], expected, atol=1e-6)
    assert rare.counts == {"en": 50, "de": 1}


def test_an_unseen_language_gets_the_global_mean() -> None:
    vectors, languages = corners(10, offset=1.0)
    centering = LanguageCentering.center(vectors, languages)
    moved = vectors[0] - vectors.mean(axis=0)
    expected = moved / np.linalg.norm(moved)
    np.testing.assert_allclose(centering.apply(vectors[:1], ["ko"])[0], expected, atol=1e-5)


def test_a_vector_that_equals_its_mean_becomes_zero_not_nan() -> None:
    vectors = np.asarray([[1, 0]], np.float32)
    assert not LanguageCentering.center(vectors, ["en"]).apply(vectors, ["en"]).any()


@given(st.integers(1, 30), st.integers(0, 2**32))
@settings(deadline=None)
def test_survives_meta_to_the_last_bit(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 5)).astype(np.float32)
    languages = [LANGUAGES[i] for i in rng.integers(0, 3, n)]
    centering = LanguageCentering.center(vectors, languages)
    read = LanguageCentering.from_meta(json.loads(json.dumps(centering.to_meta())))
    assert read.name == centering.name
    np.testing.assert_array_equal(
        read.apply(vectors, languages), centering.apply(vectors, languages)
    )


def test_none_leaves_vectors_alone() -> None:
    vectors, languages = corners(3, offset=1.0)
    none = LanguageCentering.from_meta(LanguageCentering.none().to_meta())
    assert none.name == "none"
    np.testing.assert_array_equal(none.apply(vectors, languages), vectors)


def test_names_differ_where_vectors_differ() -> None:
    vectors, languages = corners(5, offset=1.0)
    one = LanguageCentering.center(vectors, languages)
    other = LanguageCentering.center(vectors[:-1], languages[:-1])
    assert one.name != other.name
    assert one.name.startswith("centre-")


def test_refuses_nothing_and_a_wrong_number_of_languages() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LanguageCentering.center(np.empty((0, 3), np.float32), [])
    with pytest.raises(ValueError, match="1 vectors and 2 languages"):
        LanguageCentering.center(np.ones((1, 3), np.float32), ["en", "de"])


@pytest.mark.parametrize("method", ["center", "none"])
def test_undo_gives_the_raw_vectors_back(method: str) -> None:
    rng = np.random.default_rng(0)
    languages = ["de", "en", "ja"] * 20
    corners = {language: rng.normal(size=8) for language in set(languages)}
    raw = np.stack([corners[language] + 0.3 * rng.normal(size=8) for language in languages])
    raw = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    known = LanguageCentering.center(raw[:-1], languages[:-1])
    centering = known if method == "center" else LanguageCentering.none()
    tags = [*languages[:-1], "of which nothing is known"]
    centered = centering.apply(raw, tags)
    np.testing.assert_allclose(centering.undo(centered, tags), raw, atol=1e-5)


def test_variants_of_a_language_share_its_mean() -> None:
    vectors, languages = corners(40, offset=3.0)
    tags = [f"{tag}-{'GB' if row % 2 else 'US'}" for row, tag in enumerate(languages)]
    centering = LanguageCentering.center(vectors, tags)
    assert centering.name == LanguageCentering.center(vectors, languages).name
    alone = LanguageCentering.center(vectors, languages).apply(vectors, languages)
    np.testing.assert_array_equal(centering.apply(vectors, tags), alone)
    raw = centering.undo(alone, tags)
    np.testing.assert_allclose(raw, vectors, atol=1e-5)


def test_means_of_variants_that_an_earlier_day_made_are_still_theirs() -> None:
    means = {"en": RNG.normal(size=4), "en-GB": RNG.normal(size=4)}
    centering = LanguageCentering("center", np.zeros(4, np.float32), means)
    centers = centering.centers(["en-GB", "en-US", "en", "de"])
    expected = np.stack([means["en-GB"], means["en"], means["en"], np.zeros(4)])
    np.testing.assert_array_equal(centers, expected)
