"""The report of a real evaluation: whole, by itself, and true to the numbers."""

from __future__ import annotations

import json
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from browser import chromium
from catalogue import document, write_catalogue, write_likes
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.errors import MissingExtra, UsageError
from xlrec_es.evaluate.protocol import POOLS
from xlrec_es.report.evaluation_page import render

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
    """The command line of an evaluation, of users who like most of a topic."""
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
    command = ("report", str(tmp_path / "evaluation.json"), "-o", str(tmp_path / "report.html"))
    invoke(*command)
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
    verdict = report["verdict"][0]
    first = said.index(f"{verdict[0].upper()}{verdict[1:]}.")
    assert first < said.index("cross pool"), "the verdict comes first"
    for pool in report["pools"].values():
        for name, system in pool["systems"].items():
            recall = system["measures"]["recall"]
            assert name in said
            assert f"{recall['mean']:.3f} [{recall['low']:.3f}, {recall['high']:.3f}]" in said
    assert ODD not in html
    assert any(ODD in text for text in said)
    assert any(text.startswith("because of ") for text in said)
    for kind, magic in (("svg", b"<svg "), ("png", b"\x89PNG")):
        invoke(*command, "--figures", str(tmp_path / kind), "--format", kind)
        files = {path.name: path.read_bytes() for path in (tmp_path / kind).iterdir()}
        names = {f"{pool}-{of}.{kind}" for pool in POOLS for of in ("recall", "pairs", "cold")}
        assert set(files) == names
        assert all(content.startswith(magic) for content in files.values())
    svg = (tmp_path / "svg" / "cross-recall.svg").read_text("utf-8")
    assert ">recommender</text>" in svg
    assert "currentColor" not in svg, "it stands by itself"


def test_a_browser_shows_it_on_a_screen_a_phone_and_in_the_dark(
    evaluation: list[str], tmp_path: Path
) -> None:
    report: dict[str, Any] = json.loads(invoke(*evaluation))
    path = tmp_path / "report.html"
    path.write_text(render(report), "utf-8")
    wrong: list[str] = []
    papers, pictures = set(), set()
    with chromium() as browser:
        for width, scheme in ((1280, "light"), (390, "light"), (1280, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=scheme,  # type: ignore[arg-type] # a literal
            )
            page = context.new_page()
            page.on("console", lambda message: wrong.append(message.text))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("request", lambda request: wrong.append(request.url))
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            assert page.evaluate("document.documentElement.scrollWidth") == width, "it fits"
            shown = page.inner_text("main")
            assert all(word in shown for word in ("In short", "mixed pool", "The numbers", ODD))
            labels = page.locator("svg text").all_text_contents()
            assert {"recommender", "popularity", "recall@9", "into", "cold"} <= set(labels)
            # Letters are not cut off at the edges of a picture.
            assert page.evaluate(OUTSIDE) == []
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            pictures.add(page.screenshot(full_page=True))
            context.close()
    assert wrong == [path.as_uri()] * 3, "nothing is fetched but the page, and nothing complains"
    assert (len(papers), len(pictures)) == (2, 3)
    assert min(map(len, pictures)) > 50_000, "something is painted"


OUTSIDE = """
Array.from(document.querySelectorAll('svg')).flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return Array.from(svg.querySelectorAll('text')).filter(text => {
    const own = text.getBoundingClientRect();
    return own.width > 0 && (own.left < frame.left - 1 || own.right > frame.right + 1);
  }).map(text => text.textContent);
})
"""


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
    monkeypatch.setitem(sys.modules, "xlrec_es.report.charts", None)
    with pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[report\]'"):
        render({})
