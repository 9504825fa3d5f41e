"""Specifications drawn as Kibana draws them, without it. Needs vl-convert.

Sizes and colors are those that Kibana gives a specification that says none: the size of the panel,
and its theme's colors for axes, titles and marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import vl_convert

from xlrec_es.errors import UsageError
from xlrec_es.visible_text import drawable

_VEGA_LITE = "5.8"  # of those that vl-convert has, the nearest to Kibana's
_NOWHERE: list[str] = []  # as in Kibana, which loads nothing from elsewhere unless it is told to
_FIT = {"type": "fit", "contains": "padding"}

_MARKS = (
    *("#16C5C0", "#A6EDEA", "#61A2FF", "#BFDBFF", "#EE72A6"),
    *("#FFC7DB", "#F6726A", "#FFC9C2", "#EAAE01", "#FCD883"),
)
_STAND_INS = {"label": "#010203", "title": "#010204", "grid": "#010205"}
"""In place of colors that differ between themes, while it is drawn."""

LIGHT = {"label": "#516381", "title": "#1d2a3e", "grid": "#e3e8f2"}
DARK = {"label": "#8e9fbc", "title": "#cad3e2", "grid": "#2b394f"}
"""Colors of Kibana's two themes."""

VARIABLES = {name: f"var(--{name})" for name in _STAND_INS}
"""In place of a theme: CSS variables of the page around a picture."""

_CONFIG = {
    "background": "transparent",
    # Their letters are nearly as wide as each other's: vl-convert reckons with Liberation Sans.
    "font": "Arial, Liberation Sans, Helvetica, DejaVu Sans Condensed, sans-serif",
    # Where a browser has none of them, its letters may be wider.
    "padding": {"left": 5, "top": 5, "right": 24, "bottom": 5},
    "mark": {"color": _MARKS[0]},
    "range": {"category": list(_MARKS)},
    "style": {
        "guide-label": {"fill": _STAND_INS["label"]},
        "guide-title": {"fill": _STAND_INS["title"]},
        "group-title": {"fill": _STAND_INS["title"]},
        "group-subtitle": {"fill": _STAND_INS["title"]},
    },
    "axis": {
        "tickColor": _STAND_INS["grid"],
        "domainColor": _STAND_INS["grid"],
        "gridColor": _STAND_INS["grid"],
        "titleFontWeight": 500,
    },
    "area": {"fillOpacity": 0.2},
    "view": {"stroke": None},
}


def as_svg(
    spec: Mapping[str, Any], *, width: int, height: int, theme: Mapping[str, str] = LIGHT
) -> str:
    """A picture.

    Args:
        spec: Vega-Lite or Vega with values in place of its searches; see `vega_source.filled`.
        width: In pixels.
        height: In pixels.
        theme: Of this module.

    Raises:
        UsageError: Vega cannot draw it.
    """
    vega = as_vega(spec, width=width, height=height)
    svg: str = _tried(vl_convert.vega_to_svg, vega, allowed_base_urls=_NOWHERE)
    for name, stand_in in _STAND_INS.items():
        svg = svg.replace(stand_in, theme[name])
    return svg


def as_vega(spec: Mapping[str, Any], *, width: int, height: int) -> dict[str, Any]:
    """The Vega that Kibana makes of a specification for a panel of that size.

    Raises:
        UsageError: It is no Vega-Lite.
    """
    whole: dict[str, Any] = drawable(spec)
    whole["config"] = _merged(_CONFIG, whole.get("config", {}))
    whole["config"].pop("kibana", None)
    size = {"width": width, "height": height, "autosize": {**_FIT, **_autosize(whole)}}
    if "vega-lite" not in str(whole.get("$schema")):
        return whole | size
    if "facet" in whole or "concat" in whole or {"hconcat", "vconcat", "repeat"} & whole.keys():
        size = {}  # Kibana fits single views alone
    found: dict[str, Any] = _tried(vl_convert.vegalite_to_vega, whole | size, vl_version=_VEGA_LITE)
    return found


def marks(
    spec: Mapping[str, Any], kind: str | None = None, *, width: int = 600, height: int = 300
) -> list[dict[str, str]]:
    """The values that each mark of a picture stands for, by the titles of what they are drawn by.

    Args:
        spec: As for `as_svg`.
        kind: Of marks, such as `bar`, `point` or `text mark`; None for all.
        width: In pixels.
        height: In pixels.

    Raises:
        UsageError: Vega cannot draw it.
    """
    vega = as_vega(spec, width=width, height=height)
    found = _tried(vl_convert.vega_to_scenegraph, vega, allowed_base_urls=_NOWHERE)
    return [
        _values(item["description"])
        for item in _items(found["scenegraph"])
        if "description" in item and kind in (None, item.get("ariaRoleDescription"))
    ]


def headline(spec: Mapping[str, Any], *, width: int = 600, height: int = 300) -> str:
    """The title within a picture, which may depend on what was found; empty without one.

    Args:
        spec: As for `as_svg`.
        width: In pixels.
        height: In pixels.

    Raises:
        UsageError: Vega cannot draw it.
    """
    vega = as_vega(spec, width=width, height=height)
    found = _tried(vl_convert.vega_to_scenegraph, vega, allowed_base_urls=_NOWHERE)
    lines = [text for text in _texts(found["scenegraph"], "title-text") if text]
    return " ".join(lines)


def _texts(group: Mapping[str, Any], role: str) -> Iterator[str]:
    for item in group.get("items", ()):
        if group.get("role") == role:
            text = item.get("text") or ""
            yield " ".join(text) if isinstance(text, list) else str(text)
        yield from _texts(item, role)


def _items(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in group.get("items", ()):
        if group.get("role") == "mark":
            yield item
        yield from _items(item)


def _values(description: str) -> dict[str, str]:
    """Of what a reader of screens is told: `documents: 3; language: de`."""
    parts = (part.partition(": ") for part in description.split("; "))
    return {name: value for name, _, value in parts}


def _autosize(spec: Mapping[str, Any]) -> dict[str, Any]:
    asked = spec.get("autosize", {})
    return {"type": asked} if isinstance(asked, str) else dict(asked)


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults, and what a specification says in their place."""
    both = dict(ours)
    for name, value in theirs.items():
        inner = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = _merged(both[name], value) if inner else value
    return both


def _tried(function: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - vl-convert's
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        # The first line says what was tried, the second why it failed; the others are a traceback.
        said = " ".join(str(error).strip().splitlines()[:2])
        raise UsageError(f"Vega cannot draw it: {said}") from error
