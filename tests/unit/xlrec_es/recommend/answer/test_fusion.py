from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever_lists import COMPARABLE, LANGUAGES, candidate, hits, retriever_lists
from xlrec_es.recommend.answer.fusion import Fused, Scored, boosted, fuse, level, reciprocal_rank


class TestFuse:
    @given(retriever_lists(), st.floats(0, 1), st.floats(0, 1))
    def test_is_a_permutation_of_the_weighted_candidates(
        self, lists: dict[tuple[str, str], list[Scored]], dense: float, lexical: float
    ) -> None:
        weights = {"dense": dense, "lexical": lexical}
        fused = fuse(lists, weights, comparable=COMPARABLE)
        candidates = {
            hit.id
            for (_, retriever), found in lists.items()
            if weights[retriever] > 0
            for hit in found
        }
        assert sorted(item.id for item in fused) == sorted(candidates)
        for item in fused:
            assert -1e-9 <= item.score <= 1 + 1e-9
            assert sum(item.shares.values()) == pytest.approx(1)
        assert [i.score for i in fused] == sorted((i.score for i in fused), reverse=True)

    @given(retriever_lists(), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 10))
    @pytest.mark.parametrize("fusion", [fuse, reciprocal_rank])
    @pytest.mark.parametrize("retriever", ["dense", "lexical"])
    def test_who_is_ahead_and_whom_a_retriever_prefers_stays_ahead_as_the_retriever_gains_weight(
        self,
        fusion: Callable[..., list[Fused]],
        retriever: str,
        lists: dict[tuple[str, str], list[Scored]],
        dense: float,
        lexical: float,
        more: float,
    ) -> None:
        weights = {"dense": dense, "lexical": lexical}
        before = fusion(lists, weights, comparable=COMPARABLE)
        heavier = fusion(
            lists, {**weights, retriever: weights[retriever] + more}, comparable=COMPARABLE
        )
        after = {item.id: item.score for item in heavier}
        assert sorted(after) == sorted(item.id for item in before)

        def says(item: Fused) -> float:
            return item.retrievers[retriever].part if retriever in item.retrievers else 0.0

        for place, one in enumerate(before):
            for other in before[place + 1 :]:
                if one.language == other.language and says(one) >= says(other):
                    assert after[one.id] >= after[other.id] - 1e-9

    @given(retriever_lists())
    def test_one_retriever_alone_keeps_its_order(
        self, lists: dict[tuple[str, str], list[Scored]]
    ) -> None:
        fused = fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)
        for language in LANGUAGES:
            mine = [item for item in fused if item.language == language]
            assert [item.retrievers["dense"].rank for item in mine] == sorted(
                item.retrievers["dense"].rank for item in mine
            ) or len({item.score for item in mine}) < len(mine)

    def test_adds_the_normalised_scores_up(self) -> None:
        lists = {
            ("de", "dense"): hits({"a": 0.8, "b": 0.6, "c": 0.4}),
            ("de", "lexical"): hits({"b": 10.0, "c": 5.0}),
        }
        fused = fuse(lists, {"dense": 0.75, "lexical": 0.25}, comparable=COMPARABLE)
        scores = {item.id: item.score for item in fused}
        assert scores == {
            "a": pytest.approx(0.75),
            "b": pytest.approx(0.75 * 0.5 + 0.25),
            "c": pytest.approx(0.25 * 0.5),
        }
        [c] = [item for item in fused if item.id == "c"]
        assert c.shares == {"dense": pytest.approx(0), "lexical": pytest.approx(1)}
        assert {retriever: found[:2] for retriever, found in c.retrievers.items()} == {
            "dense": (3, 0.4),
            "lexical": (2, 5.0),
        }

    def test_cosines_are_compared_over_languages_and_bm25_is_not(self) -> None:
        lists = {
            ("de", "dense"): hits({"a": 0.9, "b": 0.5}),
            ("ja", "dense"): hits({"x": 0.7, "y": 0.5}),
        }
        fused = fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)
        assert [item.id for item in fused[:2]] == ["a", "x"]
        assert fused[1].score == pytest.approx(0.5)
        bm25 = {(language, "lexical"): found for (language, _), found in lists.items()}
        fused = fuse(bm25, {"lexical": 1.0}, comparable=COMPARABLE)
        assert [item.score for item in fused[:2]] == pytest.approx([1, 1])

    def test_being_near_says_less_in_a_language_where_everything_is_near(self) -> None:
        near = {f"n{rank}": 0.9 - rank / 100 for rank in range(12)}
        far = {f"f{rank}": 0.85 - rank / 20 for rank in range(12)}
        lists = {("de", "dense"): hits(near), ("ja", "dense"): hits(far)}
        plain = fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)
        assert plain[0].id == "n0"
        levelled = fuse(lists, {"dense": 1.0}, comparable=COMPARABLE, levelled=COMPARABLE)
        assert levelled[0].id == "f0"
        for language, start in (("de", "n"), ("ja", "f")):
            mine = [item.id for item in levelled if item.language == language]
            assert mine == [f"{start}{rank}" for rank in range(12)], "the order within stays"
        assert levelled[0].retrievers["dense"].score == 0.85, (
            "the cosine that is shown is the cosine"
        )
        assert level([0.6, 0.4]) == pytest.approx(0.5 / 3)
        assert level([]) == 0
        assert (levelled[0].score, levelled[-1].score) == (1, 0)

    def test_a_language_without_lexical_hits_does_not_fall_behind(self) -> None:
        lists = {
            ("de", "dense"): hits({"a": 0.8, "b": 0.4}),
            ("de", "lexical"): hits({"b": 5.0}),
            ("ja", "dense"): hits({"x": 0.8, "y": 0.4}),
        }
        fused = fuse(lists, {"dense": 0.5, "lexical": 0.5}, comparable=COMPARABLE)
        scores = {item.id: item.score for item in fused}
        assert scores == {"x": 1, "y": 0, "a": 0.5, "b": 0.5}


class TestReciprocalRank:
    def test_by_hand(self) -> None:
        lists = {
            ("de", "dense"): hits({"a": 0.9, "b": 0.5}),
            ("de", "lexical"): hits({"b": 9.0}),
        }
        fused = reciprocal_rank(
            lists, {"dense": 1.0, "lexical": 1.0}, comparable=COMPARABLE, rank_constant=60
        )
        scores = {item.id: item.score for item in fused}
        assert scores == {"a": pytest.approx(0.5), "b": pytest.approx((61 / 62 + 1) / 2)}
        assert [item.id for item in fused] == ["b", "a"]

    @given(retriever_lists())
    def test_looks_at_nothing_but_ranks(self, lists: dict[tuple[str, str], list[Scored]]) -> None:
        weights = {"dense": 0.6, "lexical": 0.4}
        stretched = {
            key: [Scored(h.id, 100 - n) for n, h in enumerate(found)]
            for key, found in lists.items()
        }
        one = reciprocal_rank(lists, weights, comparable=COMPARABLE)
        other = reciprocal_rank(stretched, weights, comparable=COMPARABLE)
        assert [(i.id, i.score) for i in one] == [(i.id, i.score) for i in other]


def test_boosts_multiply_and_reorder() -> None:
    found = boosted([candidate("a", 0.8), candidate("b", 0.5)], {"b": 2.0})
    assert [(item.id, item.score) for item in found] == [("b", 1.0), ("a", 0.8)]
