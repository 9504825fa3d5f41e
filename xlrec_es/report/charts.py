"""Pictures of an evaluation or a training, as SVG or PNG. Needs Altair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from xlrec_es.visible_text import drawable

Chart = alt.LayerChart | alt.Chart
Row = Mapping[str, Any]

_INK = "#123456"  # stands for the color of the text, which Vega does not know
_BAR, _OWN = "#4c86b8", "#d2762d"
_WIDTH = 300  # with the names of the systems beside it, it fits a phone
_SYSTEMS = alt.Y("system:N", sort=None, title=None, axis=alt.Axis(minExtent=130))
"""Room for the longest name in whatever font the browser takes."""

_FEW_TICKS = alt.Axis(tickCount=5)
_SHARPNESS = 3  # pixels of a PNG for each of the picture


def bars(rows: Sequence[Row], *, measure: str, own: str) -> Chart:
    """One bar a system, with its interval.

    Args:
        rows: Each with `system`, `mean`, `low` and `high`; the best first.
        measure: What is measured.
        own: The system that is shown in a color of its own.
    """
    colour = alt.condition(alt.datum["system"] == own, alt.value(_OWN), alt.value(_BAR))
    base = alt.Chart(alt.Data(values=list(rows))).encode(y=_SYSTEMS)
    bar = base.mark_bar().encode(x=alt.X("mean:Q", title=measure, axis=_FEW_TICKS), color=colour)
    interval = base.mark_rule(color=_INK).encode(x=alt.X("low:Q", title=measure), x2="high:Q")
    chart: Chart = (bar + interval).properties(width=_WIDTH, height=alt.Step(20))
    return chart


def heat_map(rows: Sequence[Row]) -> Chart:
    """A square for each pair of languages, darker for more, with its number in it.

    Args:
        rows: Each with `source`, `target` and `mean`.
    """
    size = max(len({row["source"] for row in rows}), len({row["target"] for row in rows}))
    step = alt.Step(max(28, min(56, (_WIDTH + 60) // max(1, size))))
    bare: dict[str, Any] = {"domain": False, "ticks": False, "labelPadding": 6}
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("target:N", title="into", axis=alt.Axis(orient="top", labelAngle=0, **bare)),
        y=alt.Y("source:N", title="from", axis=alt.Axis(**bare)),
    )
    most = max(row["mean"] for row in rows) or 1.0
    scale = alt.Scale(scheme="blues", domain=[0, most])
    # The numbers stand in the squares: no legend.
    squares = base.mark_rect().encode(color=alt.Color("mean:Q", scale=scale, legend=None))
    numbers = base.mark_text(fontSize=12 if size < 9 else 10).encode(
        text=alt.Text("mean:Q", format=".2f"),
        color=alt.condition(
            alt.datum["mean"] > 0.75 * most, alt.value("white"), alt.value("black")
        ),
    )
    chart: Chart = (squares + numbers).properties(width=step, height=step)
    return chart


def groups(rows: Sequence[Row], *, measure: str) -> Chart:
    """Two bars a system, with their intervals: for warm works and for cold ones.

    Args:
        rows: Each with `system`, `group` (`warm` or `cold`), `mean`, `low` and `high`; the best
            first.
        measure: What is measured.
    """
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        y=_SYSTEMS,
        yOffset=alt.YOffset("group:N", sort=["warm", "cold"]),
    )
    colour = alt.Color(
        "group:N", title=None, scale=alt.Scale(domain=["warm", "cold"], range=[_OWN, _BAR])
    )
    bar = base.mark_bar().encode(x=alt.X("mean:Q", title=measure, axis=_FEW_TICKS), color=colour)
    interval = base.mark_rule(color=_INK).encode(x=alt.X("low:Q", title=measure), x2="high:Q")
    chart: Chart = (bar + interval).properties(width=_WIDTH, height=alt.Step(12))
    return chart


def curves(points: Mapping[str, Sequence[tuple[float, float]]]) -> bytes:
    """A line for each thing that was measured over time, each on a scale of its own, as PNG.

    Args:
        points: (step, value) by name.
    """
    rows = [{"step": x, "value": y, "of": name} for name, own in points.items() for x, y in own]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True, color=_OWN)
        .encode(
            x=alt.X("step:Q", title="step"),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
            facet=alt.Facet("of:N", title=None, columns=2),
        )
        .properties(width=_WIDTH, height=_WIDTH // 2)
        .resolve_scale(y="independent")
    )
    png: bytes = vl_convert.vegalite_to_png(drawable(chart.to_dict()), scale=2)
    return png


def as_svg(chart: Chart, *, ink: str = "black", background: str | None = "white") -> str:
    """The picture as SVG.

    Args:
        chart: Of this module.
        ink: Color of what is written; `currentColor` takes that of the text around the picture.
        background: None leaves it transparent.
    """
    svg: str = vl_convert.vegalite_to_svg(drawable(_styled(chart, background or "transparent")))
    return svg.replace(_INK, ink)


def as_png(chart: Chart) -> bytes:
    """The picture as PNG, black on white."""
    png: bytes = vl_convert.svg_to_png(as_svg(chart), scale=_SHARPNESS)
    return png


def _styled(chart: Chart, background: str) -> dict[str, Any]:
    styled = (
        chart.configure(background=background, font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_INK,
            tickColor=_INK,
            domainColor=_INK,
            gridColor=_INK,
            gridOpacity=0.15,
            labelLimit=160,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=_INK, titleColor=_INK, labelFontSize=12, orient="bottom")
    )
    specification: dict[str, Any] = styled.to_dict()
    return specification
