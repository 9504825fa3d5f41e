"""What a tuning does with retrievers that it could not try."""

from __future__ import annotations

from xlrec_es.evaluate.tuning import with_untried


def test_a_retriever_that_could_not_be_tried_keeps_its_share() -> None:
    before = {"dense": 3.0, "lexical": 1.0, "collaborative": 6.0}
    found = with_untried({"dense": 0.5, "lexical": 0.0, "popularity": 0.5}, before)
    assert found == {"dense": 0.2, "popularity": 0.2, "collaborative": 0.6}
    carried = {"dense": 0.003, "lexical": 0.001, "collaborative": 0.996}
    small = with_untried({"dense": 0.62, "lexical": 0.38}, carried)
    assert small == {"dense": 0.00248, "lexical": 0.00152, "collaborative": 0.996}
    everything = {"dense": 0.2, "lexical": 0.1, "collaborative": 0.7}
    assert with_untried(everything, before) == everything
