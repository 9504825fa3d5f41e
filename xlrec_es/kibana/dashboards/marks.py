"""Parts of specifications that several dashboards draw with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlrec_es.kibana.panels import INTERVAL, POINT


def estimates(
    value: dict[str, Any], *, color: dict[str, Any] | None = None, upright: bool = False
) -> list[dict[str, Any]]:
    """Layers of a point for each `mean` with its interval from `low` to `high`.

    Args:
        value: Channel of the mean, without its field.
        color: Channel that both are colored by; None for the theme's first color.
        upright: Whether values go up, in place of to the right.
    """
    axis = "y" if upright else "x"
    colors = {} if color is None else {"color": color}
    quantitative = {"type": "quantitative", **value}
    interval = {
        axis: {"field": "low", **quantitative},
        f"{axis}2": {"field": "high"},
        **colors,
    }
    return [
        {"mark": INTERVAL, "encoding": interval},
        {
            "mark": {**POINT, "tooltip": True},
            "encoding": {axis: {"field": "mean", **quantitative}, **colors},
        },
    ]


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


def share(title: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A channel of shares, as percentages."""
    return {"title": title, "axis": {"format": ".0%", "tickCount": 5}, **more}
