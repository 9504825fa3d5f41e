from __future__ import annotations

from xlrec_es.evaluate.vectorized_fusion import Fusion, RetrieverScores
from xlrec_es.recommend.options import WEIGHTS


def test_a_case_of_which_the_index_has_nothing_has_an_empty_list() -> None:
    scores = RetrieverScores.of(None)
    assert scores.degraded == ()
    assert scores.narrowed(["de", "ja"]).ranked(Fusion(WEIGHTS), mix="auto", size=5) == ()
