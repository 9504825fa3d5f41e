"""What an index says of itself is read as it was written, by earlier programs too."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earlier_meta import as_earlier
from fakes import HashEncoder
from ingest.documents.text_recipe import Recipe
from xlrec_es.index.fields import BOUGHT_TOGETHER, TASTE
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.language_centering import LanguageCentering

VECTORS = np.eye(4, dtype=np.float32)
CENTERED = LanguageCentering.center(VECTORS, ["de", "en", "en-GB", "ja"])


def made(centering: LanguageCentering) -> IndexMeta:
    fingerprint = Recipe(("title", "text")).fingerprint(HashEncoder(), centering)
    return IndexMeta(fingerprint, centering, {"de": "german"}, title_field="title")


@pytest.mark.parametrize("centering", [CENTERED, LanguageCentering.none()])
def test_the_names_of_an_earlier_program_are_read(centering: LanguageCentering) -> None:
    meta = made(centering)
    written = json.loads(json.dumps(meta.to_meta()))
    earlier = as_earlier(written)
    assert "calibration" not in written
    assert "centering" not in earlier
    for form in (written, earlier):
        read = IndexMeta.from_meta(form)
        assert read.to_meta() == written
        assert read.fingerprint == meta.fingerprint
        assert read.centering.method == centering.method


def test_the_present_name_wins() -> None:
    both = {**as_earlier(made(LanguageCentering.none()).to_meta()), **made(CENTERED).to_meta()}
    assert IndexMeta.from_meta(both).centering.method == "center"


def test_each_relation_has_a_note_of_its_own() -> None:
    meta = made(CENTERED)
    assert "relations" not in meta.to_meta()
    both = meta.with_learned(TASTE, {"generation": "a"}).with_learned(
        BOUGHT_TOGETHER, {"generation": "b"}
    )
    read = IndexMeta.from_meta(json.loads(json.dumps(both.to_meta())))
    assert read.learned(TASTE) == read.indicators == {"generation": "a"}
    assert read.learned(BOUGHT_TOGETHER) == {"generation": "b"}
    assert meta.learned(BOUGHT_TOGETHER) == {}
