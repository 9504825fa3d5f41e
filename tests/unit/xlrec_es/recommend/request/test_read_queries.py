"""Request bodies that read."""

from __future__ import annotations

import base64

import numpy as np

from xlrec_es.index.hits import vector_of
from xlrec_es.recommend.request.read_queries import history_body


def test_vectors_can_be_had_as_bytes() -> None:
    array = history_body(["a"], title=None)
    binary = history_body(["a"], title=None, binary=True)
    assert array["fields"] == ["xlrec.embedding"]
    assert "fields" not in binary
    assert binary["docvalue_fields"] == [
        *array["docvalue_fields"],
        {"field": "xlrec.embedding", "format": "binary"},
    ]
    vector = np.array([0.6, -0.8], np.float32)
    in_bytes = base64.b64encode(vector.astype(">f4").tobytes()).decode()
    for value in (vector.tolist(), [in_bytes]):
        found = vector_of({"fields": {"xlrec.embedding": value}})
        assert found is not None
        np.testing.assert_array_equal(found, vector)
    assert vector_of({}) is None
