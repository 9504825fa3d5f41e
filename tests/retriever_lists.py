"""Retrievers' lists by language, and candidates, written by hand or drawn: for tests of fusion."""

from __future__ import annotations

from hypothesis import strategies as st

from xlrec_es.recommend.answer.fusion import Found, Fused, Scored

IDS = [f"d{i}" for i in range(8)]
LANGUAGES = ["de", "ja", "zh"]
COMPARABLE = frozenset({"dense"})


def hits(scores: dict[str, float]) -> list[Scored]:
    return [
        Scored(document, score)
        for document, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


@st.composite
def retriever_lists(draw: st.DrawFn) -> dict[tuple[str, str], list[Scored]]:
    """Lists whose documents carry their language in their id, as documents have one language."""
    lists = {}
    for language in draw(st.lists(st.sampled_from(LANGUAGES), unique=True)):
        for retriever, low, high in (("dense", -1, 1), ("lexical", 0, 50)):
            scores = draw(st.dictionaries(st.sampled_from(IDS), st.floats(low, high), max_size=6))
            lists[language, retriever] = hits({f"{language}{d}": s for d, s in scores.items()})
    return lists


def candidate(document: str, score: float) -> Fused:
    return Fused(document, "de", score, {"dense": Found(1, 0.5, score)})
