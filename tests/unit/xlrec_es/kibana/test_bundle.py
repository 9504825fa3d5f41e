"""All that an import brings into Kibana."""

from __future__ import annotations

import dataclasses

import orjson

from xlrec_es.index.mapping import load_mapping
from xlrec_es.kibana import bundle
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels.field_labels import labels_of
from xlrec_es.kibana.panels import COLUMNS, MarkdownPanel
from xlrec_es.kibana.saved_objects import TYPE_VERSIONS, SavedObject
from xlrec_es.kibana.saved_searches import CatalogSearches

FOUND = bundle.Catalog(
    CatalogSearches("0123456789ab", "title"), labels_of(load_mapping()["mappings"])
)
EVERYTHING = Indices("shop", "quality", "shown", "clicks", "runs", "runs-rejects")


def made(names: Indices = EVERYTHING) -> list[SavedObject]:
    return bundle.objects(names, FOUND)


def test_every_reference_is_to_an_object_before_it_and_ids_are_stable() -> None:
    before: set[tuple[str, str]] = set()
    for one in made():
        assert {(reference.type, reference.id) for reference in one.references} <= before
        before.add((one.type, one.id))
    assert len(before) == len(made())
    assert made() == made()
    assert not before & {(one.type, one.id) for one in made(Indices("other"))}


def test_each_object_says_the_oldest_version_of_its_form() -> None:
    assert {(one.type, one.type_version) for one in made()} == set(TYPE_VERSIONS.items())


def test_panels_lie_in_the_grid_without_overlap() -> None:
    for one in made():
        if one.type != "dashboard":
            continue
        taken: set[tuple[int, int]] = set()
        for panel in orjson.loads(one.attributes["panelsJSON"]):
            grid = panel["gridData"]
            assert grid["x"] + grid["w"] <= COLUMNS
            cells = {
                (x, y)
                for x in range(grid["x"], grid["x"] + grid["w"])
                for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & taken
            taken |= cells


def test_notes_lead_to_the_saved_searches_and_to_dev_tools() -> None:
    [notes] = [
        panel
        for one in bundle.dashboards(EVERYTHING, FOUND)
        for panel in one.panels
        if isinstance(panel, MarkdownPanel)
    ]
    searches = [one for one in made() if one.type == "search"]
    assert len(searches) == 6
    for one in searches:
        assert f"(discover#/view/{one.id})" in notes.text
    assert "(dev_tools#/console)" in notes.text
    assert "xlrec-es query --index shop" in notes.text
    assert bundle.GUIDE in notes.text


def test_without_other_indices_there_are_still_all_dashboards() -> None:
    titles = [one.title for one in made(Indices("shop"))]
    assert titles[0] == "shop: catalog"
    assert "shop: Worker" in titles
    assert "shop: rejected records by stage" not in titles


def note(found: bundle.Catalog) -> str:
    [text] = [
        panel.text
        for one in bundle.dashboards(EVERYTHING, found)
        for panel in one.panels
        if isinstance(panel, MarkdownPanel)
    ]
    return text


def test_notes_tell_of_whom_a_search_is_or_what_to_run() -> None:
    shown = note(dataclasses.replace(FOUND, request="POST /shop/_search", liked=bundle.FIRST))
    assert "This one is of a user who liked the first document, by its ID; the command" in shown
    assert "```\nPOST /shop/_search\n```" in shown
    without = note(FOUND)
    assert "This one" not in without
    assert "Run `xlrec-ingest run`, and export again" in without
    for text in (shown, without):
        assert "```\nxlrec-es query --index shop ID\n```" in text
