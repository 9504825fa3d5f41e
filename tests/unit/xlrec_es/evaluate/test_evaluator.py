from __future__ import annotations

import numpy as np

from xlrec_es.evaluate.evaluator import COVERAGE, LABELS, RECALL, Ground, labels_at, measure
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
