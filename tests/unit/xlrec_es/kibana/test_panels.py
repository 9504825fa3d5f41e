"""Dashboards of panels, in Kibana's form."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest

from xlrec_es.kibana.panels import (
    COLUMNS,
    Dashboard,
    MarkdownPanel,
    Place,
    Row,
    VegaPanel,
    needs,
    search_url,
    vega_lite,
)
from xlrec_es.kibana.vega_source import sources

URL = search_url("shop", {"languages": {"terms": {"field": "xlrec.language"}}})
SPEC = vega_lite(URL, "aggregations.languages.buckets", {"mark": "bar", "encoding": {}})
CHART = VegaPanel("How many?", SPEC, "Documents.")
NOTE = MarkdownPanel("About", "# Shop")


def dashboard(*rows: Row) -> Dashboard:
    return Dashboard("catalog", "Shop: catalog", "What is there.", rows)


def panels_of(one: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(one.saved_object("shop").attributes["panelsJSON"])
    return found


def test_rows_are_laid_out_without_overlap() -> None:
    third = MarkdownPanel("Third", "")
    rows = (Row((CHART, NOTE), 10, (30, 18)), Row((third,), 4))
    places = [place for _, place in dashboard(*rows).placed()]
    assert places == [Place(0, 0, 30, 10), Place(30, 0, 18, 10), Place(0, 10, COLUMNS, 4)]
    cells = [{(x, y) for x in range(p.x, p.x + p.w) for y in range(p.y, p.y + p.h)} for p in places]
    assert not any(one & other for one, other in itertools.combinations(cells, 2))


def test_panels_of_a_row_are_equally_wide_where_nothing_is_said() -> None:
    assert Row((CHART, NOTE), 10).columns == (24, 24)


@pytest.mark.parametrize("widths", [(40, 9), (24,), (48, 0)])
def test_a_row_that_does_not_fit_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Row((CHART, NOTE), 10, widths)


def test_panels_of_one_title_are_refused() -> None:
    with pytest.raises(ValueError, match="are called About"):
        dashboard(Row((NOTE,), 3), Row((NOTE,), 3))


def test_a_dashboard_is_one_saved_object_with_its_panels_in_it() -> None:
    made = dashboard(Row((CHART, NOTE), 10))
    one = made.saved_object("shop")
    assert (one.type, one.type_version, one.references) == ("dashboard", "8.9.0", ())
    assert one == made.saved_object("shop")
    assert one.id != made.saved_object("other").id
    assert (one.attributes["timeFrom"], one.attributes["timeTo"]) == ("now-90d", "now")
    chart, note = panels_of(made)
    assert chart["gridData"] == {"x": 0, "y": 0, "w": 24, "h": 10, "i": chart["panelIndex"]}
    assert (chart["title"], note["title"]) == ("How many?", "About")
    assert {chart["panelIndex"]}.isdisjoint({note["panelIndex"]})
    visualization = chart["embeddableConfig"]["savedVis"]
    assert (visualization["type"], visualization["description"]) == ("vega", "Documents.")
    assert orjson.loads(visualization["params"]["spec"]) == SPEC
    assert note["embeddableConfig"]["savedVis"]["params"]["markdown"] == "# Shop"


def test_a_specification_has_its_search_in_kibanas_form() -> None:
    [source] = sources(SPEC)
    assert source.data["url"] == URL
    assert source.rows == "aggregations.languages.buckets"
    assert "%timefield%" not in URL
    assert search_url("shop", {}, time_field="t")["%timefield%"] == "t"


def test_a_panel_without_an_index_says_which_command_makes_its_data() -> None:
    panel = needs("Recall", "xlrec-es evaluate --write-to I")
    assert "xlrec-es evaluate --write-to I" in panel.text
    assert panel.title == "Recall"
