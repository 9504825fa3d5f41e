"""What a query found, and what taste may do to its order."""

from __future__ import annotations

import numpy as np
import pytest

from plans import plan_for
from xlrec_es.recommend.answer.explanations import _Held
from xlrec_es.recommend.answer.fusion import Found, Fused
from xlrec_es.recommend.answer.query_fusion import (
    QueryRanking,
    rank_query,
    reasons_of,
    with_taste,
)
from xlrec_es.recommend.answer.ranking import Ranking, Searched
from xlrec_es.recommend.answer.taste import Taste
from xlrec_es.recommend.options import SEARCH_WEIGHTS, Options
from xlrec_es.recommend.request.queries import SearchRequest
from xlrec_es.recommend.request.text_queries import ALL_WORDS

LANGUAGES = ("de", "ja")


def hit(id_: str, score: float, *marks: str) -> dict[str, object]:
    fields = {"xlrec.id": [id_], "xlrec.work": [id_]}
    return {"_score": score, "fields": fields, "matched_queries": list(marks)}


def answer(*hits: dict[str, object]) -> dict[str, object]:
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": list(hits)}}


def searched(lexical: list[dict[str, object]], dense: list[dict[str, object]]) -> Searched:
    plan = plan_for(Options(), list(LANGUAGES))
    requests = tuple(SearchRequest(t, r, {}) for r in ("lexical", "dense") for t in LANGUAGES)
    object.__setattr__(plan, "requests", requests)
    object.__setattr__(plan, "weights", SEARCH_WEIGHTS)
    return Searched(plan, [*lexical, *dense])


def test_words_are_compared_over_languages() -> None:
    """A word that a language has by chance is not worth the best match of another one."""
    lexical = [answer(hit("de-1", 10.0, ALL_WORDS), hit("de-2", 5.0)), answer(hit("ja-1", 1.0))]
    found = rank_query(searched(lexical, [answer(), answer()]), Options())
    assert [(c.id, c.language, c.score) for c in found.ranking.candidates] == [
        ("de-1", "de", 1.0),
        ("de-2", "de", 0.5),
        ("ja-1", "ja", 0.1),
    ]
    assert found.exact == {"de-1"}
    assert found.taste == pytest.approx(0.15)
    # Places and scores are those among the results of the same language.
    assert found.ranking.candidates[2].retrievers["lexical"][:2] == (1, 1.0)


def test_both_retrievers_count() -> None:
    lexical = [answer(hit("de-1", 4.0)), answer()]
    dense = [answer(hit("de-2", 0.9), hit("de-1", 0.6)), answer(hit("ja-1", 0.5))]
    for fusion in ("weighted", "rrf"):
        found = rank_query(searched(lexical, dense), Options(fusion=fusion))
        best = found.ranking.candidates[0]
        assert best.id == "de-1"
        assert set(best.retrievers) == {"lexical", "dense"}
        assert best.retrievers["dense"].score == pytest.approx(0.2)  # a cosine, as it is


def ranking(*scores: float) -> Ranking:
    candidates = [
        Fused(f"{n:02}", "de", score, {"lexical": Found(n + 1, score, score)})
        for n, score in enumerate(scores)
    ]
    return Ranking(candidates, candidates, {}, {}, ())


@pytest.mark.parametrize("seed", range(20))
def test_taste_lifts_nothing_above_what_has_all_words(seed: int) -> None:
    draw = np.random.default_rng(seed)
    before = ranking(*sorted(draw.random(30).round(1).tolist(), reverse=True))
    exact = frozenset(c.id for c in before.candidates if draw.random() < 0.3)
    said = {c.id: Taste(float(draw.random()), {}) for c in before.candidates if draw.random() < 0.8}
    after = with_taste(QueryRanking(before, exact, {}, 0.9), said).candidates
    assert {c.id for c in after} == {c.id for c in before.candidates}
    place = {c.id: n for n, c in enumerate(after)}
    score = {c.id: c.score for c in before.candidates}
    for one in exact:
        for other in set(place) - exact:
            assert score[other] >= score[one] or place[one] < place[other]
    for candidate in after:
        assert sum(f.part for f in candidate.retrievers.values()) == pytest.approx(candidate.score)


def test_taste_decides_among_what_is_found_alike() -> None:
    before = ranking(0.5, 0.5, 0.5)
    said = {"02": Taste(1.0, {}), "01": Taste(0.25, {})}
    found = QueryRanking(before, frozenset(), {}, 0.2)
    after = with_taste(found, said).candidates
    assert [c.id for c in after] == ["02", "01", "00"]
    assert [c.score for c in after] == pytest.approx([0.6, 0.45, 0.4])
    assert after[0].retrievers["taste"] == (1, 1.0, pytest.approx(0.2))
    # Without a user the scores are those of the query.
    assert with_taste(found, {}).candidates == before.candidates


def test_boosts_come_last() -> None:
    found = QueryRanking(ranking(1.0, 0.4), frozenset({"00"}), {"01": 5.0}, 0.1)
    after = with_taste(found, {"00": Taste(1.0, {})}).candidates
    assert [(c.id, c.score) for c in after] == [("01", pytest.approx(1.8)), ("00", 1.0)]


def test_reasons_are_the_query_and_the_history() -> None:
    plan = plan_for(Options())
    said = {"lexical": Found(1, 2.0, 0.6), "taste": Found(1, 0.9, 0.2)}
    candidate = Fused("a", "de", 0.8, said)
    held = _Held(indicators={"gimp": 2.0})
    reasons = reasons_of(candidate, "photo editor", plan, held)
    assert [(r.item, r.title, r.share) for r in reasons] == [
        ("photo editor", None, pytest.approx(0.75)),
        ("gimp", "GIMP", pytest.approx(0.25)),
    ]
    [alone] = reasons_of(
        candidate._replace(retrievers={"lexical": said["lexical"]}), "x", None, held
    )
    assert (alone.item, alone.share) == ("x", 1.0)
