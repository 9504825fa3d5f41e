"""What retrievers say before anything is fused."""

from __future__ import annotations

from plans import answer, plan_for
from xlrec_es.recommend.answer.ranking import rank, unfused
from xlrec_es.recommend.options import Options


def test_what_is_not_fused_are_the_scores_that_are_fused() -> None:
    options = Options(weights={"dense": 1.0})
    asked = plan_for(options, ["de", "ja"])
    answers = [answer("de", 0.9, 0.7, 0.6), answer("ja", 0.8)]
    ranking, found = rank(asked, answers, options), unfused(asked, answers)
    assert found.scores == {
        (candidate.id, candidate.language): {
            retriever: said.score for retriever, said in candidate.retrievers.items()
        }
        for candidate in ranking.candidates
    }
    assert len(found.scores) == 4
    assert found.works == ranking.works


def test_what_failed_is_told_without_a_fusion_too() -> None:
    asked = plan_for(Options(weights={"dense": 1.0}), ["de", "ja"])
    failed = {"error": {"type": "x", "reason": "no"}, "status": 500}
    found = unfused(asked, [answer("de", 0.9), failed])
    assert {language for _, language in found.scores} == {"de"}
    assert len(found.degraded) == 1
    assert "the dense search for ja failed" in found.degraded[0]
