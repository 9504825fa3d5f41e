"""The searches of saved objects: what Kibana would send for each panel and each saved search.

It reads exports, ours or Kibana's own. What Kibana alone can read is passed over: queries in its
language, maps, and panels by Lens that show more than counts by the values of a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, UsageError
from xlrec_es.kibana.lens import read_lens, view_of
from xlrec_es.kibana.panels import COLUMNS, MarkdownPanel, Panel, VegaPanel
from xlrec_es.kibana.saved_objects import DASHBOARD, DATA_VIEW, SEARCH, SavedObject, stable_id
from xlrec_es.kibana.vega_source import TimeRange, resolved, sources

Views = Mapping[str, tuple[str, str | None]]
"""Patterns and time fields of data views, by id."""

_HITS = 50
"""Of a saved search."""
_TALLEST = 1000
"""Rows of Kibana's grid; a page of a hundred screens."""
_OTHER_FORM = (
    *(AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError),
    InvalidJson,
)
_META_FIELDS = ("_id", "_index", "_score", "_source")
_FIELD_KEYS = ("field", "path")


@dataclass(frozen=True, slots=True)
class Placed:
    """A panel of a dashboard that was read.

    Attributes:
        panel: One by Lens as its picture; None where it is of a kind that is not drawn here.
        title: Of the panel.
        kind: Kibana's name of its kind: `vega`, `markdown`, `lens` ...
        width: In columns of the grid.
        height: In rows of the grid.
        x: Column of its left edge.
        y: Row of its upper edge.
    """

    panel: Panel | None
    title: str
    kind: str
    width: int
    height: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class DashboardRead:
    """A dashboard that was read.

    Attributes:
        title: Of it.
        description: Of it.
        panels: From top to bottom, and from left to right.
        since: The beginning of the time that it shows.
        until: The end.
    """

    title: str
    description: str
    panels: tuple[Placed, ...]
    since: str = "now-90d"
    until: str = "now"


@dataclass(frozen=True, slots=True)
class Search:
    """A search that Kibana sends.

    Attributes:
        of: Dashboard or saved search.
        title: Of the panel; empty for a saved search.
        index: What is searched.
        body: Of the search.
        fields: Those that it names.
    """

    of: str
    title: str
    index: str
    body: Mapping[str, Any]
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.of}, {self.title}" if self.title else self.of


def dashboards_of(objects: Iterable[SavedObject]) -> list[DashboardRead]:
    """The dashboards among saved objects.

    Raises:
        UsageError: One is not in Kibana's form.
    """
    there = list(objects)
    views = {
        one.id: (str(one.attributes.get("title", "")), one.attributes.get("timeFieldName"))
        for one in there
        if one.type == DATA_VIEW
    }
    return [_read(one, views) for one in there if one.type == DASHBOARD]


def searches_of(objects: Sequence[SavedObject]) -> Iterator[Search]:
    """All searches of saved objects: of panels first, each within the time that is shown.

    Raises:
        UsageError: An object is not in Kibana's form, or a search is against its rules.
    """
    for dashboard in dashboards_of(objects):
        yield from dashboard_searches(dashboard)
    views = {
        one.id: str(one.attributes.get("title", "")) for one in objects if one.type == DATA_VIEW
    }
    for one in objects:
        if one.type == SEARCH:
            yield _saved_search(one, views)


def dashboard_searches(dashboard: DashboardRead) -> Iterator[Search]:
    """The searches of a dashboard's panels.

    Raises:
        UsageError: A search is against Kibana's rules.
    """
    with in_form(f"the dashboard {dashboard.title}"):
        time_range = TimeRange.relative(dashboard.since, dashboard.until)
    for placed in dashboard.panels:
        if not isinstance(placed.panel, VegaPanel):
            continue
        for source in sources(placed.panel.spec):
            with in_form(f"{dashboard.title}, {placed.title}"):
                index, body = resolved(source.data["url"], time_range)
            fields = tuple(dict.fromkeys(fields_of(body)))
            yield Search(dashboard.title, placed.title, index, body, fields)


def with_catalog(objects: Sequence[SavedObject], index: str | None) -> list[SavedObject]:
    """The objects, with another index in place of the catalog that was exported.

    Args:
        objects: An export of ours.
        index: None: they stay as they are.

    Raises:
        UsageError: They have no data view of a catalog.
    """
    if index is None:
        return list(objects)
    titles = {str(o.attributes.get("title")): o for o in objects if o.type == DATA_VIEW}
    catalogs = [t for t, one in titles.items() if one.id == stable_id(t, DATA_VIEW, t)]
    if len(catalogs) != 1:
        raise UsageError(
            f"in place of which index {index} is to be searched is not known: the file has "
            f"{len(catalogs)} catalogs; leave --index out"
        )
    return [_exchanged(one, catalogs[0], index) for one in objects]


def _exchanged(one: SavedObject, old: str, new: str) -> SavedObject:
    attributes = dict(one.attributes)
    if one.type == DATA_VIEW and attributes.get("title") == old:
        attributes["title"] = new
    elif one.type == DASHBOARD:
        with in_form(f"the dashboard {one.title}"):
            attributes["panelsJSON"] = _searching(attributes["panelsJSON"], old, new)
    return replace(one, attributes=attributes)


def _searching(panels_json: str, old: str, new: str) -> str:
    """Panels whose searches are of another index."""
    panels = _parsed(panels_json)
    for panel in panels:
        params = (panel.get("embeddableConfig", {}).get("savedVis") or {}).get("params", {})
        if "spec" in params:
            spec = _parsed(params["spec"])
            for source in sources(spec):
                if source.data["url"].get("index") == old:
                    source.data["url"]["index"] = new
            params["spec"] = orjson.dumps(spec).decode()
    return orjson.dumps(panels).decode()


@contextmanager
def in_form(what: str) -> Iterator[None]:
    """Say of what is wrong where it is; a file may be of anyone, and hold anything.

    Raises:
        UsageError: In place of whatever a part of another kind leads to.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from error
    except _OTHER_FORM as error:
        raise UsageError(f"{what} is not in Kibana's form: {error!r}") from error


def fields_of(part: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a body
    """The fields that a body names in aggregations, sorting and common queries."""
    if isinstance(part, list):
        for one in part:
            yield from fields_of(one)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in _FIELD_KEYS and isinstance(value, str):
                yield value
            elif name in ("term", "terms", "range", "match", "prefix") and isinstance(value, dict):
                yield from _named(value)
            else:
                yield from fields_of(value)


def _named(clause: Mapping[str, Any]) -> Iterator[str]:
    """The field of a query by term or range, or of an aggregation that is called alike."""
    if isinstance(clause.get("field"), str):
        yield clause["field"]
        return
    yield from (name for name in clause if name != "boost")


def _read(one: SavedObject, views: Views) -> DashboardRead:
    with in_form(f"the dashboard {one.title}"):
        attributes = one.attributes
        found = [_placed(panel, views) for panel in _parsed(attributes["panelsJSON"])]
        kept = bool(attributes.get("timeRestore"))
        return DashboardRead(
            str(attributes["title"]),
            str(attributes.get("description", "")),
            tuple(sorted(found, key=lambda placed: (placed.y, placed.x))),
            *((str(attributes["timeFrom"]), str(attributes["timeTo"])) if kept else ()),
        )


def _placed(panel: Mapping[str, Any], views: Views) -> Placed:
    grid, config = panel["gridData"], panel.get("embeddableConfig", {})
    visualization = config.get("savedVis") or {}
    kind = str(visualization.get("type") or panel.get("type", "unknown"))
    title = str(panel.get("title") or config.get("title") or visualization.get("title") or "")
    place = [int(grid[name]) for name in ("w", "h", "x", "y")]
    if not (1 <= place[0] <= COLUMNS and 1 <= place[1] <= _TALLEST and min(place[2:]) >= 0):
        raise UsageError(f"the panel {title} has no place in a grid of {COLUMNS} columns: {grid}")
    if kind == "lens" and "attributes" in config:
        return Placed(_by_lens(title, config["attributes"], views), title or kind, kind, *place)
    return Placed(_panel(kind, title, visualization), title or kind, kind, *place)


def _by_lens(title: str, attributes: Mapping[str, Any], views: Views) -> Panel | None:
    found = read_lens(attributes, title=title, view=views.get(view_of(attributes) or ""))
    return None if found is None else found.picture()


def _panel(kind: str, title: str, visualization: Mapping[str, Any]) -> Panel | None:
    params = visualization.get("params", {})
    if kind == "markdown":
        return MarkdownPanel(title, str(params["markdown"]))
    if kind == "vega":
        spec = _parsed(params["spec"])
        if not isinstance(spec, dict):
            raise UsageError(f"the specification of {title} is no object")
        return VegaPanel(title, spec, str(visualization.get("description", "")))
    return None


def _saved_search(one: SavedObject, views: Mapping[str, str]) -> Search:
    with in_form(f"the search {one.title}"):
        attributes = one.attributes
        source = _parsed(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        referred = {reference.name: reference.id for reference in one.references}
        id_ = referred[source["indexRefName"]] if "indexRefName" in source else source["index"]
        sort = [
            {name: {"order": order, "unmapped_type": "boolean"}}
            for name, order in attributes.get("sort", [])
        ]
        body: dict[str, Any] = {"size": _HITS, "query": _query(source)}
        if sort:
            body["sort"] = sort
        columns = [name for name in attributes.get("columns", []) if name not in _META_FIELDS]
        if id_ not in views:
            raise UsageError(f"it needs the data view {id_}, which is not there")
        named = [*columns, *(name for name, _ in attributes.get("sort", []))]
        named += fields_of(body["query"])
        return Search(one.title, "", views[id_], body, tuple(map(str, dict.fromkeys(named))))


def _query(source: Mapping[str, Any]) -> dict[str, Any]:
    """The filters of a search, without its query in Kibana's language."""
    clauses: dict[str, list[Any]] = {"filter": [], "must_not": []}
    for one in source.get("filter", []):
        meta = one.get("meta", {})
        if not meta.get("disabled") and "query" in one:
            clauses["must_not" if meta.get("negate") else "filter"].append(one["query"])
    return {"bool": clauses}


def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    return exact_json.loads(text.encode(), exact=False)
