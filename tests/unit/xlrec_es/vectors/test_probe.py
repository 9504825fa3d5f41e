"""What stands for a model behind an address: the same one is known again, another is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xlrec_es.vectors import probe
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.vector import Vector


def unit(vectors: Vector) -> Vector:
    made: Vector = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def model(dims: int, seed: int = 0) -> Vector:
    drawn = np.random.default_rng(seed).standard_normal((len(probe.TEXTS), dims))
    return unit(drawn)


def turned(vectors: Vector, cosine: float, seed: int = 1) -> Vector:
    """Vectors of that cosine to others."""
    aside = np.random.default_rng(seed).standard_normal(vectors.shape)
    aside -= np.sum(aside * vectors, axis=1, keepdims=True) * vectors
    return unit(cosine * vectors + np.sqrt(1 - cosine**2) * unit(aside))


DIMS = pytest.mark.parametrize("dims", [8, 26, 384, 4096])


@DIMS
@pytest.mark.parametrize("cosine", [1.0, 0.9999, 0.9995, 0.998, 0.99, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_a_sketch_tells_the_cosine(dims: int, cosine: float, seed: int) -> None:
    vectors = model(dims, seed)
    one, other = probe.sketch(vectors), probe.sketch(turned(vectors, cosine, seed + 1))
    found = probe.agreement(one, other)
    assert found is not None
    # The farther apart two models are, the less exactly it must be told.
    assert found == pytest.approx(cosine, abs=0.0005 + 0.5 * (1 - cosine))
    assert probe.same_model(one, other) == (cosine >= 0.9995)


@DIMS
def test_noise_of_floats_is_no_other_model(dims: int) -> None:
    vectors = model(dims)
    half = vectors.astype(np.float16).astype(np.float32)
    assert probe.same_model(probe.sketch(vectors), probe.sketch(unit(half)))


def test_a_sketch_stays_what_it_is() -> None:
    """Else every index that was made through a service would be refused by the next program."""
    vectors = unit(np.arange(1, 8 * len(probe.TEXTS) + 1, dtype=np.float32).reshape(-1, 8) % 7 - 3)
    assert probe.sketch(vectors) == SKETCH


SKETCH = (
    "probe-1:T944Fgvq6i0W9cje9d4ivSn6Bu4pBhL6Er/6BtfXEtcAGNAY9NA8xAzcMNwMJAD01zXu7r/u"
    "EuMG+hIG7h3uErEACxbeC+oAABb1LSIW3i3bGtvw+yUQGvsvJQUFENFEJcca8DkaxxDRJeYFEOYv8E/e"
    "OBYL6uotFvXI3vXeIr0="
)


def test_a_commit_is_no_sketch() -> None:
    sketch = probe.sketch(model(8))
    for other in ("1", "probe-1:", "probe-1:!", "probe-1:AAAA", "probe-2:" + sketch[8:]):
        assert probe.agreement(sketch, other) is None
        assert not probe.same_model(sketch, other)
        assert probe.same_model(other, other)


def test_a_fingerprint_takes_a_sketch_of_the_same_model_for_its_own() -> None:
    vectors = model(384)
    mine = Fingerprint("m", probe.sketch(vectors), 384, "service", "", "title", "none")
    theirs = replace(mine, revision=probe.sketch(turned(vectors, 0.9999)))
    assert mine.revision != theirs.revision
    assert mine.differences(theirs) == ()
    assert mine.or_equal([replace(mine, dims=1), theirs]) is theirs
    assert mine.or_equal([]) is mine
    other = replace(mine, revision=probe.sketch(turned(vectors, 0.9)))
    [difference] = mine.differences(other)
    assert difference.startswith("another model answers by the name 'm' now")
    assert "0.9" in difference
    assert mine.or_equal([other]) is mine
    [difference] = mine.differences(replace(mine, revision="4f1c"))
    assert difference.startswith("revision is ")
