"""Dashboards as one HTML file, drawn from a live index without Kibana.

As the page of a report it needs nothing from anywhere, and follows the reader's light or dark mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from xlrec_es.errors import ClusterUnreachable, IndexNotFound, MissingExtra, XlrecError
from xlrec_es.kibana.panels import COLUMNS, MarkdownPanel, Panel, VegaPanel
from xlrec_es.kibana.searches import DashboardRead, Placed, in_form
from xlrec_es.kibana.vega_source import TimeRange, filled, resolved
from xlrec_es.report.html_page import page, table

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Gives the answer to a search, of its index and its body."""

_COLUMN, _ROW = 26, 20
"""Pixels of Kibana's grid on a screen of some 1250."""
_FRAME, _TITLE = 18, 56
"""Pixels that a panel's own frame and title take of it."""
_MOST_NUMBERS = 200

_STYLE = f"""
:root {{ --label: #516381; --title: #1d2a3e; --grid: #e3e8f2; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --label: #8e9fbc; --title: #cad3e2; --grid: #2b394f; }}
}}
body {{ max-width: {COLUMNS * _COLUMN + 32}px; }}
.board {{ display: grid; grid-template-columns: repeat({COLUMNS}, minmax(0, 1fr)); gap: 0.5rem; }}
.board section {{ border: 1px solid var(--line); padding: 0.25rem 0.5rem; min-width: 0; }}
.board h3 {{ margin: 0.25rem 0; font-size: 0.95rem; }}
.board p {{ margin: 0.25rem 0; }}
.board svg {{ width: 100%; overflow: visible; }}
@media (max-width: 50rem) {{ .board section {{ grid-column: 1 / -1 !important; }} }}
"""

_INLINE = re.compile(r"\*\*(?P<bold>[^*]+)\*\*|\[(?P<text>[^]]+)\]\((?P<to>[^)\s]+)\)")


def render(dashboards: Sequence[DashboardRead], ask: Ask) -> str:
    """The HTML file.

    Args:
        dashboards: That are drawn.
        ask: Is given each search.

    Raises:
        MissingExtra: vl-convert is not installed.
        ClusterUnreachable: Nothing answers.
    """
    try:
        import xlrec_es.kibana.drawing  # noqa: F401 - to say early what is missing
    except ImportError as error:
        raise MissingExtra.named("report", "a preview") from error
    title = " and ".join(dict.fromkeys(one.title.split(":")[0] for one in dashboards))
    body = "".join(part for one in dashboards for part in _board(one, ask))
    return page(f"Dashboards of {title}", body, style=_STYLE)


def _board(dashboard: DashboardRead, ask: Ask) -> Iterator[str]:
    yield f"<h2>{escape(dashboard.title)}</h2><p>{escape(dashboard.description)}</p>"
    yield '<div class="board">'
    time_range = TimeRange.relative(dashboard.since, dashboard.until)
    for placed in dashboard.panels:
        place = f"grid-column: {placed.x + 1} / span {placed.width}"
        inside = "".join(_inside(placed, time_range, ask))
        yield f'<section style="{place}"><h3>{escape(placed.title)}</h3>{inside}</section>'
    yield "</div>"


def _inside(placed: Placed, time_range: TimeRange, ask: Ask) -> Iterable[str]:
    panel: Panel | None = placed.panel
    if isinstance(panel, MarkdownPanel):
        return _markdown(panel.text)
    if isinstance(panel, VegaPanel):
        try:
            with in_form(placed.title):
                return [*_picture(panel, placed, time_range, ask), _note(panel.description)]
        except ClusterUnreachable:
            raise
        except XlrecError as error:
            return [f'<p class="verdict">{escape(str(error))}</p>']
    return [_note(f"A panel of the kind {placed.kind} is drawn by Kibana alone.")]


def _picture(panel: VegaPanel, placed: Placed, time_range: TimeRange, ask: Ask) -> Iterator[str]:
    from xlrec_es.kibana.drawing import VARIABLES, as_svg, headline, marks

    def answer(url: Mapping[str, Any]) -> Mapping[str, Any]:
        index, body = resolved(url, time_range)
        found = ask(index, body)
        if not found.get("_shards", {}).get("total", 1):
            raise IndexNotFound(f"there is no index {index}")
        return found

    spec = filled(panel.spec, answer)
    width, height = placed.width * _COLUMN - _FRAME, placed.height * _ROW - _TITLE
    numbers = marks(spec, width=width, height=height)
    if not numbers:
        told = headline(spec, width=width, height=height)
        yield f"<p>{escape(told or 'There is nothing to show yet.')}</p>"
        return
    svg = as_svg(spec, width=width, height=height, theme=VARIABLES)
    yield svg.replace("<svg ", f'<svg role="img" aria-label="{escape(panel.title)}" ', 1)
    names = list(dict.fromkeys(name for mark in numbers for name in mark))
    rows = [[mark.get(name, "") for name in names] for mark in numbers[:_MOST_NUMBERS]]
    yield "<details><summary>The numbers</summary>"
    yield f"{table(panel.title, names, rows)}</details>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def _markdown(text: str) -> Iterator[str]:
    """What our own Markdown has: paragraphs, lists, code, bold words and links."""
    for number, block in enumerate(text.split("```")):
        if number % 2:
            yield f"<pre>{escape(block.strip())}</pre>"
            continue
        for part in block.split("\n\n"):
            lines = [line for line in part.splitlines() if line.strip()]
            if lines and all(line.startswith("- ") for line in lines):
                items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines)
                yield f"<ul>{items}</ul>"
            elif lines:
                yield f"<p>{_inline(' '.join(lines))}</p>"


def _inline(text: str) -> str:
    done, end = "", 0
    for found in _INLINE.finditer(text):
        done += escape(text[end : found.start()])
        end = found.end()
        # Links lead into Kibana, which is not here.
        done += f"<b>{escape(found['bold'])}</b>" if found["bold"] else escape(found["text"])
    return done + escape(text[end:])
