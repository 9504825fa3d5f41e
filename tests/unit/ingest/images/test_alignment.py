"""The ridge regression from pictures to texts, and the gate in front of it."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.images.alignment import (
    LEAST_PAIRS,
    SHRINKAGES,
    Alignment,
    found_own,
    learn,
    ridge,
)
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import Vector


def unit(rows: np.ndarray) -> Vector:
    vectors: Vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def pairs(n: int = 300, n_features: int = 40, *, noise: float = 1.0) -> tuple[Vector, Vector]:
    """Features, and texts that are a linear map of them with noise."""
    rng = np.random.default_rng(0)
    features = unit(rng.standard_normal((n, n_features)) + 1)
    texts = features @ rng.standard_normal((n_features, 16))
    texts += noise * rng.standard_normal(texts.shape) * texts.std()
    return features, unit(texts - texts.mean(axis=0))


@pytest.mark.parametrize("n", [300, 25])  # more pairs than features, and fewer
def test_it_is_the_closed_form(n: int) -> None:
    features, texts = pairs(n)
    map_ = ridge(features, texts, 0.01)
    x = features.astype(float) - features.astype(float).mean(axis=0)
    y = texts.astype(float) - texts.astype(float).mean(axis=0)
    penalty = 0.01 * np.mean(np.sum(x * x, axis=0))
    expected = np.linalg.inv(x.T @ x + penalty * np.eye(40)) @ x.T @ y
    assert np.allclose(map_.weights, expected, rtol=1e-3, atol=1e-4)
    mapped = (features - features.mean(axis=0)) @ expected + texts.mean(axis=0)
    assert np.allclose(map_.apply(features), unit(mapped), atol=1e-4)


def test_without_shrinkage_it_is_least_squares() -> None:
    features, texts = pairs()
    with_one = np.c_[features, np.ones(len(features))].astype(float)
    solved, *_ = np.linalg.lstsq(with_one, texts.astype(float), rcond=None)
    assert np.allclose(ridge(features, texts, 1e-9).weights, solved[:-1], atol=1e-3)


def test_what_is_learned_finds_held_out_texts() -> None:
    features, texts = pairs()
    works = [str(n) for n in range(len(texts))]
    learned = learn(features, texts, works)
    assert (learned.pairs, learned.held_out) == (300, 60)
    assert learned.chance == 10 / 300
    assert learned.recall.low > 0.3
    assert learned.shrinkage in SHRINKAGES
    assert learned.alignment.digest == ridge(features, texts, learned.shrinkage).digest
    noted = learned.to_meta()
    assert noted["interval"][0] <= noted["recall@10"] <= noted["interval"][1]
    assert learn(features, texts, works).to_meta() == noted


def test_pictures_of_other_items_are_refused_with_the_numbers() -> None:
    features, texts = pairs()
    shuffled = features[np.random.default_rng(1).permutation(len(features))]
    with pytest.raises(EncoderError, match=r"recall@10 of 60 held-out items is 0\.\d+ \[0\.\d+"):
        learn(shuffled, texts, [str(n) for n in range(300)])


def test_a_map_to_one_point_finds_nothing() -> None:
    features, texts = pairs()
    same = np.repeat(features[:1], len(features), axis=0)
    with pytest.raises(EncoderError, match="do not find their texts"):
        learn(same, texts, [str(n) for n in range(300)])
    texts = np.repeat(texts[:1], 30, axis=0)
    assert found_own(texts[:5], texts, np.arange(5)).tolist() == [0] * 5


def test_too_few_pairs_are_refused() -> None:
    features, texts = pairs(LEAST_PAIRS - 1)
    with pytest.raises(EncoderError, match="99 items have both a picture and a text, and 100"):
        learn(features, texts, [str(n) for n in range(99)])


def test_it_survives_being_stored() -> None:
    features, texts = pairs()
    map_ = ridge(features, texts, 0.1)
    again = Alignment.from_json(map_.to_json())
    assert again.digest == map_.digest
    assert np.array_equal(again.apply(features), map_.apply(features))
    assert ridge(features, texts, 0.2).digest != map_.digest
