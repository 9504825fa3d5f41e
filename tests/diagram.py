"""The picture of how it works: boxes and arrows, drawn for light and for dark pages.

tests/pictures.py writes it; no command has to run for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 352
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
TITLE = "How xlrec-es works"
THEMES = {
    "light": {"ink": "#1f2328", "soft": "#59636e", "line": "#818b98", "fill": "#f6f8fa"}
    | {"own": "#b85410", "own fill": "#fff3ea"},
    "dark": {"ink": "#f0f6fc", "soft": "#9198a1", "line": "#656c76", "fill": "#151b23"}
    | {"own": "#f0a060", "own fill": "#2a1c12"},
}
"""Colors by their use; the background is the page's."""


@dataclass(frozen=True)
class Box:
    """A rectangle with text.

    Attributes:
        place: Left, top, width and height.
        title: Its first line.
        lines: The lines below.
        own: Whether it is a part of this project.
        dashed: Whether it has a dashed border.
    """

    place: tuple[int, int, int, int]
    title: str
    lines: tuple[str, ...] = ()
    own: bool = False
    dashed: bool = False

    def draw(self, colors: Mapping[str, str]) -> Iterator[str]:
        """Its elements."""
        left, top, width, height = self.place
        line, fill = (colors["own"], "own fill") if self.own else (colors["line"], "fill")
        dashes = ' stroke-dasharray="5 4"' if self.dashed else ""
        yield (
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8" '
            f'fill="{colors[fill]}" stroke="{line}"{dashes}/>'
        )
        middle = left + width / 2
        yield _text(middle, top + 24, self.title, color=colors["ink"], bold=True)
        for number, text in enumerate(self.lines):
            yield _text(middle, top + 46 + 19 * number, text, color=colors["soft"])


@dataclass(frozen=True)
class Arrow:
    """A line with a head at its end.

    Attributes:
        start: x and y.
        end: x and y.
        label: Above its middle.
        both: Whether it has a head at its start too.
    """

    start: tuple[int, int]
    end: tuple[int, int]
    label: str = ""
    both: bool = False

    def draw(self, colors: Mapping[str, str]) -> Iterator[str]:
        """Its elements."""
        (x1, y1), (x2, y2) = self.start, self.end
        heads = 'marker-end="url(#head)"' + (' marker-start="url(#head)"' if self.both else "")
        yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colors["line"]}" {heads}/>'
        if self.label:
            yield _text((x1 + x2) / 2, y1 - 8, self.label, color=colors["soft"], size=12)


@dataclass(frozen=True)
class Note:
    """A line of text by itself; `place` is where its middle stands."""

    place: tuple[int, int]
    text: str

    def draw(self, colors: Mapping[str, str]) -> Iterator[str]:
        """Its element."""
        yield _text(*self.place, self.text, color=colors["soft"])


PARTS: tuple[Box | Arrow | Note, ...] = (
    Box((6, 74, 170, 84), "Catalog", ("JSONL, CSV, Parquet", "or an index")),
    Box((6, 206, 170, 84), "Interactions", ("TSV, Parquet", "or an index")),
    Box((222, 30, 188, 316), "Worker: xlrec-ingest", own=True),
    Box(
        (234, 66, 164, 100),
        "Encode",
        ("read and clean texts,", "one vector for each,", "centered by language"),
    ),
    Box((234, 198, 164, 100), "Learn", ("associations of items,", "inherited by", "new items")),
    Note((316, 326), "key: writer or admin"),
    Box((480, 30, 176, 316), "Your Elasticsearch"),
    Box((492, 66, 152, 38), "alias: shop"),
    Box((492, 138, 152, 62), "shop-xlrec-v2", ("active",)),
    Box((492, 222, 152, 62), "shop-xlrec-v1", ("to roll back to",), dashed=True),
    Note((568, 310), "your fields,"),
    Note((568, 329), "and one object: xlrec"),
    Box((730, 6, 164, 40), "A user's history"),
    Box(
        (730, 86, 164, 166),
        "Recommender",
        ("in your service:", "profile, searches,", "fusion, slots,", "explanations"),
        own=True,
    ),
    Note((812, 236), "key: reader"),
    Box((730, 286, 164, 60), "Lists", ("by language",)),
    Arrow((176, 116), (232, 116)),
    Arrow((176, 248), (232, 248)),
    Arrow((410, 116), (478, 116), "vectors"),
    Arrow((410, 248), (478, 248), "weights"),
    Arrow((568, 104), (568, 136)),
    Arrow((658, 169), (728, 169), "_msearch", both=True),
    Arrow((812, 46), (812, 84)),
    Arrow((812, 252), (812, 284)),
)


def draw(theme: str) -> str:
    """The picture as SVG, in one of `THEMES`."""
    colors = THEMES[theme]
    drawn = "\n".join(element for part in PARTS for element in part.draw(colors))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="{FONT}" stroke-width="1.5">\n'
        f"<title>{TITLE}</title>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path d="M0 0L8 4L0 8z" fill="{colors["line"]}"/></marker></defs>\n{drawn}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, *, color: str, bold: bool = False, size: int = 14) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y}" text-anchor="middle" font-size="{size}" fill="{color}" '
        f'stroke="none"{weight}>{escape(text)}</text>'
    )
