"""The page as people use it: a browser, a service and an index, and what the API says beside it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from http_service import Service
from page_visits import (
    FOCUSED,
    MARKUP,
    ODD,
    READER,
    SAMPLES,
    SHOWN,
    Complaints,
    add,
    changes,
    expected,
    history,
    lists,
    opened,
    settled,
    side,
    switch,
    while_asking,
)
from xlrec_es.service import pages


def test_a_history_is_searched_together_and_what_is_shown_is_the_answer(
    page: Page, served: Service, catalog_names: list[str]
) -> None:
    opened(page, served.url)
    sample = page.get_by_label("Sample user")
    assert sample.evaluate("one => one.selectedOptions[0].text") == "plays chess", "the first"
    assert history(page) == ["Chess 0", "Chess 1"]
    asked = while_asking(page, page.get_by_role("button", name="Clear").click)
    assert asked == {"index": catalog_names[0], "size": 10}
    expect(page.get_by_text("Nothing yet: popular items")).to_be_visible()
    assert lists(page) == expected(served.post("/v1/recommend", asked).json)
    asked = add(page, "astronomy de", "Astronomy 0")
    asked = add(page, "painting", "Painting 4")
    assert len(asked["history"]) == 2
    assert history(page) == ["Astronomy 0", "Painting 4"]
    for name, weights in (
        ("Text alone", {"dense": 0.75, "lexical": 0.25}),
        ("Learned taste", {"collaborative": 1}),
    ):
        asked = switch(page, name)
        assert asked["options"] == {"weights": weights}
        answer = served.post("/v1/recommend", asked).json
        assert lists(page) == expected(answer)
        assert page.inner_text("#said").startswith(f"{len(answer['items'])} items in ")
        headings = side(page).locator(".list h3 .count").all_text_contents()
        tags = {heading.partition(" ")[0] for heading in headings}
        assert tags == {item["language"] for item in answer["items"]}
    remove = page.get_by_role("button", name="Remove Astronomy 0")
    assert len(while_asking(page, remove.click)["history"]) == 1
    assert history(page) == ["Painting 4"]
    asked = while_asking(page, lambda: sample.select_option("cooks"))
    assert asked["history"] == SAMPLES["cooks"]


def test_options_are_asked_for_as_they_are_set(page: Page, served: Service) -> None:
    opened(page, served.url)
    side(page).get_by_text("Languages, diversity, filters").click()
    asked = while_asking(page, side(page).get_by_label("English", exact=True).check)
    assert asked["languages"] == ["en"]
    part = side(page).get_by_role("slider", name="Part of Japanese")
    asked = while_asking(page, lambda: part.press("ArrowRight"))
    assert asked["languages"] == {"en": 1, "ja": 2}, "a part is given, and so it counts"
    titles = [item["title"] for item in served.post("/v1/recommend", asked).json["items"]]
    assert [one["title"] for one in lists(page)] == titles
    expect(side(page).locator(".list h3").first).to_contain_text("slots")
    share = side(page).get_by_label("The list is shared")
    asked = while_asking(page, lambda: share.select_option("equally"))
    assert (asked["languages"], asked["options"]) == (["en", "ja"], {"mix": "equal"})
    slider = side(page).get_by_role("slider", name="Diversity")
    asked = while_asking(page, lambda: slider.press("End"))
    asked = while_asking(
        page, lambda: side(page).get_by_role("slider", name="Explore").press("End")
    )
    assert asked["options"] == {"mix": "equal", "diversity": 1, "explore": 1}
    asked = while_asking(page, lambda: side(page).get_by_role("spinbutton", name="Items").fill("3"))
    assert (asked["size"], len(lists(page))) == (3, 3)
    filters = side(page).get_by_label("Filters")
    asked = while_asking(page, lambda: filters.fill('{"term": {"brand": "brand1"}}'))
    assert asked["options"]["filters"] == [{"term": {"brand": "brand1"}}]
    filters.fill("{nothing")
    expect(page.get_by_role("alert")).to_contain_text("The filters are not JSON")
    filters.fill("")
    asked = while_asking(page, page.get_by_role("button", name="Reset options").click)
    assert asked.keys() == {"index", "history", "size"}


def test_what_the_service_refuses_is_shown_as_it_says_it(
    page: Page, served: Service, complaints: Complaints
) -> None:
    opened(page, served.url, "/#a.size=9")
    side(page).get_by_text("Languages, diversity, filters").click()
    asked = while_asking(page, lambda: side(page).get_by_label("Date field").fill("price"))
    assert asked["options"] == {"recent": {"field": "price", "half_life": "30d"}}
    detail = served.post("/v1/recommend", asked).json["detail"]
    expect(page.get_by_role("alert")).to_contain_text(detail)
    assert detail in page.inner_text("#said")
    while_asking(page, page.get_by_role("button", name="Reset options").click)
    assert lists(page)
    assert [text for text in complaints if "status of 400" not in text] == []
    complaints.clear()
    page.route("**/v1/recommend", lambda route: route.abort())
    side(page).get_by_label("Text alone").check()
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    page.unroute("**/v1/recommend")
    while_asking(page, page.get_by_role("button", name="Try again").click)
    assert lists(page)
    complaints.clear()


def test_the_call_is_copied_in_three_forms(page: Page, served: Service) -> None:
    opened(page, served.url, "/#item=it's&item=chess-0&item=chess-1")
    assert "not in this index" in page.get_by_role("list", name="History").inner_text()
    side(page).get_by_text("The call", exact=True).click()

    def copied(form: str) -> str:
        side(page).get_by_label(form, exact=True).check()
        expect(page.get_by_role("region", name="The call for")).not_to_have_text("…")
        side(page).get_by_role("button", name="Copy", exact=True).click()
        expect(page.locator("#said")).to_have_text("The call is copied.")
        text: str = page.evaluate("navigator.clipboard.readText()")
        assert text == page.get_by_role("region", name="The call for").text_content()
        return text

    body = json.loads(copied("JSON"))
    assert body["history"] == ["it's", "chess-0", "chess-1"]
    said = subprocess.run(["sh", "-c", copied("curl")], capture_output=True, check=True).stdout
    assert expected(json.loads(said)) == lists(page)
    assert copied("Kibana console") == served.post("/v1/query", body).json["console"]


def test_two_sides_are_compared_and_what_differs_is_marked(
    page: Page, served: Service, catalog_names: list[str]
) -> None:
    fragment = "item=chess-0&item=chess-1&a.size=8&a.decides=taste&a.parts=de:1,en:1,ja:1,he:1"
    opened(page, served.url, f"/#{fragment}")
    asked = while_asking(page, page.get_by_role("button", name="Compare").click)
    assert asked["options"] == {"weights": {"dense": 0.75, "lexical": 0.25}}
    choice = side(page, "Recommendations B").get_by_label("Index")
    asked = while_asking(page, lambda: choice.select_option(catalog_names[1]))
    assert (asked["index"], asked["languages"]) == (catalog_names[1], ["de", "en", "ja"])
    expect(side(page, "Recommendations B").get_by_text("No taste was learned")).to_be_visible()
    body = {**asked, "index": catalog_names[0], "options": {"weights": {"collaborative": 1}}}
    body["languages"] = ["de", "en", "ja", "he"]
    a, b = (served.post("/v1/recommend", one).json["items"] for one in (body, asked))
    in_b = {item["work"] for item in b}
    only = [None if item["work"] in in_b else "only in A" for item in a]
    shown = page.evaluate(SHOWN)
    assert [item["mark"] for item in shown["Recommendations A"]] == only
    assert [item["mark"] for item in shown["Recommendations B"]] == changes(a, b)
    marks = {mark for items in shown.values() for mark in (one["mark"] for one in items)}
    assert {"only in A", "only in B"} < marks, "the sides differ in all ways"
    assert any("place" in (mark or "") for mark in marks)
    text = page.locator(".difference").inner_text()
    both = only.count(None)
    assert text.startswith(f"{both} in both, ")
    only_a, only_b = only.count("only in A"), len(b) - both
    assert text.endswith(f"; {only_a} only in A, {only_b} only in B")
    assert text in page.inner_text("#said")
    page.get_by_role("button", name="Compare").click()
    expect(side(page, "Recommendations B")).to_have_count(0)
    assert {item["mark"] for item in page.evaluate(SHOWN)["Recommendations"]} == {None}


def test_a_link_shows_the_same_and_a_wrong_one_does_no_harm(
    page: Page, served: Service, browser: Browser, complaints: Complaints
) -> None:
    opened(
        page, served.url, "/#item=chess-3&compare=1&a.parts=en:2,ar:1&a.share=parts&b.explore=0.5"
    )
    while_asking(
        page,
        lambda: side(page, "Recommendations B").get_by_role("spinbutton", name="Items").fill("4"),
    )
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#said")).to_have_text("The link is copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    context = browser.new_context()
    other = context.new_page()
    complaints.hear(other)
    opened(other, link, "")
    for name in ("A", "B"):
        asked = [
            one.locator("pre")
            for one in (
                side(page, f"Recommendations {name}"),
                side(other, f"Recommendations {name}"),
            )
        ]
        for tab in (page, other):
            side(tab, f"Recommendations {name}").get_by_text("The call", exact=True).click()
        expect(asked[1]).not_to_be_empty()  # the second list may still be on its way
        assert asked[0].text_content() == asked[1].text_content()
    wrong = (
        "#a.size=9999&a.decides=x&a.parts=__proto__:3,de:99&a.index=&b.diversity=7&item=&item="
        + "x" * 600
    )
    other.evaluate("fragment => { location.hash = fragment }", wrong)
    settled(other)
    expect(side(other).get_by_role("spinbutton", name="Items")).to_have_value("10")
    assert len(lists(other)) == 10
    context.close()


def test_a_user_is_shown_by_id(page: Page, served: Service) -> None:
    opened(page, served.url)
    page.get_by_label("User id").fill(READER)
    asked = while_asking(page, lambda: page.get_by_label("User id").press("Enter"))
    assert (asked["user"], "history" in asked) == (READER, False)
    assert f"user={READER}" in unquote(page.url)
    spoke = page.get_by_role("list", name="Items that spoke for the list")
    expect(spoke).to_contain_text("Painting")
    assert lists(page) == expected(served.post("/v1/recommend", asked).json)


def test_texts_of_the_catalog_are_no_markup_and_are_set_as_their_language_is_written(
    page: Page, served: Service
) -> None:
    titles = [title for _, title in ODD.values()]
    opened(page, served.url, "/#item=chess-0&item=chess-1&a.size=40&a.parts=en:1,ar:1,he:1,ja:1")
    set_as = {
        title: (one.get_attribute("lang"), one.get_attribute("dir"))
        for title in titles
        for one in [page.locator(".list .title bdi").get_by_text(title, exact=True)]
    }
    assert set_as == dict(zip(titles, [("en", "ltr"), ("ar", "rtl"), ("he", "rtl")], strict=True))
    assert page.locator(".list bdi[lang=ja]").count()
    add(page, "chessclub", MARKUP)
    assert MARKUP in history(page)
    assert page.locator("main img, main b b").count() == 0
    assert page.title().startswith("xlrec-es")


def test_a_history_of_works_is_shown_in_one_language_where_it_can(
    page: Page, served: Service
) -> None:
    # Work 0 is there in all three languages, the others in one.
    for one, other, language in ((3, 6, "German"), (4, 7, "English"), (5, 8, "Japanese")):
        opened(page, served.url, f"/#item=chess-0&item=chess-{one}&item=chess-{other}")
        shown = page.get_by_role("list", name="History").locator(".count")
        expect(shown).to_have_text([language] * 3)


def test_everything_is_done_with_the_keyboard_alone(page: Page, served: Service) -> None:
    opened(page, served.url)

    def tab_to(name: str, most: int = 60) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            assert (focused["ring"], focused["seen"]) == ("solid", True), focused
            if focused["name"].strip().startswith(name):
                return
        raise AssertionError(f"no {name} within reach")

    tab_to("Skip to the recommendations", 1)
    page.keyboard.press("Enter")
    tab_to("Index", 1)
    assert page.url.partition("#")[2].startswith("item="), "the link is no part of the state"
    tab_to("Full")
    while_asking(page, lambda: page.keyboard.press("ArrowLeft"))
    assert side(page).get_by_label("Learned taste").is_checked()
    first = lists(page)[0]["title"]
    tab_to("Languages, diversity")
    page.keyboard.press("Enter")
    tab_to("Diversity")
    assert while_asking(page, lambda: page.keyboard.press("End"))["options"]["diversity"] == 1
    tab_to(f"Add {first}")
    asked = while_asking(page, lambda: page.keyboard.press("Enter"))
    assert len(asked["history"]) == 3
    assert page.evaluate(FOCUSED)["name"].startswith("Add "), "the focus stays among the lists"
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.get_by_role("link", name="API").focus()
    tab_to("Search items")
    page.keyboard.type("cooking")
    expect(page.locator("#said")).to_contain_text("found for cooking")
    tab_to("Add Cooking")
    assert len(while_asking(page, lambda: page.keyboard.press("Space"))["history"]) == 4
    tab_to("Remove Chess 0")
    assert len(while_asking(page, lambda: page.keyboard.press("Enter"))["history"]) == 3
    assert page.evaluate(FOCUSED)["name"] == "Remove Chess 1"


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    page: Page,
    served: Service,
    width: int,
    scheme: Any,  # noqa: ANN401 - a literal
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    opened(page, served.url, "/#item=chess-0&item=chess-1&a.size=20&compare=1&b.decides=text")
    page.get_by_role("searchbox").fill("chess")
    expect(page.get_by_role("list", name="Items found")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.goto(f"{served.url}/docs")


def test_every_file_of_the_page_is_served_under_the_policy(served: Service) -> None:
    names = {path.name for path in (Path(pages.__file__).parent / "page").iterdir()}
    assert {f"/page/{name}" for name in names - {"index.html"}} <= set(pages.PATHS)
    for path in pages.PATHS:
        answer = served.get(path)
        assert answer.status == 200
        assert "script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
        assert served.get(path, **{"If-None-Match": answer.headers["etag"]}).status == 304
        text = answer.content.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b|https?://(?!www\.w3)", text
        )
