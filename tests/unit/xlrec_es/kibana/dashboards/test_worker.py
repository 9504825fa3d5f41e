"""The dashboard Worker."""

from __future__ import annotations

from xlrec_es.kibana.dashboards import worker
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.panels import MarkdownPanel, VegaPanel
from xlrec_es.kibana.vega_source import sources


def test_every_panel_is_within_the_time_that_is_shown() -> None:
    made = worker.dashboard(Indices("shop", runs="runs", rejects="runs-rejects"))
    pictures = [p.picture() if isinstance(p, LensPanel) else p for p in made.panels]
    urls = [
        source.data["url"]
        for panel in pictures
        if isinstance(panel, VegaPanel)
        for source in sources(panel.spec)
    ]
    assert {url["%timefield%"] for url in urls} == {"@timestamp"}
    assert sorted(url["index"] for url in urls) == ["runs"] * 3 + ["runs-rejects"] * 2


def test_without_runs_each_panel_says_what_to_run() -> None:
    made = worker.dashboard(Indices("shop"))
    with_runs = worker.dashboard(Indices("shop", runs="runs", rejects="runs-rejects"))
    assert [p.title for p in made.panels] == [p.title for p in with_runs.panels]
    for panel in made.panels:
        assert isinstance(panel, MarkdownPanel)
        assert "xlrec-ingest run CATALOG --index shop --write-to RUNS" in panel.text


def test_as_long_as_nothing_was_rejected_two_panels_say_so() -> None:
    made = worker.dashboard(Indices("shop", runs="runs"))
    texts = [panel.text for panel in made.panels if isinstance(panel, MarkdownPanel)]
    assert len(texts) == 2
    assert all("No run had rejected a record" in text for text in texts)
