"""Counts by the values of a field, as bars that Lens draws. Pure.

A click on such a bar filters the whole dashboard, which a picture by Vega cannot do. The form is
that of Kibana's own sample data (`sample_data/data_sets/ecommerce`, panels of 8.11); what Lens
makes of it is a terms aggregation, which is sent and drawn here in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xlrec_es.kibana.panels import WHOLE, Embedded, VegaPanel, search_url, vega_lite
from xlrec_es.kibana.saved_objects import DATA_VIEW, Reference, stable_id

MISSING = "(missing value)"
"""What Lens calls documents without the field."""

_LAYER, _BARS, _COUNT = "bars", "by", "count"
_REFERENCE = f"indexpattern-datasource-layer-{_LAYER}"
_SHOWN = {"x": True, "yLeft": True, "yRight": True}


@dataclass(frozen=True, slots=True)
class LensPanel:
    """Bars of how many documents have each value of a field, the longest first.

    Attributes:
        title: The question that it answers.
        index: Name or pattern, which has a data view.
        field: Whose values are counted.
        counted: What its documents are.
        description: What is counted, and how to read it.
        size: Most bars.
        shows_missing: Whether documents without the field have a bar.
        time_field: Of the data view; None where it has none.
    """

    title: str
    index: str
    field: str
    counted: str
    description: str = ""
    size: int = 20
    shows_missing: bool = False
    time_field: str | None = None

    def embedded(self, catalog: str) -> Embedded:
        """See `panels.Panel`."""
        view = Reference(_REFERENCE, DATA_VIEW, stable_id(catalog, DATA_VIEW, self.index))
        attributes = {
            "title": self.title,
            "description": self.description,
            "visualizationType": "lnsXY",
            "type": "lens",
            "references": [{"name": view.name, "type": view.type, "id": view.id}],
            "state": {
                "datasourceStates": {"formBased": {"layers": {_LAYER: self._columns()}}},
                "visualization": _VISUALIZATION,
                "query": {"query": "", "language": "kuery"},
                "filters": [],
                "internalReferences": [],
                "adHocDataViews": {},
            },
        }
        return Embedded("lens", {"attributes": attributes, "enhancements": {}}, (view,))

    def picture(self) -> VegaPanel:
        """The same search and the same bars, drawn by Vega."""
        missing = {"missing": MISSING} if self.shows_missing else {}
        terms = {"field": self.field, "size": self.size, **missing}
        search = search_url(self.index, {_BARS: {"terms": terms}}, time_field=self.time_field)
        named = self.field.rpartition(".")[2].replace("_", " ")
        labels = {"field": "label", "type": "nominal", "sort": None, "title": named}
        parts = {
            "transform": [
                {"calculate": "datum.key + '  ' + format(datum.doc_count, ',')", "as": "label"}
            ],
            "mark": {"type": "bar", "tooltip": True},
            "encoding": {
                "y": {**labels, "axis": {"labelLimit": 420, "title": None}},
                "x": {
                    "field": "doc_count",
                    "type": "quantitative",
                    "title": self.counted,
                    "axis": WHOLE,
                },
            },
        }
        spec = vega_lite(search, f"aggregations.{_BARS}.buckets", parts)
        return VegaPanel(self.title, spec, self.description)

    def _columns(self) -> dict[str, Any]:
        by = {
            "label": self.field,
            "dataType": "string",
            "operationType": "terms",
            "scale": "ordinal",
            "sourceField": self.field,
            "isBucketed": True,
            "params": {
                "size": self.size,
                "orderBy": {"type": "column", "columnId": _COUNT},
                "orderDirection": "desc",
                "otherBucket": False,
                "missingBucket": self.shows_missing,
                "parentFormat": {"id": "terms"},
            },
        }
        count = {
            "label": self.counted,
            "customLabel": True,
            "dataType": "number",
            "operationType": "count",
            "isBucketed": False,
            "scale": "ratio",
            "sourceField": "___records___",
        }
        return {
            "columnOrder": [_BARS, _COUNT],
            "columns": {_BARS: by, _COUNT: count},
            "incompleteColumns": {},
        }


_VISUALIZATION = {
    "preferredSeriesType": "bar_horizontal",
    "layers": [
        {
            "layerId": _LAYER,
            "layerType": "data",
            "seriesType": "bar_horizontal",
            "position": "top",
            "showGridlines": False,
            "xAccessor": _BARS,
            "accessors": [_COUNT],
        }
    ],
    "legend": {"isVisible": False, "position": "right"},
    "valueLabels": "show",
    "fittingFunction": "None",
    "axisTitlesVisibilitySettings": {**_SHOWN, "x": False},
    "gridlinesVisibilitySettings": _SHOWN,
    "tickLabelsVisibilitySettings": _SHOWN,
    "yLeftExtent": {"mode": "full"},
    "yRightExtent": {"mode": "full"},
}


def read_lens(
    attributes: Mapping[str, Any], *, title: str, view: tuple[str, str | None] | None
) -> LensPanel | None:
    """The panel that Lens's attributes are of; None if they are of another kind.

    Args:
        attributes: In Kibana's form.
        title: Of the panel.
        view: Pattern and time field of its data view; None if it is not known.

    Raises:
        KeyError: They are not in Kibana's form.
    """
    layers = attributes["state"]["datasourceStates"].get("formBased", {}).get("layers", {})
    if view is None or len(layers) != 1 or attributes["state"].get("filters"):
        return None
    [layer] = layers.values()
    columns = sorted(layer["columns"].values(), key=lambda one: not one["isBucketed"])
    kinds = [(one["operationType"], one.get("filter")) for one in columns]
    if kinds != [("terms", None), ("count", None)]:
        return None
    by, count = columns
    params = by["params"]
    index, time_field = view
    return LensPanel(
        title,
        index,
        str(by["sourceField"]),
        str(count["label"]),
        str(attributes.get("description", "")),
        int(params["size"]),
        bool(params.get("missingBucket")),
        time_field,
    )


def view_of(attributes: Mapping[str, Any]) -> str | None:
    """The id of the one data view that Lens's attributes refer to; None if there are several."""
    ids = {one["id"] for one in attributes.get("references", []) if one["type"] == DATA_VIEW}
    return ids.pop() if len(ids) == 1 else None
