"""Panels, and dashboards of them in Kibana's grid of 48 columns. Pure.

Kibana's form of a panel: a visualization by value, within the dashboard's own `panelsJSON`. It
parses a Vega specification as text, puts the answer to the search in it at the place of `data.url`
(see `vega_source`), and gives it the size of the panel and the colors of its theme. So no
specification here says a size, a background or a color of text.

Vega-Lite draws marks of text and rules in black, whatever the theme: numbers stand in the labels of
an axis here (`labelExpr`) or in colored cells, and intervals are thin bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from xlrec_es.kibana.saved_objects import (
    DASHBOARD,
    TYPE_VERSIONS,
    Reference,
    SavedObject,
    stable_id,
)

COLUMNS = 48
"""Of Kibana's grid."""

VEGA_LITE = "https://vega.github.io/schema/vega-lite/v5.json"
"""The `$schema` of a specification: an identifier, which nobody fetches."""

POINT = {"type": "point", "filled": True, "opacity": 1, "size": 60}
"""A mark of an estimate, in the theme's first color."""

INTERVAL = {"type": "bar", "size": 2}
"""A mark of its interval, from `x` to `x2`, or from `y` to `y2`, in the same color."""

WHOLE = {
    "tickCount": 5,
    "format": ",d",
    "labelExpr": "datum.value % 1 ? '' : format(datum.value, ',d')",
}
"""An axis of counts: Vega-Lite has ticks between small ones, which would say 1 twice."""

TIMES = {
    "tickCount": 8,
    "labelOverlap": True,
    "format": "%Y-%m-%d %H:%M",
    "labelExpr": "seconds(datum.value) || milliseconds(datum.value) "
    "? timeFormat(datum.value, '%b %d, %H:%M') : timeFormat(datum.value, {})",
}
"""An axis of times; one of a single moment, between minutes, would say its milliseconds alone."""

_NO_QUERY = {"query": {"query": "", "language": "kuery"}, "filter": []}
_OPTIONS = {
    "useMargins": True,
    "syncColors": False,
    "syncCursor": True,
    "syncTooltips": False,
    "hidePanelTitles": False,
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A panel as a dashboard holds it.

    Attributes:
        type: Kibana's name of its kind.
        config: Its `embeddableConfig`.
        references: Data views that it needs.
    """

    type: str
    config: Mapping[str, Any]
    references: tuple[Reference, ...] = ()


class Panel(Protocol):
    """What stands in a dashboard."""

    @property
    def title(self) -> str:
        """The question that it answers."""

    def embedded(self, catalog: str) -> Embedded:
        """In Kibana's form.

        Args:
            catalog: The catalog's name; see `stable_id`.
        """


@dataclass(frozen=True, slots=True)
class VegaPanel:
    """A picture of what a search finds.

    Attributes:
        title: The question that it answers.
        spec: Vega-Lite 5, or Vega 5, with Kibana's `data.url`.
        description: What is counted, and how to read it.
    """

    title: str
    spec: Mapping[str, Any]
    description: str = ""

    def saved(self) -> dict[str, Any]:
        """The visualization in Kibana's form."""
        spec = orjson.dumps(self.spec, option=orjson.OPT_INDENT_2).decode()
        return _visualization(self.title, "vega", {"spec": spec}, self.description)

    def embedded(self, catalog: str) -> Embedded:
        """See `Panel`."""
        return Embedded("visualization", {"savedVis": self.saved(), "enhancements": {}})


@dataclass(frozen=True, slots=True)
class MarkdownPanel:
    """A text.

    Attributes:
        title: Of the panel.
        text: In Markdown.
    """

    title: str
    text: str

    def saved(self) -> dict[str, Any]:
        """The visualization in Kibana's form."""
        params = {"fontSize": 12, "openLinksInNewTab": True, "markdown": self.text}
        return _visualization(self.title, "markdown", params, "")

    def embedded(self, catalog: str) -> Embedded:
        """See `Panel`."""
        return Embedded("visualization", {"savedVis": self.saved(), "enhancements": {}})


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side.

    Attributes:
        panels: From left to right.
        height: Of each, in rows of Kibana's grid, of 20 pixels.
        widths: Of each, in columns; empty for equal ones.

    Raises:
        ValueError: They do not fit into the grid.
    """

    panels: tuple[Panel, ...]
    height: int
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        widths = self.columns
        if len(widths) != len(self.panels) or sum(widths) > COLUMNS or min(widths) < 1:
            raise ValueError(f"{len(self.panels)} panels of widths {widths} do not fit")

    @property
    def columns(self) -> tuple[int, ...]:
        """Width of each panel."""
        return self.widths or (COLUMNS // len(self.panels),) * len(self.panels)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is in the grid: its left upper corner and its size."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rows of panels.

    Attributes:
        name: Short and without spaces: `catalog`.
        title: As Kibana lists it.
        description: As Kibana lists it.
        rows: From top to bottom.
        since: The span of time that it shows when it is opened, up to now: `now-90d`.

    Raises:
        ValueError: Two panels have one title, by which they are told apart.
    """

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    since: str = "now-90d"

    def __post_init__(self) -> None:
        titles = [panel.title for panel in self.panels]
        if twice := {title for title in titles if titles.count(title) > 1}:
            raise ValueError(f"two panels of {self.name} are called {', '.join(sorted(twice))}")

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them, row by row."""
        return tuple(panel for row in self.rows for panel in row.panels)

    def placed(self) -> Iterator[tuple[Panel, Place]]:
        """Each panel with its place."""
        y = 0
        for row in self.rows:
            x = 0
            for panel, width in zip(row.panels, row.columns, strict=True):
                yield panel, Place(x, y, width, row.height)
                x += width
            y += row.height

    def saved_object(self, index: str) -> SavedObject:
        """The one saved object that it is.

        Args:
            index: The catalog's name; see `stable_id`.
        """
        version = TYPE_VERSIONS[DASHBOARD]
        panels: list[dict[str, Any]] = []
        references: list[Reference] = []
        for panel, place in self.placed():
            id_, embedded = stable_id(index, self.name, panel.title), panel.embedded(index)
            panels.append(_placed(panel.title, place, id_, version, embedded))
            references += (
                Reference(f"{id_}:{one.name}", one.type, one.id) for one in embedded.references
            )
        attributes = {
            "title": self.title,
            "description": self.description,
            "panelsJSON": _text(panels),
            "optionsJSON": _text(_OPTIONS),
            "kibanaSavedObjectMeta": {"searchSourceJSON": _text(_NO_QUERY)},
            "timeRestore": True,
            "timeFrom": self.since,
            "timeTo": "now",
            "refreshInterval": {"pause": True, "value": 60_000},
            "version": 1,
        }
        own = stable_id(index, DASHBOARD, self.name)
        return SavedObject(DASHBOARD, own, attributes, tuple(references), version)


def needs(title: str, command: str) -> MarkdownPanel:
    """What stands in the place of a panel whose index was not named.

    Args:
        title: Of the panel.
        command: What makes its data.
    """
    text = (
        "There is no data for this yet. Make it with:\n\n"
        f"```\n{command}\n```\n\n"
        "Then export the dashboards again, with that index."
    )
    return MarkdownPanel(title, text)


def vega_lite(
    url: Mapping[str, Any], rows: str, parts: Mapping[str, Any], *, name: str | None = None
) -> dict[str, Any]:
    """A specification over one search.

    Args:
        url: In Kibana's form; see `search_url`.
        rows: What of the answer is drawn, such as `aggregations.languages.buckets`.
        parts: The others: `mark` or `layer`, `encoding`, `transform` ...
        name: By which expressions find the rows: `data('answer')`; None if none asks for them.
    """
    named = {} if name is None else {"name": name}
    data = {**named, "url": dict(url), "format": {"property": rows}}
    return {"$schema": VEGA_LITE, "data": data, **parts}


def search_url(
    index: str, aggregations: Mapping[str, Any], *, time_field: str | None = None
) -> dict[str, Any]:
    """A search for nothing but aggregations, within the dashboard's filters, as `data.url`.

    Args:
        index: Name or pattern.
        aggregations: By name.
        time_field: What Kibana's time picker filters; None where all times count.
    """
    field = {} if time_field is None else {"%timefield%": time_field}
    return {
        "%context%": True,
        **field,
        "index": index,
        "body": {"size": 0, "aggs": dict(aggregations)},
    }


def _visualization(
    title: str, type_: str, params: Mapping[str, Any], description: str
) -> dict[str, Any]:
    return {
        "id": "",
        "title": title,
        "description": description,
        "type": type_,
        "params": dict(params),
        "uiState": {},
        "data": {"aggs": [], "searchSource": _NO_QUERY},
    }


def _placed(title: str, place: Place, id_: str, version: str, embedded: Embedded) -> dict[str, Any]:
    grid = {"x": place.x, "y": place.y, "w": place.w, "h": place.h, "i": id_}
    return {
        "version": version,
        "type": embedded.type,
        "gridData": grid,
        "panelIndex": id_,
        "embeddableConfig": dict(embedded.config),
        "title": title,
    }


def _text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return orjson.dumps(value).decode()
