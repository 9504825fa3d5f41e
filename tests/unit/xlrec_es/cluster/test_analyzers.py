"""The analyzer of a language, among those that a cluster has."""

from __future__ import annotations

import pytest

from xlrec_es.cluster.analyzers import CANDIDATE_ANALYZERS, choose_analyzer


@pytest.mark.parametrize(
    ("language", "available", "analyzer"),
    [
        ("de", {"german", "cjk"}, "german"),
        ("ja", {"kuromoji", "cjk"}, "kuromoji"),
        ("ja", {"cjk"}, "cjk"),
        ("zh-Hant", {"cjk"}, "cjk"),
        ("pt-BR", {"brazilian", "portuguese"}, "brazilian"),
        ("pt-BR", {"portuguese"}, "portuguese"),
        ("de", set(), "standard"),
        ("vi", CANDIDATE_ANALYZERS, "standard"),
    ],
)
def test_the_best_analyzer_that_is_there(language: str, available: set[str], analyzer: str) -> None:
    assert choose_analyzer(language, available) == analyzer
