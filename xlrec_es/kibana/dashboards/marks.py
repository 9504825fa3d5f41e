"""Parts of specifications that several dashboards draw with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlrec_es.kibana.panels import INTERVAL, POINT

NUMBER, SHARE = ".3f", ".1%"
"""How numbers and shares are told, as d3 writes it."""

ENDS = {"low": "95% from", "high": "95% to"}
"""What the ends of an interval are called."""


def estimates(
    value: dict[str, Any],
    *,
    color: dict[str, Any] | None = None,
    upright: bool = False,
    form: str = NUMBER,
) -> list[dict[str, Any]]:
    """Layers of a point for each `mean` with its interval from `low` to `high`.

    Args:
        value: Channel of the mean, without its field.
        color: Channel that both are colored by; None for the theme's first color.
        upright: Whether values go up, in place of to the right.
        form: Of the numbers that are told, as d3 writes it.
    """
    axis = "y" if upright else "x"
    colors = {} if color is None else {"color": color}
    quantitative = {"type": "quantitative", **value}
    interval = {
        axis: {"field": "low", **quantitative},
        f"{axis}2": {"field": "high"},
        **colors,
    }
    # What a pointer and a reader of screens are told: the estimate once, with its interval.
    as_told = {"type": "quantitative", "format": form}
    ends = [{"field": end, "title": name, **as_told} for end, name in ENDS.items()]
    return [
        {"mark": {**INTERVAL, "aria": False}, "encoding": interval},
        {
            "mark": {**POINT, "tooltip": True},
            "encoding": {
                axis: {"field": "mean", **quantitative},
                **colors,
                "detail": ends,
            },
        },
    ]


def said(text: str) -> dict[str, Any]:
    """A sentence above what is drawn, in the color that the theme gives to titles.

    Args:
        text: Expression of Vega: a text, or a list of lines; an empty one takes no room.
    """
    return {
        "title": {"text": {"expr": text}, "anchor": "start", "fontSize": 12, "fontWeight": "normal"}
    }


def over_time(field: str, **inner: Any) -> dict[str, Any]:  # noqa: ANN401
    """Aggregations of each span of the dashboard's time, called `times`.

    Args:
        field: With the time.
        inner: Aggregations of each span.
    """
    histogram = {"field": field, "interval": {"%autointerval%": True}, "min_doc_count": 1}
    return {"times": {"date_histogram": histogram, "aggs": inner}}


def metrics(prefix: str = "") -> dict[str, Any]:
    """Aggregations of a mean and the ends of its interval, of one document each.

    Args:
        prefix: Of the fields: `recall.`.
    """
    return {name: {"max": {"field": f"{prefix}{name}"}} for name in ("mean", "low", "high")}


def taken(row: str, names: Sequence[str] = ("mean", "low", "high")) -> list[dict[str, Any]]:
    """Transforms that take values of metrics out of a bucket.

    Args:
        row: Name of the field that holds the bucket.
        names: Of the metrics, which the values get, too.
    """
    return [{"calculate": f"datum.{row}.{name}.value", "as": name} for name in names]


def nominal(field: str, title: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A channel of names, in the order in which they come."""
    return {"field": field, "type": "nominal", "sort": None, "title": title, **more}


def untitled(field: str, title: str, **axis: Any) -> dict[str, Any]:  # noqa: ANN401
    """The same, with a name for those who are told of it, and none at the axis."""
    return nominal(field, title, axis={"title": None, **axis})


def stacked(*told: tuple[str, str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A mark of bars, and channels, that are told by these fields and not by their order.

    Args:
        told: Fields with their titles and formats; an empty format is that of a text.
    """
    fields = [
        {
            "field": field,
            "title": title,
            **({"type": "quantitative", "format": form} if form else {}),
        }
        for field, title, form in told
    ]
    values = [
        f"'{title}: ' + " + (f"format(datum['{field}'], '{form}')" if form else f"datum['{field}']")
        for field, title, form in told
    ]
    mark = {"type": "bar", "tooltip": True, "description": {"expr": " + '; ' + ".join(values)}}
    return mark, {"order": {"field": "place"}, "tooltip": fields}


def share(title: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A channel of shares, as percentages."""
    return {"title": title, "axis": axis_of(SHARE), **more}


def axis_of(form: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """An axis of numbers that are told in one form, with ticks of no more digits than they have."""
    short = "~%" if form.endswith("%") else "~g"
    return {"tickCount": 5, "format": form, "labelExpr": f"format(datum.value, '{short}')", **more}
