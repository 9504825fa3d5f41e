"""Pictures of the documents: small, for light and for dark pages, all of them shown and told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import diagram
import pictures
from documents import ROOT, Document, Link, documents

MOST_BYTES = {".svg": 60_000, ".png": 250_000}
FEWEST_WORDS = 8  # that tell what a picture shows
FILES = sorted(pictures.ASSETS.iterdir())
_BADGE = re.compile(r"https://img\.shields\.io/badge/([^-]+)-((?:[^-]|--)+)-\w+")


def shown() -> list[Link]:
    """Each picture of the documents, and each file that stands in its place on dark pages."""
    found = [link for one in documents() for link in one.links]
    return [link for link in found if link.is_picture or link.target.endswith((".svg", ".png"))]


def own(links: list[Link]) -> list[Link]:
    return [link for link in links if not link.target.startswith("https://")]


def test_every_file_is_shown_and_every_picture_is_a_file() -> None:
    assert {Path(link.target).name for link in own(shown())} == {path.name for path in FILES}


def test_what_a_picture_shows_is_told() -> None:
    told = [link.text for link in own(shown()) if link.is_picture]
    assert len(told) == len(FILES) / 2
    assert [text for text in told if len(text.split()) < FEWEST_WORDS] == []


def test_every_picture_is_there_for_light_and_for_dark_pages() -> None:
    names = [path.name for path in FILES]
    assert [name.replace("-dark", "-light") for name in names[::2]] == names[1::2]
    for document in documents():
        for link in own(document.links):
            if link.is_picture:
                assert "-light." in link.target
                dark = link.target.replace("-light.", "-dark.")
                source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
                assert source in document.text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_picture_is_small_and_fetches_nothing(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) <= MOST_BYTES[path.suffix]
    if path.suffix == ".svg":
        text = content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert re.findall(r"(?:href|src)=|url\((?!#)|@import|<script", text) == []


@pytest.mark.parametrize("theme", pictures.THEMES)
def test_the_diagram_is_what_its_description_draws(theme: pictures.Theme) -> None:
    path = pictures.ASSETS / f"architecture-{theme}.svg"
    assert path.read_text("utf-8") == diagram.draw(theme)


@pytest.mark.parametrize("theme", pictures.THEMES)
def test_a_terminal_shows_what_was_printed_each_character_in_its_cells(
    theme: pictures.Theme,
) -> None:
    svg = pictures.terminal("some <command>", "\x1b[1mbold\x1b[0m │ 移动 a │ b\n\nend", theme)
    assert pictures.lines_of(svg) == ["$ some <command>", "bold │ 移动 a │ b", "", "end"]
    lengths = re.findall(r'textLength="([\d.]+)"[^>]*>([^<]*)<', svg)
    width = {text: float(length) for length, text in lengths}
    assert width["移动"] == width["bold"], "two characters of two cells, four of one"


def test_badges_say_what_is_so() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    readme = Document("README.md")
    badges = {
        found[1]: (found[2], link.text)
        for link in readme.links
        if link.is_picture and (found := _BADGE.fullmatch(link.target))
    }
    status = next(one for one in project["classifiers"] if one.startswith("Development Status"))
    assert badges == {
        "python": (f"{project['requires-python'].removeprefix('>=')}%2B", "Python 3.11+"),
        "elasticsearch": ("8.19%20%7C%209.x", "Elasticsearch 8.19 and 9.x"),
        "license": (project["license"].replace("-", "--"), "License: Apache-2.0"),
        "status": (status.rpartition(" ")[2].lower(), "Status: alpha"),
    }
