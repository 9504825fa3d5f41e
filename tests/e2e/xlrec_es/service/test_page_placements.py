"""Placements on the page: chosen, compared with what is without them, linked and copied."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from elasticsearch import Elasticsearch
from playwright.sync_api import Locator, Page, expect

from http_service import Service
from page_visits import FOCUSED, expected, lists, opened, settled, side, while_asking

ROW: dict[str, Any] = {
    "languages": ["ja", "de"],
    "size": 4,
    "pins": [{"item": "painting-2@ja", "place": 1}],
}
AGAIN = {"options": {"relation": "buy-again"}, "note": "what runs out"}
CHESS = "/#item=chess-0&item=chess-1"


@pytest.fixture(scope="module", autouse=True)
def _placements(served: Service) -> Iterator[None]:
    for name, row in (("row", ROW), ("again", AGAIN)):
        told = {"Content-Type": "application/json"}
        path = f"/v1/placements/{name}"
        answer = served.request("PUT", path, json.dumps(row).encode(), told)
        assert answer.status == 200, answer.json
    yield
    for name in ("row", "again"):
        served.request("DELETE", f"/v1/placements/{name}")


def choice(page: Page, name: str = "Recommendations") -> Locator:
    return side(page, name).get_by_label("Placement")


def test_a_placement_is_chosen_and_is_in_the_call_and_in_the_link(
    page: Page, served: Service, catalog_names: list[str]
) -> None:
    told = served.get("/v1/indices").json["indices"]
    assert [one["placements"] for one in told] == [["again", "row"], []]
    opened(page, served.url, CHESS)
    asked = while_asking(page, lambda: choice(page).select_option("row"))
    history = ["chess-0", "chess-1"]
    assert asked == {"index": catalog_names[0], "history": history, "placement": "row"}
    answer = served.post("/v1/recommend", asked).json
    assert (len(answer["items"]), answer["items"][0]["id"]) == (4, "painting-2@ja")
    shown = lists(page)
    assert shown == expected(answer)
    expect(side(page).get_by_text("Made by row, version 1", exact=True)).to_be_visible()
    expect(side(page).get_by_text("Pinned", exact=True)).to_have_count(1)
    expect(side(page).get_by_text("The placement decides the rest")).to_be_visible()
    for role, name in (("spinbutton", "Items"), ("radio", "Text alone"), ("textbox", "Filters")):
        found = side(page).get_by_role(role, name=name, include_hidden=True)  # type: ignore[arg-type]
        expect(found).to_be_disabled()
    side(page).get_by_text("The call", exact=True).click()
    side(page).get_by_role("button", name="Copy", exact=True).click()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == asked
    assert "a.placement=row" in page.url
    opened(page, page.url, "")
    assert (choice(page).input_value(), lists(page)) == ("row", shown)
    asked = while_asking(page, lambda: choice(page).select_option("none"))
    assert asked == {"index": catalog_names[0], "history": history, "size": 10}
    expect(side(page).get_by_role("spinbutton", name="Items")).to_be_enabled()
    index = side(page).get_by_label("Index")
    while_asking(page, lambda: index.select_option(catalog_names[1]))
    expect(choice(page)).to_be_hidden()  # of an index without any


def test_what_a_placement_does_is_seen_beside_what_is_without_it(
    page: Page, served: Service
) -> None:
    opened(page, served.url, f"{CHESS}&a.placement=row")
    asked = while_asking(page, page.get_by_role("button", name="Compare").click)
    assert "placement" not in asked
    assert choice(page, "Recommendations B").input_value() == ""
    expect(page.locator(".difference")).to_contain_text("only in B")
    assert "only in A" in side(page, "Recommendations A").inner_text()
    second = choice(page, "Recommendations B")
    while_asking(page, lambda: second.select_option("row"))
    expect(page.locator(".difference")).to_contain_text("4 in both, 0 of them moved")


def test_a_placement_of_a_link_that_is_gone_is_told(
    page: Page, served: Service, complaints: list[str]
) -> None:
    opened(page, served.url, f"{CHESS}&a.placement=gone")
    expect(page.get_by_role("alert")).to_contain_text("has no placement 'gone'")
    assert choice(page).input_value() == "gone"
    while_asking(page, page.get_by_role("button", name="Compare").click)
    assert [text for text in complaints if "status of 404" not in text] == []
    complaints.clear()


def test_why_an_item_is_due_is_shown(
    page: Page, served: Service, es: Elasticsearch, catalog_names: list[str]
) -> None:
    now = datetime.now(UTC)
    bought = [
        {
            "user": f"buyer{user}",
            "item": "cooking-3",
            "event": "purchase",
            "time": (now - timedelta(days=3 + 10 * number)).isoformat(),
        }
        for user in range(30)
        for number in range(4)
    ]
    assert served.post("/v1/events", {"events": bought}).status == 202
    end, index = time.monotonic() + 30, f"{catalog_names[0]}-events"
    query = {"term": {"event": "purchase"}}
    while es.count(index=index, query=query)["count"] < len(bought):
        assert time.monotonic() < end, "the events do not arrive"
        time.sleep(0.2)
        es.indices.refresh(index=index)
    opened(page, served.url, "/#user=buyer1&a.placement=again")
    [item] = lists(page)
    assert item["reasons"].startswith("Bought on 4 days, last 3 days ago; usually again after 10")


@pytest.mark.parametrize("width", [1280, 360])
def test_a_placement_is_chosen_with_the_keyboard_on_any_screen_and_axe_finds_nothing(
    page: Page, served: Service, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, served.url, CHESS)
    side(page).get_by_label("Index").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert (focused["ring"], focused["seen"]) == ("solid", True), focused
        if focused["name"].startswith("Placement"):
            break
    asked = while_asking(page, lambda: page.keyboard.press("End"))
    assert asked["placement"] == "row"
    page.get_by_role("button", name="Compare").click()
    settled(page)
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
