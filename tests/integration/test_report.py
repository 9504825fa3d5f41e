"""The report of a real evaluation: whole, by itself, and true to the numbers."""

from __future__ import annotations

import json
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue, write_likes
from xlrec_es.cli import main as xlrec_es
from xlrec_es.errors import MissingExtra, UsageError
from xlrec_es.report import render

ODD = "<script>alert('chess')</script>"


class Page(HTMLParser):
    """What a browser would see and fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def evaluation(es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path) -> list[str]:
    """The command line of an evaluation, of persons who like most of a topic."""
    odd = document("chess", 99, "de")
    odd["title"] = ODD
    write_catalogue(es, index_name, {"chess-99": odd})
    path = write_likes(tmp_path / "likes.tsv", 40, also=["chess-99"])
    return ["evaluate", str(path), "--url", es_url, "-i", index_name, "--k", "9", "--json"]


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(xlrec_es, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_report_is_whole_and_needs_no_network(evaluation: list[str], tmp_path: Path) -> None:
    printed = invoke(*evaluation)
    report: dict[str, Any] = json.loads(printed)
    (tmp_path / "evaluation.json").write_text(printed)
    invoke("report", str(tmp_path / "evaluation.json"), "-o", str(tmp_path / "report.html"))
    html = (tmp_path / "report.html").read_text("utf-8")
    page = Page(html)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert not [a for _, attrs in page.tags for a in attrs if a in ("src", "href")]
    assert "url(" not in html
    assert "@import" not in html
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(pictures) == 6
    assert all(picture["aria-label"] and picture["role"] == "img" for picture in pictures)
    assert "prefers-color-scheme: dark" in html
    assert html.count("currentColor") > 50
    said = [text for text in page.texts if text.strip()]
    first = next(place for place, text in enumerate(said) if text in report["verdict"])
    assert first < said.index("cross pool"), "the verdict comes first"
    for pool in report["pools"].values():
        for name, system in pool["systems"].items():
            recall = system["measures"]["recall"]
            assert name in said
            assert f"{recall['mean']:.3f} [{recall['low']:.3f}, {recall['high']:.3f}]" in said
    assert ODD not in html
    assert any(ODD in text for text in said)
    assert any(text.startswith("because of ") for text in said)


def test_the_printed_command_gives_the_same_numbers(
    evaluation: list[str], es_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = ["--pool", "mixed", "--seed", "3", "--held-out", "0.3", "--field", "item=item"]
    report = json.loads(invoke(*evaluation, *extra))
    texts = Page(render(report)).texts
    [line] = [text for text in texts if text.startswith("xlrec-es evaluate ")]
    monkeypatch.chdir(Path(evaluation[1]).parent)
    again = json.loads(invoke(*shlex.split(line)[1:], "--url", es_url))
    assert again["pools"] == report["pools"]


def test_what_is_no_evaluation_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the JSON of an evaluation"):
        render({"verdict": []})
    path = tmp_path / "evaluation.json"
    path.write_text("{")
    done = CliRunner().invoke(xlrec_es, ["report", str(path)])
    assert done.exit_code == 2
    assert "is not JSON" in done.output


def test_without_altair_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlrec_es.charts", None)
    with pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[report\]'"):
        render({})
