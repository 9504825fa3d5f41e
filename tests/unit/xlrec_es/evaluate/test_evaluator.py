from __future__ import annotations

import numpy as np

from xlrec_es.evaluate.evaluator import (
    COVERAGE,
    LABELS,
    NDCG,
    RECALL,
    Ground,
    by_pair,
    labels_at,
    measure,
    recall_by_pair,
)
from xlrec_es.evaluate.protocol import Case


def test_every_measure_of_a_list_has_a_label_of_its_own() -> None:
    vectors = np.eye(2, dtype=np.float32)
    ground = Ground.of(["a", "b"], vectors, np.array([1.0, 2.0]), everybody=2)
    case = Case("ann", "en", ("a",), frozenset({"b"}))
    found = measure([case], [(("b", "de"),)], ground, k=3)
    assert {*found, COVERAGE} == LABELS.keys()
    assert len(set(LABELS.values())) == len(LABELS)


def test_recall_is_called_by_the_places_that_count() -> None:
    labels = labels_at(20)
    assert labels.pop(RECALL) == "recall@20"
    assert labels.items() <= LABELS.items()


def test_a_pair_of_languages_is_worth_what_is_found_of_its_own_targets() -> None:
    cases = [Case("ann", "en", ("a",), frozenset({"b", "c"}))]
    languages = {"b": ("de",), "c": ("de", "ja")}
    found = by_pair(cases, [(("x", "de"), ("c", "ja"), ("y", "de"))], languages, k=3)
    assert found.keys() == {("en", "de"), ("en", "ja")}
    users, values = found["en", "de"]
    assert (users, values[RECALL].tolist()) == (["ann"], [0.5])
    second = 1 / np.log2(3)
    assert values[NDCG].tolist() == [second / (1 + second)]
    assert found["en", "ja"][1][NDCG].tolist() == [second]
    assert recall_by_pair(cases, [()], languages, k=3)["en", "ja"][1].tolist() == [0.0]
