"""Parts of specifications that several dashboards draw with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xlrec_es.kibana.panels import INTERVAL, POINT

NUMBER, SHARE = ".3f", ".1%"
"""How numbers and shares are told, as d3 writes it."""

ENDS = {"low": "95% from", "high": "95% to"}
"""What the ends of an interval are called."""

_LINE = 150
"""Characters of a sentence in one line of a panel as wide as the dashboard."""


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


def stacked(*fields_told: tuple[str, str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A mark of bars, and channels, that are told by these fields and not by their order.

    Args:
        fields_told: See `told`.
    """
    description, fields = told(*fields_told)
    mark = {"type": "bar", "tooltip": True, "description": description}
    return mark, {"order": {"field": "place"}, "tooltip": fields}


def told(*fields: tuple[str, str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a reader of screens is told of a mark, and a pointer: a description, and tooltips.

    Args:
        fields: With their titles and formats; an empty format is that of a text. A number that is
            missing is `none`.
    """
    tooltips = [
        {
            "field": field,
            "title": title,
            **({"type": "quantitative", "format": form} if form else {}),
        }
        for field, title, form in fields
    ]
    values = [
        f"'{title}: ' + "
        + (
            f"(isValid(datum['{field}']) ? format(datum['{field}'], '{form}') : 'none')"
            if form
            else f"datum['{field}']"
        )
        for field, title, form in fields
    ]
    return {"expr": " + '; ' + ".join(values)}, tooltips


def sentences(kind: str, colors: Mapping[str, str], *, order: str | None) -> dict[str, Any]:
    """A mark and channels of sentences, one below the other, each with a point before it.

    Sentences are labels of an axis, which have the theme's color.

    Args:
        kind: Field by which points are colored, and which is told.
        colors: By its values.
        order: Field that they are ordered by; None: as they come.
    """
    lines = f"regexp('(.{{1,{_LINE}}})( |$)', 'g')"
    # A semicolon with a space would end the sentence where descriptions are read.
    sentence = "replace(datum.sentence, regexp('; ', 'g'), ';\u00a0')"
    description = {"expr": f"'is: ' + datum.{kind} + '; sentence: ' + {sentence}"}
    sort = None if order is None else {"field": order, "op": "min"}
    return {
        "mark": {**POINT, "tooltip": True, "description": description},
        "encoding": {
            "x": {"value": 6},
            "y": {
                **untitled(
                    "sentence",
                    "sentence",
                    labelAlign="left",
                    labelPadding=-16,  # into the picture, beside the point
                    domain=False,
                    ticks=False,
                    labelLimit=0,
                    labelExpr=f"split(trim(replace(datum.value, {lines}, '$1\\n')), '\\n')",
                ),
                "sort": sort,
            },
            "color": {
                "field": kind,
                "type": "nominal",
                "scale": {"domain": [*colors], "range": [*colors.values()]},
                "title": "is",
                "legend": {"orient": "left", "title": None},
            },
        },
    }


def share(title: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A channel of shares, as percentages."""
    return {"title": title, "axis": axis_of(SHARE), **more}


def axis_of(form: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """An axis of numbers that are told in one form, with ticks of no more digits than they have."""
    short = "~%" if form.endswith("%") else "~g"
    return {"tickCount": 5, "format": form, "labelExpr": f"format(datum.value, '{short}')", **more}
