"""The pictures of the documents, from real runs: demo, page, report, dashboards, a diagram.

    python tests/pictures.py [URL]

Runs the demo and evaluates its sample, on a node of its own or on the Elasticsearch at URL, and
writes `.github/assets`. That takes minutes. Each picture is there for light and for dark pages.
The titles of the page need a font for Chinese, such as that of Debian's `fonts-noto-cjk`.
"""

from __future__ import annotations

import contextlib
import html
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import diagram
import kibana_sheet
from browser import chromium
from http_service import service
from xlrec_es.demo import INDEX
from xlrec_es.node import running

Theme = Literal["light", "dark"]

ASSETS = Path(__file__).parents[1] / ".github" / "assets"
COLUMNS = 80
PAPER_AND_INK = {
    "light": TerminalTheme((246, 248, 250), (31, 35, 40), [(31, 35, 40)] * 8),
    "dark": TerminalTheme((22, 27, 34), (230, 237, 243), [(230, 237, 243)] * 8),
}
THEMES: tuple[Theme, ...] = ("light", "dark")
SHOWN = 2  # of the demo's users: the reasons for these items fit their column
WIDTH = 1000  # of the report, in its own pixels
SCREENS = {"page": (1360, 850), "page-phone": (360, 1240)}
USER = 1  # of the demo's, for the page

# Fonts of the reader's machine: a page that shows a picture lets it fetch none.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S).replace(
    "Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
)
_CELL = 20 * 0.61  # its width in the SVG: of rich's letters, by their height
_PLACED = re.compile(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)" textLength[^>]*>([^<]*)<')
_TEXT = re.compile(r'textLength="([\d.]+)"([^>]*)>([^<]*)<')


def main() -> None:
    """Run everything, and write all of them."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        url = sys.argv[1] if sys.argv[1:] else stack.enter_context(running()).url
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        printed = _run("xlrec_es", "demo", url=url, cwd=place)
        for name, content in _pages(url, place):
            _write(name, content)
        evaluation = _evaluate(url, place)
        page = place / "report.html"
        _run("xlrec_es", "report", str(evaluation), "-o", str(page), url=url, cwd=place)
        dashboards = kibana_sheet.write_data(_run, url, place)
        for theme in THEMES:
            _write(f"kibana-{theme}.png", kibana_sheet.sheet(dashboards, theme))
            _write(f"demo-{theme}.svg", terminal("xlrec-es demo", one_user(printed, SHOWN), theme))
            _write(f"report-{theme}.png", screenshot(page, theme))
            _write(f"architecture-{theme}.svg", diagram.draw(theme))


def _pages(url: str, place: Path) -> Iterator[tuple[str, bytes]]:
    """The page with one of the demo's users, by the names of the files."""
    path = resources.files("xlrec_es") / "sample" / "histories.json"
    users = json.loads(path.read_text("utf-8"))
    samples = place / "samples.json"
    samples.write_text(json.dumps({one["user"]: one["history"] for one in users}))
    chosen = [("item", item) for item in users[USER]["history"]]
    parts = ",".join(f"{language}:1" for language in users[USER]["languages"])
    shown = urlencode([*chosen, ("a.size", "9"), ("a.share", "parts"), ("a.parts", parts)])
    arguments = ("-i", INDEX, "--url", url, "--samples", str(samples))
    with service(place, *arguments) as started, chromium() as browser:
        for (name, (width, height)), theme in itertools.product(SCREENS.items(), THEMES):
            page = browser.new_page(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{started.url}/#{shown}")
            page.locator(".side[aria-busy=false] .list").last.wait_for()
            page.wait_for_load_state("networkidle")
            yield f"{name}-{theme}.png", page.screenshot()
            page.close()


def _run(package: str, *arguments: str, url: str, cwd: Path) -> str:
    """What a command prints in a terminal of 80 columns that knows colors."""
    terminal = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "XLREC_URL": url}
    return subprocess.run(
        [sys.executable, "-m", package, *arguments],
        env={**os.environ, **terminal},
        cwd=cwd,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def _evaluate(url: str, place: Path) -> Path:
    """The evaluation of the demo's index, learned from what is not held out."""
    evaluate = ["evaluate", "interactions.tsv", "-i", INDEX]
    _run("xlrec_es", "demo", "--export", ".", url=url, cwd=place)
    _run("xlrec_es", *evaluate, "--write-training", "training.tsv", url=url, cwd=place)
    _run("ingest", "learn", "training.tsv", "-i", INDEX, url=url, cwd=place)
    evaluation = place / "evaluation.json"
    evaluation.write_text(_run("xlrec_es", *evaluate, "--json", url=url, cwd=place), "utf-8")
    return evaluation


def _write(name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    (ASSETS / name).write_bytes(data)
    print(f"{name}: {len(data) / 1000:.0f} kB")


def one_user(printed: str, number: int) -> str:
    """What the demo says first, and what it shows for one of its users, who are counted from 1."""
    parts = re.split(r"^(?=(?:\x1b\[\d+m)*Who )", printed, flags=re.M)
    return f"{parts[0].strip()}\n\n{parts[number].strip()}"


def terminal(command: str, printed: str, theme: Theme) -> str:
    """A terminal as SVG, in which a command was given and has printed this."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in Text.from_ansi(f"$ {command}\n{printed}").split(allow_blank=True):
        for piece in line.divide(_cuts(line.plain)):
            console.print(piece, end="", soft_wrap=True)
        console.print()
    svg = console.export_svg(title=command, theme=PAPER_AND_INK[theme], code_format=_FORMAT)
    return _TEXT.sub(_widened, svg)


def _cuts(line: str) -> list[int]:
    """Where a line is cut so that the characters of a piece are equally wide, in any font."""
    pairs = enumerate(itertools.pairwise(line), 1)
    return [at for at, two in pairs if "│" in two or len(set(map(cell_len, two))) > 1]


def _widened(text: re.Match[str]) -> str:
    """The element with its length in cells: `export_svg` counts characters."""
    content = html.unescape(text[3])
    length = float(text[1]) * cell_len(content) / len(content)
    return f'textLength="{length:g}"{text[2]}>{text[3]}<'


def lines_of(svg: str) -> list[str]:
    """The lines that a terminal's SVG shows."""
    rows: dict[float, str] = {}
    for x, y, content in _PLACED.findall(svg):
        row = rows.get(float(y), "")
        gap = round(float(x) / _CELL) - cell_len(row)
        rows[float(y)] = row + " " * gap + html.unescape(content).replace("\xa0", " ")
    return [rows[y].rstrip() for y in sorted(rows)]


def screenshot(page: Path, theme: Theme) -> bytes:
    """The beginning of a page, down to the end of its first two charts."""
    with chromium() as browser:
        shown = browser.new_page(color_scheme=theme, device_scale_factor=1.25)
        shown.set_viewport_size({"width": WIDTH, "height": WIDTH})
        shown.goto(page.as_uri())
        chart = shown.locator("figure svg").nth(1).bounding_box()
        assert chart is not None
        shown.set_viewport_size(
            {"width": WIDTH, "height": round(chart["y"] + chart["height"] + 16)}
        )
        return shown.screenshot()


if __name__ == "__main__":
    main()
