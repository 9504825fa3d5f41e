from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.recommend.fusion import Found, Fused, Scored, boosted, fuse, level, reciprocal_rank
from xlrec_es.recommend.reranking import allocate, diversify, select, share_out

IDS = [f"d{i}" for i in range(8)]
LANGUAGES = ["de", "ja", "zh"]
COMPARABLE = frozenset({"dense"})


def hits(scores: dict[str, float]) -> list[Scored]:
    return [
        Scored(document, score)
        for document, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


@st.composite
def leg_lists(draw: st.DrawFn) -> dict[tuple[str, str], list[Scored]]:
    """Lists whose documents carry their language in their id, as documents have one language."""
    lists = {}
    for language in draw(st.lists(st.sampled_from(LANGUAGES), unique=True)):
        for leg, low, high in (("dense", -1, 1), ("lexical", 0, 50)):
            scores = draw(st.dictionaries(st.sampled_from(IDS), st.floats(low, high), max_size=6))
            lists[language, leg] = hits({f"{language}{d}": s for d, s in scores.items()})
    return lists


class TestFuse:
    @given(leg_lists(), st.floats(0, 1), st.floats(0, 1))
    def test_is_a_permutation_of_the_weighted_candidates(
        self, lists: dict[tuple[str, str], list[Scored]], dense: float, lexical: float
    ) -> None:
        weights = {"dense": dense, "lexical": lexical}
        fused = fuse(lists, weights, comparable=COMPARABLE)
        candidates = {
            hit.id for (_, leg), found in lists.items() if weights[leg] > 0 for hit in found
        }
        assert sorted(item.id for item in fused) == sorted(candidates)
        for item in fused:
            assert -1e-9 <= item.score <= 1 + 1e-9
            assert sum(item.shares.values()) == pytest.approx(1)
        assert [i.score for i in fused] == sorted((i.score for i in fused), reverse=True)

    @given(leg_lists(), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 10))
    @pytest.mark.parametrize("fusion", [fuse, reciprocal_rank])
    @pytest.mark.parametrize("leg", ["dense", "lexical"])
    def test_who_is_ahead_and_whom_a_leg_prefers_stays_ahead_as_the_leg_gains_weight(
        self,
        fusion: Callable[..., list[Fused]],
        leg: str,
        lists: dict[tuple[str, str], list[Scored]],
        dense: float,
        lexical: float,
        more: float,
    ) -> None:
        weights = {"dense": dense, "lexical": lexical}
        before = fusion(lists, weights, comparable=COMPARABLE)
        heavier = fusion(lists, {**weights, leg: weights[leg] + more}, comparable=COMPARABLE)
        after = {item.id: item.score for item in heavier}
        assert sorted(after) == sorted(item.id for item in before)

        def says(item: Fused) -> float:
            return item.legs[leg].part if leg in item.legs else 0.0

        for place, one in enumerate(before):
            for other in before[place + 1 :]:
                if one.language == other.language and says(one) >= says(other):
                    assert after[one.id] >= after[other.id] - 1e-9

    @given(leg_lists())
    def test_one_leg_alone_keeps_its_order(
        self, lists: dict[tuple[str, str], list[Scored]]
    ) -> None:
        fused = fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)
        for language in LANGUAGES:
            mine = [item for item in fused if item.language == language]
            assert [item.legs["dense"].rank for item in mine] == sorted(
                item.legs["dense"].rank for item in mine
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
        assert {leg: found[:2] for leg, found in c.legs.items()} == {
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
        assert levelled[0].legs["dense"].score == 0.85, "the cosine that is shown is the cosine"
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


class TestSelect:
    def candidates(self, lists: dict[tuple[str, str], list[Scored]]) -> list:
        return fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)

    @given(
        leg_lists(),
        st.integers(1, 20),
        st.sampled_from(["auto", "equal"])
        | st.fixed_dictionaries(dict.fromkeys(LANGUAGES, st.floats(0.01, 10))),
    )
    def test_each_work_once_and_seats_exact_when_supply_allows(
        self, lists: dict[tuple[str, str], list[Scored]], size: int, mix: str | dict[str, float]
    ) -> None:
        candidates = self.candidates(lists)
        works = {item.id: item.id for item in candidates}
        chosen = select(candidates, works, size=size, seats=share_out(LANGUAGES, mix, size))
        assert len({works[item.id] for item in chosen}) == len(chosen)
        assert len(chosen) == min(size, len(candidates))
        if mix == "auto":
            assert {i.id for i in chosen} == {i.id for i in candidates[:size]}
        else:
            seats = share_out(LANGUAGES, mix, size)
            supply = Counter(item.language for item in candidates)
            got = Counter(item.language for item in chosen)
            for language in LANGUAGES:
                assert got[language] >= min(seats[language], supply[language])
            if all(supply[language] >= seats[language] for language in LANGUAGES):
                assert dict(got) == {tag: n for tag, n in seats.items() if n}

    def test_renditions_of_one_work_appear_once(self) -> None:
        lists = {
            ("de", "dense"): hits({"a-de": 0.9, "b-de": 0.1}),
            ("ja", "dense"): hits({"a-ja": 0.8, "c-ja": 0.2}),
        }
        works = {"a-de": "a", "a-ja": "a", "b-de": "b", "c-ja": "c"}
        chosen = select(self.candidates(lists), works, size=2, seats={"de": 1, "ja": 1})
        assert [item.id for item in chosen] == ["a-de", "c-ja"]

    def test_a_language_without_candidates_gives_its_seats_away(self) -> None:
        lists = {("de", "dense"): hits({"a": 0.9, "b": 0.5, "c": 0.1})}
        works = {document: document for document in "abc"}
        chosen = select(self.candidates(lists), works, size=3, seats={"de": 1, "ja": 2})
        assert [item.id for item in chosen] == ["a", "b", "c"]

    def test_caps_hold_over_languages_and_when_seats_are_given_away(self) -> None:
        lists = {
            ("de", "dense"): hits({"a": 0.9, "b": 0.8, "c": 0.1}),
            ("ja", "dense"): hits({"x": 0.85, "y": 0.2}),
        }
        works = {document: document for document in "abcxy"}
        brands = {"a": ["acme"], "b": ["acme"], "x": ["acme", "other"], "y": [], "c": ["other"]}
        chosen = select(
            self.candidates(lists),
            works,
            size=5,
            seats={"de": 3, "ja": 2},
            values={"brand": brands},
            caps={"brand": 1},
        )
        assert [item.id for item in chosen] == ["a", "y", "c"]


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

    @given(leg_lists())
    def test_looks_at_nothing_but_ranks(self, lists: dict[tuple[str, str], list[Scored]]) -> None:
        weights = {"dense": 0.6, "lexical": 0.4}
        stretched = {
            key: [Scored(h.id, 100 - n) for n, h in enumerate(found)]
            for key, found in lists.items()
        }
        one = reciprocal_rank(lists, weights, comparable=COMPARABLE)
        other = reciprocal_rank(stretched, weights, comparable=COMPARABLE)
        assert [(i.id, i.score) for i in one] == [(i.id, i.score) for i in other]


def candidate(document: str, score: float) -> Fused:
    return Fused(document, "de", score, {"dense": Found(1, 0.5, score)})


class TestDiversify:
    vectors: ClassVar = {
        "a": np.asarray([1, 0], np.float32),
        "a2": np.asarray([0.999, 0.045], np.float32),
        "b": np.asarray([0, 1], np.float32),
    }

    def test_a_near_copy_comes_later(self) -> None:
        candidates = [candidate("a", 1.0), candidate("a2", 0.9), candidate("b", 0.5)]
        order = [item.id for item in diversify(candidates, self.vectors, strength=0.5)]
        assert order == ["a", "b", "a2"]

    @given(st.permutations(["a", "a2", "b", "no vector"]), st.floats(0, 1))
    def test_is_a_permutation_and_0_leaves_the_order(self, ids: list[str], strength: float) -> None:
        candidates = [candidate(id_, 1 / (n + 1)) for n, id_ in enumerate(ids)]
        assert diversify(candidates, self.vectors, strength=0) == candidates
        found = diversify(candidates, self.vectors, strength=strength)
        assert sorted(item.id for item in found) == sorted(ids)


def test_boosts_multiply_and_reorder() -> None:
    found = boosted([candidate("a", 0.8), candidate("b", 0.5)], {"b": 2.0})
    assert [(item.id, item.score) for item in found] == [("b", 1.0), ("a", 0.8)]


class TestAllocate:
    @given(
        st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 10), min_size=1),
        st.integers(1, 100),
    )
    def test_adds_up_and_leaves_nobody_out_while_there_are_enough(
        self, parts: dict[str, float], size: int
    ) -> None:
        seats = allocate(parts, size)
        assert sum(seats.values()) == size
        assert min(seats.values()) >= (1 if size >= len(parts) else 0)

    def test_follows_the_parts(self) -> None:
        assert allocate({"zh": 0.5, "ja": 0.3, "de": 0.2}, 10) == {"zh": 5, "ja": 3, "de": 2}
        assert allocate({"zh": 0.98, "ja": 0.02}, 10) == {"zh": 9, "ja": 1}
