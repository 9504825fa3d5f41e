"""Errors travel between processes with what they know."""

from __future__ import annotations

import pickle

from xlrec_es.errors import FingerprintMismatch, UnknownItems


def test_errors_keep_their_data_when_pickled() -> None:
    unknown = pickle.loads(pickle.dumps(UnknownItems("no such id", items=["a"])))
    assert (str(unknown), unknown.items) == ("no such id", ("a",))
    mismatch = pickle.loads(pickle.dumps(FingerprintMismatch("differs", differences=["dims"])))
    assert mismatch.differences == ("dims",)
