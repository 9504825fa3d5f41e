"""The nearest neighbours of works, exact and in a large catalogue."""

from __future__ import annotations

import numpy as np
import pytest

from devices import DEVICES
from ingest.indicators import nearest_neighbours
from ingest.indicators.nearest_neighbours import Neighbours


@pytest.mark.parametrize("device", DEVICES)
def test_nearest_is_exact_and_leaves_out_the_work_itself(device: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    among = np.arange(200) % 3 > 0
    works = np.array([5, 3, 77], np.int32)
    groups = ((among, 7), (np.arange(200) < 100, 4))
    nearest = Neighbours(vectors, device).of(works, *groups)
    for (allowed, k), found in zip(groups, nearest, strict=True):
        for row, work in zip(found.toarray(), works, strict=True):
            cosines = np.where(allowed & (np.arange(200) != work), vectors @ vectors[work], -2)
            expected = np.sort(np.argsort(-cosines)[:k])
            assert np.flatnonzero(row).tolist() == expected.tolist()
            np.testing.assert_allclose(row[expected], cosines[expected], rtol=1e-5)


def test_in_a_large_catalogue_nearly_all_neighbours_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(60, 32))
    vectors = (topics[rng.integers(0, 60, 3000)] + 0.8 * rng.normal(size=(3000, 32))).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    among = np.arange(3000) % 4 > 0
    works = rng.permutation(3000)[:200].astype(np.int32)
    [exact] = Neighbours(vectors).of(works, (among, 20))
    monkeypatch.setattr(nearest_neighbours, "REACH", 300)
    monkeypatch.setattr(nearest_neighbours, "CELL", 25)
    [found] = Neighbours(vectors).of(works, (among, 20))
    assert found.shape == exact.shape
    common = found.multiply(exact > 0)
    np.testing.assert_allclose(common.data, exact.multiply(found > 0).data, rtol=1e-5)
    assert common.nnz > 0.95 * exact.nnz
    assert not found[:, ~among].nnz
