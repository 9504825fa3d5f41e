"""Specifications drawn as Kibana draws them."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.kibana.drawing import DARK, LIGHT, VARIABLES, as_svg, as_vega, marks
from xlrec_es.kibana.panels import INTERVAL, POINT, VEGA_LITE

BUCKETS = [{"key": "de", "doc_count": 3}, {"key": "en", "doc_count": 5}]
SPEC: dict[str, Any] = {
    "$schema": VEGA_LITE,
    "data": {
        "values": {"aggregations": {"languages": {"buckets": BUCKETS}}},
        "format": {"property": "aggregations.languages.buckets"},
    },
    "mark": "bar",
    "encoding": {
        "y": {"field": "key", "type": "nominal", "title": "language"},
        "x": {"field": "doc_count", "type": "quantitative", "title": "documents"},
    },
}


def test_each_mark_says_the_values_that_it_stands_for() -> None:
    assert marks(SPEC) == [
        {"documents": "3", "language": "de"},
        {"documents": "5", "language": "en"},
    ]
    assert marks(SPEC, "bar") == marks(SPEC)
    assert marks(SPEC, "point") == []


def test_a_picture_has_the_size_of_its_panel_and_the_colors_of_the_theme() -> None:
    light, dark, page = (
        as_svg(SPEC, width=400, height=200, theme=theme) for theme in (LIGHT, DARK, VARIABLES)
    )
    assert 'width="400" height="200"' in light
    for svg, theme in ((light, LIGHT), (dark, DARK), (page, VARIABLES)):
        assert all(f'"{color}"' in svg for color in theme.values())
        assert "#01020" not in svg
        assert "black" not in svg
    assert "#16C5C0" in light  # the theme's first color, for bars without one of their own


def test_what_a_specification_says_itself_stays() -> None:
    own = {**SPEC, "config": {"mark": {"color": "#abcdef"}, "kibana": {"hideWarnings": True}}}
    svg = as_svg(own, width=300, height=200)
    assert "#abcdef" in svg
    assert "#16C5C0" not in svg


def test_an_estimate_and_its_interval_are_drawn_in_the_themes_color() -> None:
    encoding = {"x2": {"datum": 9}}
    spec = {**SPEC, "layer": [{"mark": POINT}, {"mark": INTERVAL, "encoding": encoding}]}
    del spec["mark"]
    svg = as_svg(spec, width=300, height=200)
    assert svg.count("#16C5C0") == 4
    assert "black" not in svg


def test_vega_itself_is_drawn_too() -> None:
    vega = as_vega(SPEC, width=300, height=200)
    assert "vega-lite" not in vega["$schema"]
    assert marks(vega) == marks(SPEC)


@pytest.mark.parametrize(
    "wrong",
    [
        {**SPEC, "mark": "no such mark"},
        {"$schema": "https://vega.github.io/schema/vega/v5.json", "marks": [{"type": "x"}]},
    ],
)
def test_what_vega_cannot_draw_is_said_in_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"Vega cannot draw it: .+") as caught:
        as_svg(wrong, width=300, height=200)
    assert "\n" not in str(caught.value)


def test_nothing_is_loaded_from_elsewhere() -> None:
    spec = {**SPEC, "data": {"url": "http://127.0.0.1:9/rows.json"}}
    for draw in (lambda: as_svg(spec, width=300, height=200), lambda: marks(spec)):
        with pytest.raises(UsageError, match="External data url not allowed"):
            draw()
