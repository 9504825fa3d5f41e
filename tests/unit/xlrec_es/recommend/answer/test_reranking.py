"""What is shown of one scored list: diversity, slots of languages, caps."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever_lists import COMPARABLE, LANGUAGES, candidate, hits, retriever_lists
from xlrec_es.recommend.answer.fusion import Scored, fuse
from xlrec_es.recommend.answer.reranking import allocate, diversify, select, share_out


class TestSelect:
    def candidates(self, lists: dict[tuple[str, str], list[Scored]]) -> list:
        return fuse(lists, {"dense": 1.0}, comparable=COMPARABLE)

    @given(
        retriever_lists(),
        st.integers(1, 20),
        st.sampled_from(["auto", "equal"])
        | st.fixed_dictionaries(dict.fromkeys(LANGUAGES, st.floats(0.01, 10))),
    )
    def test_each_work_once_and_seats_exact_when_supply_allows(
        self, lists: dict[tuple[str, str], list[Scored]], size: int, mix: str | dict[str, float]
    ) -> None:
        candidates = self.candidates(lists)
        works = {item.id: item.id for item in candidates}
        chosen = select(candidates, works, size=size, slots=share_out(LANGUAGES, mix, size))
        assert len({works[item.id] for item in chosen}) == len(chosen)
        assert len(chosen) == min(size, len(candidates))
        if mix == "auto":
            assert {i.id for i in chosen} == {i.id for i in candidates[:size]}
        else:
            slots = share_out(LANGUAGES, mix, size)
            supply = Counter(item.language for item in candidates)
            got = Counter(item.language for item in chosen)
            for language in LANGUAGES:
                assert got[language] >= min(slots[language], supply[language])
            if all(supply[language] >= slots[language] for language in LANGUAGES):
                assert dict(got) == {tag: n for tag, n in slots.items() if n}

    def test_renditions_of_one_work_appear_once(self) -> None:
        lists = {
            ("de", "dense"): hits({"a-de": 0.9, "b-de": 0.1}),
            ("ja", "dense"): hits({"a-ja": 0.8, "c-ja": 0.2}),
        }
        works = {"a-de": "a", "a-ja": "a", "b-de": "b", "c-ja": "c"}
        chosen = select(self.candidates(lists), works, size=2, slots={"de": 1, "ja": 1})
        assert [item.id for item in chosen] == ["a-de", "c-ja"]

    def test_a_language_without_candidates_gives_its_seats_away(self) -> None:
        lists = {("de", "dense"): hits({"a": 0.9, "b": 0.5, "c": 0.1})}
        works = {document: document for document in "abc"}
        chosen = select(self.candidates(lists), works, size=3, slots={"de": 1, "ja": 2})
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
            slots={"de": 3, "ja": 2},
            values={"brand": brands},
            caps={"brand": 1},
        )
        assert [item.id for item in chosen] == ["a", "y", "c"]


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


class TestAllocate:
    @given(
        st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 10), min_size=1),
        st.integers(1, 100),
    )
    def test_adds_up_and_leaves_nobody_out_while_there_are_enough(
        self, parts: dict[str, float], size: int
    ) -> None:
        slots = allocate(parts, size)
        assert sum(slots.values()) == size
        assert min(slots.values()) >= (1 if size >= len(parts) else 0)

    def test_follows_the_parts(self) -> None:
        assert allocate({"zh": 0.5, "ja": 0.3, "de": 0.2}, 10) == {"zh": 5, "ja": 3, "de": 2}
        assert allocate({"zh": 0.98, "ja": 0.02}, 10) == {"zh": 9, "ja": 1}


@pytest.mark.parametrize(
    ("languages", "mix", "slots"),
    [
        (("de", "en-GB", "en-US"), {"en": 0.5, "de": 0.5}, {"de": 4, "en-GB": 2, "en-US": 2}),
        (("en-GB", "en"), {"en": 1.0, "en-GB": 3.0}, {"en": 2, "en-GB": 6}),
        (("de",), {"de": 1.0, "ja": 1.0}, {"de": 4, "ja": 4}),  # nobody fills those of ja
    ],
)
def test_variants_share_the_part_of_their_language(
    languages: tuple[str, ...], mix: dict[str, float], slots: dict[str, int]
) -> None:
    assert share_out(languages, mix, 8) == slots
