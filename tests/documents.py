"""What a test asks of a Markdown document: its prose, links, headings, pictures, blocks, tables."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

import cli_reference

ROOT = Path(__file__).parents[1]
BUDGETS = {
    "README.md": 250,
    "xlrec_es/README.md": 350,
    "xlrec_es/SERVICE.md": 250,
    "xlrec_es/EVALUATION.md": 200,
    "xlrec_es/OPERATIONS.md": 350,
    "xlrec_es/DESIGN.md": 250,
    "xlrec_es/KIBANA.md": 150,
    "ingest/README.md": 350,
    "ingest/DESIGN.md": 150,
    "ingest/INTERACTIONS.md": 200,
    "ingest/FINETUNING.md": 200,
    "ingest/ENCODERS.md": 200,
    "ingest/SCALE.md": 160,
    "ingest/IMAGES.md": 120,
    "mappings/README.md": 90,
    "tests/README.md": 150,
    "tests/bench/README.md": 500,
    "tests/bench/ENCODERS.md": 350,
    ".github/CONTRIBUTING.md": 60,
    ".github/SECURITY.md": 60,
}
"""Most lines of each document that people write."""

LOOKED_UP = {"xlrec_es/CLI.md", "ingest/CLI.md", "xlrec_es/CHANGELOG.md"}
"""Without a budget: two are generated, one grows with every release."""

GENERATED = {"xlrec_es/CLI.md", "ingest/CLI.md"}
OF_THE_SAMPLE = "xlrec_es/sample/ATTRIBUTION.md"  # of the data, and beside it

_FENCE = re.compile(r"^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$", re.M | re.S)
RENDERED = re.compile(r"<!-- table:.*?<!-- /table -->", re.S)
"""Tables of results; their sources are the commands of then."""

_COMMENT = re.compile(r"<!--.*?-->", re.S)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^()\s]*)\)")
_PICTURE = re.compile(r'<img\b[^>]*\salt="([^"]*)"[^>]*>')
_TAG = re.compile(r"</?(?:picture|source|img)\b[^>]*>")
_LEAD = re.compile(r"\*\*[^*\n]{1,40}\.\*\* ")  # a label in front of a paragraph is no sentence
_CALL = re.compile(r"(?:^|&& |bin/)((?:xlrec-es|xlrec-ingest)\b.*?)(?=&&|$)", re.M)
_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
_END = re.compile(r"(?<=[.!?])[*_\"')]*\s+")


def _plain(markdown: str) -> str:
    pictures_told = _TAG.sub("", _PICTURE.sub(r"\1", markdown))
    return _LINK.sub(r"\2", _CODE.sub("code", _LEAD.sub("", pictures_told)))


@dataclass(frozen=True)
class Block:
    """Code between fences.

    Attributes:
        kind: What stands behind the opening fence: `sh`, `python` ...
        text: Without the indentation that it has as a part of a list.
    """

    kind: str
    text: str


def _blocks(markdown: str) -> list[Block]:
    return [Block(one[3], textwrap.dedent(one[4])) for one in _FENCE.finditer(markdown)]


@dataclass(frozen=True)
class Link:
    """A link or a picture.

    Attributes:
        target: As it is written.
        text: Of a picture its alternative text.
        is_picture: Whether it is shown in its place.
    """

    target: str
    text: str
    is_picture: bool


@dataclass(frozen=True)
class Document:
    """A Markdown file.

    Attributes:
        name: Path from the project's root.
    """

    name: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return ROOT / self.name

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text("utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Its blocks of code."""
        return _blocks(self.text)

    def blocks_below(self, heading: str) -> list[Block]:
        """Those between a heading of the second level and the next one."""
        _, _, below = self.text.partition(f"\n## {heading}\n")
        return _blocks(below.partition("\n## ")[0])

    @cached_property
    def outside(self) -> str:
        """What is neither in a block of code nor a comment."""
        return _COMMENT.sub("", _FENCE.sub("\n", self.text))

    @cached_property
    def prose(self) -> str:
        """What people read: `code` stands for code, and a link for its text."""
        return _plain(self.outside)

    @cached_property
    def headings(self) -> list[str]:
        """As they are written, without the marks in front."""
        return re.findall(r"^#+ (.*?) *$", self.outside, re.M)

    @cached_property
    def anchors(self) -> set[str]:
        """What a link to a heading names, as GitHub makes it."""
        plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings]
        return {heading.replace(" ", "-") for heading in plain}

    @cached_property
    def links(self) -> list[Link]:
        """Its links and pictures, those in HTML too."""
        without_code = _CODE.sub(lambda code: code[0] if "](" in code[0] else "code", self.outside)
        written = [Link(one[3], one[2], bool(one[1])) for one in _LINK.finditer(without_code)]
        for tag in re.findall(r"<(?:img|source|a)\b[^>]*>", self.outside):
            parts = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            target = parts.get("src") or parts.get("srcset") or parts.get("href") or ""
            is_picture = tag.startswith("<img")
            written.append(Link(target, parts.get("alt", "") if is_picture else "link", is_picture))
        return written

    def sentences(self) -> Iterator[str]:
        """Those that are written, outside of tables, headings and code; a list item begins one."""
        lines: list[str] = []
        written = _COMMENT.sub("", _FENCE.sub("\n", RENDERED.sub("\n", self.text)))
        for line in [*_plain(written).splitlines(), ""]:
            begins = bool(_ITEM.match(line)) or not line.strip() or line.startswith("#")
            if begins and lines:
                yield from filter(None, map(str.strip, _END.split(" ".join(lines))))
                lines = []
            if line.strip() and not line.lstrip().startswith(("|", "#")):
                lines.append(_ITEM.sub("", line, count=1) if begins else line.strip())

    def table(self, header: str) -> list[list[str]]:
        """The rows of the table whose first line begins so: the cells as they are written."""
        lines = self.text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith(header))
        rows = []
        for line in lines[first + 2 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        return rows

    def commands(self) -> Iterator[str]:
        """Each line of a shell block that calls one of the programs, from the program's name on."""
        lines = "\n".join(block.text for block in self.blocks if block.kind == "sh")
        lines = lines.replace("\\\n", " ")
        lines = re.sub(r"docker compose run --rm ingest(-gpu)? ", "xlrec-ingest ", lines)
        yield from _CALL.findall(lines)

    def mentions(self) -> Iterator[str]:
        """Each call of one of the programs in a sentence or a table: perhaps not all of it."""
        for code in _CODE.finditer(self.outside):
            call = " ".join(code[0].strip("`").split())
            if call.startswith(("xlrec-es ", "xlrec-ingest ")):
                yield call


def documents() -> list[Document]:
    """Every Markdown file that is there, but for that of the sample."""
    found = [*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md")]
    for folder in ("xlrec_es", "ingest", "mappings", "tests"):
        found += (ROOT / folder).rglob("*.md")
    names = {path.relative_to(ROOT).as_posix() for path in found} - {OF_THE_SAMPLE}
    return [Document(name) for name in sorted(names)]


def leaves() -> set[str]:
    """Every command that does something, as it is called."""
    return {
        context.command_path
        for context in cli_reference.commands()
        if not isinstance(context.command, click.Group)
    }
