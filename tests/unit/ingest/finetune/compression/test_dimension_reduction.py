"""The directions in which texts differ most."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.finetune.compression.dimension_reduction import principal_components
from xlrec_es.errors import EncoderError


def test_principal_components_are_those_within_languages() -> None:
    rng = np.random.default_rng(0)
    languages = ["de", "ja"] * 500
    vectors = rng.normal(scale=[0.1, 1, 0.5, 0.01], size=(1000, 4)).astype(np.float32)
    vectors[::2, 0] += 100  # what tells the languages apart, and nothing else does
    found = principal_components(vectors, languages, 2)
    np.testing.assert_allclose(np.abs(found), [[0, 1, 0, 0], [0, 0, 1, 0]], atol=0.05)
    np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-6)
    with pytest.raises(EncoderError, match="4 texts cannot tell 4 directions apart"):
        principal_components(vectors[:4], languages[:4], 4)
