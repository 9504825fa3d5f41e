"""What a taste says of documents: associations first, then vectors."""

from __future__ import annotations

import numpy as np
import pytest

from xlrec_es.recommend.answer.explanations import _Held
from xlrec_es.recommend.answer.taste import tastes
from xlrec_es.recommend.request.profile import HistoryDocument, build_profile


def unit(*numbers: float) -> np.ndarray:
    vector = np.asarray(numbers, np.float32)
    return vector / np.linalg.norm(vector)  # type: ignore[no-any-return]


LIKED = [
    HistoryDocument("gimp", "gimp", "en", "GIMP", unit(1, 0, 0)),
    HistoryDocument("chess", "chess", "en", "Chess", unit(0, 1, 0)),
]
PROFILE = build_profile(LIKED, {"gimp": 3.0, "chess": 1.0})


def test_associations_come_before_vectors() -> None:
    said = tastes(
        PROFILE,
        {
            "far": _Held(vector=unit(0, 0, 1), indicators={"chess": 4.0}),
            "near": _Held(vector=unit(1, 0, 0)),
            "strong": _Held(vector=unit(0, 0, 1), indicators={"gimp": 2.0}),
            "others": _Held(vector=unit(0, 1, 1), indicators={"krita": 9.0}),
            "nothing": _Held(),
        },
    )
    assert set(said) == {"far", "near", "strong", "others"}
    assert sorted(said, key=lambda id_: -said[id_].score) == ["strong", "far", "near", "others"]
    assert said["strong"].score == 1
    assert said["far"].score == pytest.approx((1 + 1.0 / 1.5) / 2)
    assert said["near"].score == pytest.approx((1 + PROFILE.interests[0].vector[0]) / 4)
    assert said["near"].score <= 0.5
    assert said["strong"].retrievers["collaborative"] == (1, pytest.approx(1.5), 1.0)
    assert said["strong"].retrievers["dense"].part == 0
    assert said["near"].retrievers["dense"][0] == 1


def test_nobody_has_no_taste() -> None:
    documents = {"a": _Held(vector=unit(1, 0, 0), indicators={"gimp": 1.0})}
    assert tastes(build_profile([], {}), documents) == {}
    assert tastes(PROFILE, {}) == {}
