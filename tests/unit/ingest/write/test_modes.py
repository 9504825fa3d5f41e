from __future__ import annotations

from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.documents.text_recipe import Recipe
from ingest.write import in_place, modes, target_index
from ingest.write.modes import COMPANION, IN_PLACE, VERSION, Mode, mode_of
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector_index import DEFAULT


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


def test_an_index_is_found_and_made_as_its_mode_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def note(what: str) -> Any:  # noqa: ANN401
        return lambda *given, **named: asked.append((what, *given, *named.items()))

    monkeypatch.setattr(target_index, "find", note("find"))
    monkeypatch.setattr(in_place, "find", note("find in place"))
    monkeypatch.setattr(modes, "create_first_version", note("create"))
    monkeypatch.setattr(modes, "add_to", note("add"))
    client, meta, like = cast("Elasticsearch", "client"), made_by({}), {"mappings": {}}
    for mode in (VERSION, COMPANION, IN_PLACE):
        mode.find(client, "shop")
        mode.create(client, "shop", meta, like=like, vectors=DEFAULT)
    indexed = ("vectors", DEFAULT)
    of_ours = [("find", client, "shop"), ("create", client, "shop", meta, ("like", like), indexed)]
    of_theirs = [("find in place", client, "shop"), ("add", client, "shop", meta, indexed)]
    assert asked == [*of_ours, *of_ours, *of_theirs]
    assert [mode.in_place for mode in (VERSION, COMPANION, IN_PLACE)] == [False, False, True]
    assert issubclass(IN_PLACE.target, in_place.InPlace)
    assert not issubclass(COMPANION.target, in_place.InPlace)
