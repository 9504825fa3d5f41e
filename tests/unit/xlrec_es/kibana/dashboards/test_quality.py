"""The dashboard Quality."""

from __future__ import annotations

from kibana_marks import texts_of
from xlrec_es.evaluate.result_rows import TYPES
from xlrec_es.kibana.dashboards import gates, quality
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.panels import VegaPanel
from xlrec_es.kibana.searches import fields_of
from xlrec_es.kibana.vega_source import sources

MADE = quality.dashboard(Indices("shop", evaluations="evaluations"))
URLS = [
    source.data["url"]
    for panel in MADE.panels
    if isinstance(panel, VegaPanel)
    for source in sources(panel.spec)
]


def test_every_panel_is_within_the_time_that_is_shown() -> None:
    assert len(URLS) == len(MADE.panels) == 10
    assert {url["%timefield%"] for url in URLS} == {"@timestamp"}
    assert {url["index"] for url in URLS} == {"evaluations"}


def test_each_field_that_is_searched_is_mapped_before_any_row_has_it() -> None:
    fields = {field for url in URLS for field in fields_of(url["body"])}
    assert fields > {"evaluation", "pair.source", "recall.mean", "tuning.gain.low"}
    assert fields > {"gate.decision", "gate.reason", "check.name", "check.limit"}
    assert fields <= TYPES.keys()


def test_without_evaluations_each_panel_says_what_makes_them() -> None:
    texts = texts_of(quality.dashboard(Indices("shop")))
    assert list(texts) == [panel.title for panel in MADE.panels]
    commands = [text for text in texts.values() if "evaluate INTERACTIONS --index shop" in text]
    assert len(commands) == 7
    assert "tune INTERACTIONS --index shop --write-to" in texts[quality.TUNED]
    for title in (gates.CHECKED, gates.DECIDED):
        assert "xlrec-es index reindex shop --write-to" in texts[title]
