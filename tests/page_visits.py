"""What tests of the page share: a catalog, ways to act, and what is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

TOKEN = "token-of-the-tests-of-the-page"
MARKUP = "<img src=x onerror=\"document.title='taken over'\"><b>Chess</b>"
ODD = {"chess-50": ("en", MARKUP), "chess-51": ("ar", "كتاب C++"), "chess-52": ("he", "שחמט")}
SAMPLES = {"plays chess": ["chess-0@de", "chess-1@de"], "cooks": ["cooking-0", "cooking-3"]}
NAMES = {"de": "German", "en": "English", "ja": "Japanese", "ar": "Arabic", "he": "Hebrew"}
READER = "ann/ü"


class Complaints(list[str]):
    """What a browser says of a page: errors, and what its policy has refused."""

    def hear(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.append(f"{message.text} ({message.location.get('url')})")


SHOWN = """
Object.fromEntries([...document.querySelectorAll('.side:not([hidden])')].map(side => [
  side.querySelector('h2').textContent,
  [...side.querySelectorAll('.list > ol > li')].map(item => ({
    place: item.value,
    title: item.querySelector('.title').textContent,
    mark: item.querySelector('.mark')?.textContent ?? null,
    score: item.querySelector('.score').textContent,
    sources: [...item.querySelectorAll('.sources li')].map(one => one.textContent),
    reasons: item.querySelector('.reasons')?.textContent ?? null,
  })).sort((one, other) => one.place - other.place),
]))
"""
"""What each side shows, by its heading."""


def opened(page: Page, url: str, fragment: str = "/") -> None:
    page.goto("about:blank")  # else a new fragment is no new page
    page.goto(f"{url}{fragment}")
    settled(page)


def settled(page: Page) -> None:
    """Wait until what is shown is what was asked for."""
    shown = page.locator(".side:not([hidden])")
    expect(shown.first).to_have_attribute("aria-busy", "false")
    expect(shown.and_(page.locator(":not([aria-busy=false])"))).to_have_count(0)


def while_asking(page: Page, act: Callable[[], object]) -> dict[str, Any]:
    """The body of the recommendation that something leads to, once its answer is shown."""
    with page.expect_response(re.compile(r"/v1/recommend$")) as answered:
        act()
    settled(page)
    body: dict[str, Any] = json.loads(answered.value.request.post_data or "")
    return body


def side(page: Page, name: str = "Recommendations") -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def switch(page: Page, name: str) -> dict[str, Any]:
    """Choose what decides, on the one side that there is."""
    return while_asking(page, side(page).get_by_label(name, exact=True).check)


def add(page: Page, words: str, title: str) -> dict[str, Any]:
    page.get_by_role("searchbox").fill(words)
    found = page.get_by_role("list", name="Items found")
    button = found.get_by_role("button", name=f"Add {title} to the history", exact=True)
    return while_asking(page, button.first.click)


def history(page: Page) -> list[str]:
    return page.get_by_role("list", name="History").locator(".title").all_text_contents()


def expected(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the page shows of an answer, but for marks."""
    shown = []
    for place, item in enumerate(answer["items"], 1):
        sources = sorted(item["retrievers"].items(), key=lambda one: -one[1]["share"])
        reasons = [one for one in item["reasons"] if one["share"] >= 0.05]
        told = ", ".join(f"{one['title'] or one['item']} {per(one['share'])}" for one in reasons)
        shown.append(
            {
                "place": place,
                "title": item["title"],
                "score": f"Score {item['score']:.3f}",
                "sources": [
                    f"{name} rank {one['rank']} · {per(one['share'])}" for name, one in sources
                ],
                "reasons": f"Because of {told}" if reasons else None,
            }
        )
    return shown


def changes(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> list[str | None]:
    """How each item of B is marked beside A."""
    before = {item["work"]: (at, item["language"]) for at, item in enumerate(a)}
    marks: list[str | None] = []
    for at, item in enumerate(b):
        if item["work"] not in before:
            marks.append("only in B")
            continue
        place, language = before[item["work"]]
        moved = "▲ up" if at < place else "▼ down"
        far = abs(at - place)
        parts = [f"{moved} {far} place{'s' if far > 1 else ''}"] if far else []
        parts += [f"{NAMES[language]} in A"] if language != item["language"] else []
        marks.append(", ".join(parts) or None)
    return marks


def per(share: float) -> str:
    return f"{int(100 * share + 0.5)}%"


def lists(page: Page, name: str = "Recommendations") -> list[dict[str, Any]]:
    """What a side shows, but for marks."""
    items = page.evaluate(SHOWN)[name]
    return [{key: value for key, value in item.items() if key != "mark"} for item in items]


FOCUSED = """
() => {
  const one = document.activeElement, frame = one.getBoundingClientRect();
  const ring = one.matches('.switch input') ? one.nextElementSibling : one;
  return {
    name: one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent,
    ring: getComputedStyle(ring).outlineStyle, seen: frame.bottom > 0 && frame.right > 0,
  };
}
"""
