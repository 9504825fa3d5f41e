"""A page of HTML that needs nothing from anywhere: its style, its tables and its figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from xlrec_es.output_files import beginning

PAGE = "page of xlrec-es report or xlrec-es kibana preview"
"""What `page` makes, in words."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #595959; --line: #8886;
  --own: #b85410; --shade: #8881; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181a; --soft: #b4b4b4; --own: #f0a060; }
}
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 .5rem; font-size: 1.05rem; }
.verdict { border-left: 4px solid var(--own); padding: .1rem 1rem; font-size: 1.1rem;
  background: var(--shade); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr));
  gap: 0 2rem; align-items: start; }
figure { margin: 0; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--own); }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
.own th, .own td { font-weight: 700; }
.short th, .short td { white-space: normal; }
.lists td, .lists th { white-space: normal; min-width: 9.5rem; }
.lists th:first-child { min-width: 0; color: var(--soft); }
.hit { font-weight: 700; border-left: 4px solid var(--own); padding-left: .4rem; }
small, summary, .note { color: var(--soft); }
summary { cursor: pointer; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
"""

# Whatever stands in a report, a browser runs nothing of it and asks nobody.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
)


def page(title: str, body: str, *, style: str = "") -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: HTML.
        style: CSS beside that of all pages.
    """
    name = escape(title)
    return (
        f'{_HEAD}<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{_STYLE}{style}</style></head>"
        f"<body><main><h1>{name}</h1>{body}</main></body></html>\n"
    )


def is_page(path: Path) -> bool:
    """Whether a file is what `page` made.

    Raises:
        OSError: It cannot be read.
    """
    head = _HEAD.encode()
    return beginning(path, len(head)) == head


def figure(caption: str, svg: str, numbers: str) -> str:
    """A picture with a caption, and behind it the table that says the same."""
    picture = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return (
        f"<div><h3>{escape(caption)}</h3><figure>{picture}</figure>"
        f"<details><summary>The numbers</summary>{numbers}</details></div>"
    )


def table(
    caption: str,
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    kind: str = "",
    own: str | None = None,
    raw: bool = False,
) -> str:
    """A table that scrolls by itself where the screen is narrow.

    Args:
        caption: What it is, for those who do not see it.
        names: Of the columns.
        rows: Of the cells; the first of each says what the row is about.
        kind: Class of the table.
        own: The first cell of the row that is emphasised.
        raw: The cells are HTML.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = []
    for row in rows:
        first, *others = (str(cell) if raw else escape(str(cell)) for cell in row)
        emphasis = ' class="own"' if own is not None and row[0] == own else ""
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        body.append(f'<tr{emphasis}><th scope="row">{first}</th>{cells}</tr>')
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
