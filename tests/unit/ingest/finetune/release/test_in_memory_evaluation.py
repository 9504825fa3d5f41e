"""Lists and recall in memory, and two halves of the users."""

from __future__ import annotations

import numpy as np
import pytest

from training_data import examination
from xlrec_es.errors import SourceError


def test_lists_are_of_other_languages_and_of_what_is_not_known() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((12, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pool = examination(1)
    lists = pool.lists(vectors)
    scores = {
        work: np.max(vectors[:2] @ vectors[row])
        for row, work in enumerate(pool.works)
        if work in "hijkl"
    }
    assert [work for work, _ in lists[0]] == sorted(scores, key=lambda w: -scores[w])[:3]
    assert {work for work, _ in lists[1]} <= set("abcdef")
    assert pool.recall([(("k", "en"),), (("b", "de"),)]).tolist() == [0.5, 0]
    one, other = examination(10).halves(0)
    users = [{case.user for case in half.cases} for half in (one, other)]
    assert [len(half) for half in users] == [5, 5]
    assert not users[0] & users[1]
    with pytest.raises(SourceError, match="it takes cases of two users"):
        examination(1).halves(0)
