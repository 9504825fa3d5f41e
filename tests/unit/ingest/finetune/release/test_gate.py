"""Which model is refused, and why."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.finetune.release import gate
from ingest.finetune.release.in_memory_evaluation import Examination
from training_data import examination


def test_a_gain_that_costs_one_pair_of_languages_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Among so few works, centering brings anything near anything.
    monkeypatch.setattr(Examination, "centered", lambda _, raw: {"none": raw})
    pool = examination(300)
    one, other = pool.halves(0)
    vectors = np.eye(12, dtype=np.float32)
    ignorant = vectors.copy()
    ignorant[[10, 11, 5]] = -vectors[[0, 1, 6]]  # k, l and f are far from what they go with
    wise, partial, other_part = ignorant.copy(), ignorant.copy(), ignorant.copy()
    wise[[10, 11, 5]] = vectors[[0, 1, 6]]
    partial[[10, 11]] = vectors[[0, 1]]
    other_part[5] = vectors[6]
    verdict = gate.judge(one, other, ignorant, wise, seed=0)
    assert verdict.reasons == ()
    assert verdict.gain.interval.mean == 1
    back = gate.judge(one, other, wise, ignorant, seed=0)
    assert "not significantly better than its base" in back.reasons[0]
    assert len(back.reasons) == 3
    mixed = gate.judge(one, other, other_part, partial, seed=0)
    assert mixed.gain.interval.low > 0
    assert [reason.partition(":")[0] for reason in mixed.reasons] == [
        "from en to de it is worse than its base"
    ]
