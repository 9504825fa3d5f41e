from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from xlrec_es.index.meta import IndexMeta
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
