"""Pictures of an evaluation, as SVG that takes the colour of the text around it. Needs Altair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

_INK = "#123456"  # stands for the colour of the text, which Vega does not know
_BAR, _OWN = "#5b8db8", "#d2762d"
_WIDTH = 300  # fits a phone; the page makes it larger


def bars(rows: Sequence[Mapping[str, Any]], *, measure: str, own: str) -> str:
    """One bar a system, with its interval.

    Args:
        rows: Each with `system`, `mean`, `low` and `high`; the best first.
        measure: What is measured.
        own: The system that is shown in a colour of its own.
    """
    base = alt.Chart(alt.Data(values=list(rows))).encode(y=alt.Y("system:N", sort=None, title=None))
    colour = alt.condition(alt.datum["system"] == own, alt.value(_OWN), alt.value(_BAR))
    bar = base.mark_bar().encode(x=alt.X("mean:Q", title=measure), color=colour)
    interval = base.mark_rule(color=_INK).encode(x=alt.X("low:Q", title=measure), x2="high:Q")
    return _svg((bar + interval).properties(width=_WIDTH, height=alt.Step(20)))


def heat_map(rows: Sequence[Mapping[str, Any]]) -> str:
    """A square for each pair of languages.

    Args:
        rows: Each with `source`, `target` and `mean`.
    """
    size = max(len({row["source"] for row in rows}), len({row["target"] for row in rows}))
    step = alt.Step(max(24, min(60, _WIDTH // max(1, size))))
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("target:N", title="into", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("source:N", title="from"),
    )
    # The numbers stand in the squares: no legend.
    scale = alt.Scale(scheme="viridis")
    squares = base.mark_rect().encode(color=alt.Color("mean:Q", scale=scale, legend=None))
    middle = (max(row["mean"] for row in rows) + min(row["mean"] for row in rows)) / 2
    numbers = base.mark_text(fontSize=10).encode(
        text=alt.Text("mean:Q", format=".2f"),
        color=alt.condition(alt.datum["mean"] > middle, alt.value("black"), alt.value("white")),
    )
    return _svg((squares + numbers).properties(width=step, height=step))


def groups(rows: Sequence[Mapping[str, Any]], *, measure: str) -> str:
    """Two bars a system: for warm works and for cold ones.

    Args:
        rows: Each with `system`, `group` (`warm` or `cold`) and `mean`; the best first.
        measure: What is measured.
    """
    chart = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_bar()
        .encode(
            y=alt.Y("system:N", sort=None, title=None),
            yOffset=alt.YOffset("group:N", sort=["warm", "cold"]),
            x=alt.X("mean:Q", title=measure),
            color=alt.Color(
                "group:N",
                title=None,
                scale=alt.Scale(domain=["warm", "cold"], range=[_OWN, _BAR]),
            ),
        )
    )
    return _svg(chart.properties(width=_WIDTH, height=alt.Step(12)))


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
    png: bytes = vl_convert.vegalite_to_png(chart.to_dict(), scale=2)
    return png


def _svg(chart: alt.LayerChart | alt.Chart) -> str:
    styled = (
        chart.configure(background="transparent", font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_INK,
            tickColor=_INK,
            domainColor=_INK,
            gridColor=_INK,
            gridOpacity=0.15,
            labelLimit=160,
        )
        .configure_legend(labelColor=_INK, titleColor=_INK, orient="bottom")
    )
    svg: str = vl_convert.vegalite_to_svg(styled.to_dict())
    return svg.replace(_INK, "currentColor")
