from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlrec_es.vectors.calibration import Calibration

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
    centred = Calibration.centre(vectors, languages).apply(vectors, languages)
    assert share_of_own_language(vectors, languages) > 0.95
    assert share_of_own_language(centred, languages) < 0.45
    np.testing.assert_allclose(np.linalg.norm(centred, axis=1), 1, atol=1e-5)


def test_a_rare_language_is_shrunk_towards_the_global_mean() -> None:
    vectors, languages = corners(50, offset=2.0)
    rare = Calibration.centre(vectors[:51], languages[:51], shrinkage=20)
    expected = (vectors[50] + 20 * vectors[:51].mean(axis=0)) / 21
    np.testing.assert_allclose(rare.means["de"], expected, atol=1e-6)
    assert rare.counts == {"en": 50, "de": 1}


def test_an_unseen_language_gets_the_global_mean() -> None:
    vectors, languages = corners(10, offset=1.0)
    calibration = Calibration.centre(vectors, languages)
    moved = vectors[0] - vectors.mean(axis=0)
    expected = moved / np.linalg.norm(moved)
    np.testing.assert_allclose(calibration.apply(vectors[:1], ["ko"])[0], expected, atol=1e-5)


def test_a_vector_that_equals_its_mean_becomes_zero_not_nan() -> None:
    vectors = np.asarray([[1, 0]], np.float32)
    assert not Calibration.centre(vectors, ["en"]).apply(vectors, ["en"]).any()


@given(st.integers(1, 30), st.integers(0, 2**32))
@settings(deadline=None)
def test_survives_meta_to_the_last_bit(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 5)).astype(np.float32)
    languages = [LANGUAGES[i] for i in rng.integers(0, 3, n)]
    calibration = Calibration.centre(vectors, languages)
    read = Calibration.from_meta(json.loads(json.dumps(calibration.to_meta())))
    assert read.name == calibration.name
    np.testing.assert_array_equal(
        read.apply(vectors, languages), calibration.apply(vectors, languages)
    )


def test_none_leaves_vectors_alone() -> None:
    vectors, languages = corners(3, offset=1.0)
    none = Calibration.from_meta(Calibration.none().to_meta())
    assert none.name == "none"
    np.testing.assert_array_equal(none.apply(vectors, languages), vectors)


def test_names_differ_where_vectors_differ() -> None:
    vectors, languages = corners(5, offset=1.0)
    one = Calibration.centre(vectors, languages)
    other = Calibration.centre(vectors[:-1], languages[:-1])
    assert one.name != other.name
    assert one.name.startswith("centre-")


def test_refuses_nothing_and_a_wrong_number_of_languages() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Calibration.centre(np.empty((0, 3), np.float32), [])
    with pytest.raises(ValueError, match="1 vectors and 2 languages"):
        Calibration.centre(np.ones((1, 3), np.float32), ["en", "de"])


@pytest.mark.parametrize("method", ["centre", "none"])
def test_undo_gives_the_raw_vectors_back(method: str) -> None:
    rng = np.random.default_rng(0)
    languages = ["de", "en", "ja"] * 20
    corners = {language: rng.normal(size=8) for language in set(languages)}
    raw = np.stack([corners[language] + 0.3 * rng.normal(size=8) for language in languages])
    raw = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    known = Calibration.centre(raw[:-1], languages[:-1])
    calibration = known if method == "centre" else Calibration.none()
    tags = [*languages[:-1], "of which nothing is known"]
    calibrated = calibration.apply(raw, tags)
    np.testing.assert_allclose(calibration.undo(calibrated, tags), raw, atol=1e-5)


def test_variants_of_a_language_share_its_mean() -> None:
    vectors, languages = corners(40, offset=3.0)
    tags = [f"{tag}-{'GB' if row % 2 else 'US'}" for row, tag in enumerate(languages)]
    calibration = Calibration.centre(vectors, tags)
    assert calibration.name == Calibration.centre(vectors, languages).name
    alone = Calibration.centre(vectors, languages).apply(vectors, languages)
    np.testing.assert_array_equal(calibration.apply(vectors, tags), alone)
    raw = calibration.undo(alone, tags)
    np.testing.assert_allclose(raw, vectors, atol=1e-5)


def test_means_of_variants_that_an_earlier_day_made_are_still_theirs() -> None:
    means = {"en": RNG.normal(size=4), "en-GB": RNG.normal(size=4)}
    calibration = Calibration("centre", np.zeros(4, np.float32), means)
    centres = calibration.centres(["en-GB", "en-US", "en", "de"])
    expected = np.stack([means["en-GB"], means["en"], means["en"], np.zeros(4)])
    np.testing.assert_array_equal(centres, expected)
