from __future__ import annotations

from typing import Any

import pytest

from fakes import HashEncoder
from ingest.documents.text_recipe import Recipe
from ingest.write.modes import COMPANION, IN_PLACE, VERSION, Mode, mode_of
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.language_centering import LanguageCentering


def made_by(source: dict[str, Any]) -> IndexMeta:
    centering = LanguageCentering.none()
    fingerprint = Recipe(("title",)).fingerprint(HashEncoder(), centering)
    return IndexMeta(fingerprint, centering, {}, source=source)


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ({}, VERSION),
        ({"way": "in place", "keep": []}, IN_PLACE),
        ({"way": "companion", "keep": ["title"]}, COMPANION),
    ],
)
def test_an_index_says_how_it_was_written(source: dict[str, Any], mode: Mode) -> None:
    """Indices that exist say so in these words."""
    assert mode_of(made_by(source)) is mode


@pytest.mark.parametrize(
    ("mode", "kept"),
    [(VERSION, None), (IN_PLACE, ()), (COMPANION, ("title", "brand"))],
)
def test_which_fields_are_kept(mode: Mode, kept: tuple[str, ...] | None) -> None:
    assert mode.kept("title", ["brand", "title"]) == kept
