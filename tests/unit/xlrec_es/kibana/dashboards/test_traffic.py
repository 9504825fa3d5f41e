"""The dashboard Traffic."""

from __future__ import annotations

from kibana_marks import texts_of
from xlrec_es.kibana.dashboards import traffic
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.panels import VegaPanel
from xlrec_es.kibana.vega_source import sources


def test_every_panel_is_within_the_time_that_is_shown() -> None:
    made = traffic.dashboard(Indices("shop", shown="shown", clicks="clicks"))
    urls = [
        source.data["url"]
        for panel in made.panels
        if isinstance(panel, VegaPanel)
        for source in sources(panel.spec)
    ]
    assert len(urls) == 9, "one of eight panels asks twice"
    assert {url["%timefield%"] for url in urls} == {"time"}
    assert {url["index"] for url in urls} == {"shown", "shown,clicks"}


def test_one_index_of_both_is_searched_once() -> None:
    made = traffic.dashboard(Indices("shop", shown="ubi_events", clicks="ubi_events"))
    [panel] = [one for one in made.panels if one.title == traffic.VARIANTS]
    assert isinstance(panel, VegaPanel)
    assert panel.spec["data"]["url"]["index"] == "ubi_events"


def test_panels_without_an_index_say_what_makes_it() -> None:
    assert len(texts_of(traffic.dashboard(Indices("shop")))) == 8
    texts = texts_of(traffic.dashboard(Indices("shop", shown="shown")))
    assert texts.keys() == {*traffic.OF_CLICKS}
    assert all("xlrec-es serve --index shop" in text for text in texts.values())
