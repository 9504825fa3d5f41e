"""What the recommender returns, under the names that it had before 1.0 too."""

from __future__ import annotations

from dataclasses import asdict

import pytest

import xlrec_es
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    Recommendation,
    RetrieverScore,
)

ITEM = Recommendation("7@de", "7", "de", 0.5, None, {"dense": RetrieverScore(1, 0.75, 1.0)}, ())


def test_names_of_before_are_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"Recommendation\.legs is called retrievers now"):
        assert ITEM.legs == ITEM.retrievers
    with pytest.warns(DeprecationWarning, match=r"LanguageShare\.seats is called slots now"):
        assert LanguageShare("de", 3, 2).seats == 3
    with pytest.warns(DeprecationWarning, match="LegScore is called RetrieverScore now"):
        assert xlrec_es.LegScore is RetrieverScore


def test_json_has_the_names_of_now_alone() -> None:
    assert asdict(ITEM)["retrievers"] == {"dense": {"rank": 1, "score": 0.75, "share": 1.0}}
    assert "legs" not in asdict(ITEM)
    assert asdict(LanguageShare("de", 3, 2)) == {"language": "de", "slots": 3, "filled": 2}
