from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.privacy.forget import remembers
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

FINGERPRINT = Fingerprint("m", "1", 4, "mean", "", "title", "none")


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ({}, 0),
        ({"license": "mit"}, 0),
        ({"learned_from": [{"digest": "d"}]}, 1),
        ({"learned_from": [{"digest": "d"}], "license": "mit"}, 1),
    ],
)
def test_an_encoder_remembers_users_if_it_was_fine_tuned(
    encoder: Mapping[str, Any], expected: int
) -> None:
    meta = IndexMeta(FINGERPRINT, LanguageCentering.none(), {}, encoder=encoder)
    assert len(remembers("shop", meta, ["ann"])) == expected


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ({"forgotten": 1}, []),
        ({}, ["associations"]),
        ({"forgotten": 1, "forgotten in popularity": 0}, ["popularity"]),
        ({"forgotten": 1, "forgotten in popularity": 1}, []),
        ({"forgotten": 0, "forgotten in popularity": 0}, ["associations"]),
    ],
)
def test_popularity_that_stays_is_told_by_itself(
    note: Mapping[str, Any], expected: list[str]
) -> None:
    forgotten = Forgotten().with_users(["ann"]).to_meta()
    learned = {"generation": "g", **note}
    meta = IndexMeta(
        FINGERPRINT, LanguageCentering.none(), {}, indicators=learned, forgotten=forgotten
    )
    assert [said.split()[0] for said in remembers("shop", meta, ["ann"])] == expected
