"""The dashboard Catalog."""

from __future__ import annotations

import orjson

from xlrec_es.kibana.dashboards import catalog
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.panels import MarkdownPanel, Panel, VegaPanel
from xlrec_es.kibana.vega_source import sources

MADE = catalog.dashboard(Indices("shop"))
COMMAND = "xlrec-ingest learn INTERACTIONS --index shop."


def picture(panel: Panel) -> VegaPanel:
    found = panel.picture() if isinstance(panel, LensPanel) else panel
    assert isinstance(found, VegaPanel)
    return found


def test_every_panel_asks_the_catalog_a_question() -> None:
    for panel in map(picture, MADE.panels):
        assert panel.title.endswith("?")
        assert panel.description.endswith(".")
        [source] = sources(panel.spec)
        assert source.data["url"]["index"] == "shop"
        assert source.rows.split(".")[1] in source.data["url"]["body"]["aggs"]


def test_what_is_learned_says_the_command_that_learns() -> None:
    told = [p.title for p in map(picture, MADE.panels) if COMMAND in p.description]
    assert told == [
        "Which share of each language has a vector, and which has associations?",
        "How much of each language is cold?",
        "How is popularity spread?",
    ]


def test_only_times_of_writing_depend_on_the_time_that_is_shown() -> None:
    timed = [p.title for p in MADE.panels if b"%timefield%" in orjson.dumps(picture(p).spec)]
    assert timed == ["When were the documents written?"]


def test_notes_stand_at_the_end_where_there_are_some() -> None:
    note = MarkdownPanel("Look closer", "")
    assert catalog.dashboard(Indices("shop"), note).panels == (*MADE.panels, note)
