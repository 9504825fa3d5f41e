"""Many lists at once are those that are served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from elasticsearch import Elasticsearch

from catalogue import (
    LANGUAGES,
    SPARSE_FINGERPRINT,
    documents,
    sparse_documents,
    write_catalogue,
)
from xlrec_es import Recommender
from xlrec_es.evaluate.case_search import RULES, answers, history_of
from xlrec_es.evaluate.protocol import POOLS, Case
from xlrec_es.evaluate.vectorized_fusion import Fusion, RetrieverScores
from xlrec_es.recommend.options import CASCADE, WEIGHTED, Options, SearchOptions

SETTINGS = [
    {"dense": 1.0},
    {"lexical": 1.0},
    {"dense": 0.3, "lexical": 0.1, "collaborative": 0.6},
    {"dense": 0.7, "lexical": 0.7, "collaborative": 0.1, "popularity": 0.2},
]
FUSIONS = [
    *((weights, WEIGHTED) for weights in SETTINGS),
    ({"dense": 0.3, "lexical": 0.1, "collaborative": 0.6}, CASCADE),
    ({"dense": 0.3, "collaborative": 0.6}, CASCADE),
]
SPARSE_FUSIONS = [
    ({"sparse": 1.0}, WEIGHTED),
    ({"dense": 0.4, "sparse": 0.6}, WEIGHTED),
    ({"dense": 0.2, "lexical": 0.3, "sparse": 0.3, "collaborative": 0.2}, WEIGHTED),
    ({"dense": 0.3, "sparse": 0.3, "collaborative": 0.4}, CASCADE),
]
CASES = [
    Case("renditions", "de", ("chess-0", "chess-1", "cooking-3"), frozenset({"chess-4"})),
    Case("one language", "ja", ("astronomy-5", "painting-8"), frozenset({"chess-4"})),
    Case("known", "de", ("chess-3", "chess-6"), frozenset({"chess-4"}), seen=("chess-5",)),
]


@pytest.mark.parametrize("mix", ["equal", "auto"])
@pytest.mark.parametrize("learned", [20.0, 1.0, 0.0, None])
def test_lists_are_those_of_the_recommender(
    es_each: Elasticsearch, index_name: str, mix: str, learned: float | None
) -> None:
    # None: what is liked rests on users, and all that can be recommended is new.
    liked = None if learned is not None else {work for case in CASES for work in case.history}
    write_catalogue(es_each, index_name, learned=learned or 0.0, instead=documents(liked))
    assert compare(es_each, index_name, mix, FUSIONS) > 300


@pytest.mark.parametrize("mix", ["equal", "auto"])
def test_so_are_those_by_learned_sparse_weights(
    es_each: Elasticsearch, index_name: str, mix: str
) -> None:
    instead = sparse_documents(shuffled=False)
    write_catalogue(
        es_each, index_name, learned=1.0, instead=instead, fingerprint=SPARSE_FINGERPRINT
    )
    assert compare(es_each, index_name, mix, SPARSE_FUSIONS) > 300


def compare(
    es: Elasticsearch, index: str, mix: str, fusions: Sequence[tuple[Mapping[str, float], str]]
) -> int:
    """Compare lists at once with those that are served; how many places were."""
    # Few candidates, so that retrievers do not find the same ones.
    few = SearchOptions(candidates=8)
    compared = 0
    for size in (3, 10, 40):
        asked = {name: 1.0 for weights, _ in fusions for name in weights}
        options = Options(mix=mix, explain=False, weights=asked, search=few.deep_enough(size))
        found = list(answers(es, index, CASES, options=options, languages=LANGUAGES))
        for case, searched in zip(CASES, found, strict=True):
            scores = RetrieverScores.of(searched)
            for pool in POOLS:
                within = case.languages(pool, LANGUAGES)
                for weights, fusion in fusions:
                    how = replace(options, weights=weights, fusion=fusion, rules=RULES)
                    recommender = Recommender(es, index, options=how)
                    result = recommender.recommend(history_of(case), languages=within, size=size)
                    served = tuple((item.work, item.language) for item in result.items)
                    it = Fusion(weights, fusion)
                    assert scores.narrowed(within).ranked(it, mix=mix, size=size) == served, it
                    compared += len(served)
                    assert not {*case.history, *case.seen} & {work for work, _ in served}
    return compared
