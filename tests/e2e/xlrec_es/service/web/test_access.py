"""Who may see the page: it asks people for their token."""

from __future__ import annotations

from urllib.parse import unquote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Route, expect

from http_service import Service
from page_visits import TOKEN, Complaints, lists, settled, side


def test_a_token_is_asked_for_and_kept_for_the_tab_alone(
    page: Page, guarded: Service, complaints: Complaints
) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.goto(guarded.url)
    dialog = page.get_by_role("dialog", name="A token is needed")
    expect(dialog).to_contain_text(guarded.get("/v1/indices").json["detail"])
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_contain_text("a token is needed")
    page.get_by_role("button", name="Try again").click()
    for token, refused in (("wrong-token", True), (TOKEN, False)):
        page.get_by_role("textbox", name="Token").fill(token)
        page.keyboard.press("Enter")
        if refused:
            expect(page.get_by_role("dialog", name="This token was refused")).to_be_visible()
    settled(page)
    assert lists(page)
    side(page).get_by_text("The call", exact=True).click()
    side(page).get_by_label("curl").check()
    expect(page.get_by_role("region", name="The call for")).to_contain_text("$XLREC_API_TOKEN")
    kept = page.evaluate("[{ ...sessionStorage }, localStorage.length, document.cookie]")
    assert (list(kept[0].values()), kept[1:]) == ([TOKEN], [0, ""])
    assert TOKEN not in unquote(page.url)
    assert TOKEN not in page.content()
    assert not [one.url for one in sent if TOKEN in unquote(one.url)]
    assert [text for text in complaints if "status of 401" not in text] == []
    complaints.clear()


def test_questions_at_once_ask_for_a_token_once(
    page: Page, guarded: Service, complaints: Complaints
) -> None:
    late: list[Route] = []
    refused: list[Route] = []

    def expired(route: Route) -> None:
        headers = {**route.request.headers, "authorization": "Bearer expired"}
        route.continue_(headers=headers)

    def expired_one_by_one(route: Route) -> None:
        if refused:
            late.append(route)
        else:
            refused.append(route)
            expired(route)

    page.goto(guarded.url)
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.keyboard.press("Enter")
    settled(page)
    page.route("**/v1/*", expired_one_by_one)
    page.evaluate("location.hash = '#item=chess-0&compare=1&b.decides=text'")
    expect(page.get_by_role("dialog", name="This token was refused")).to_be_visible()
    while len(late) < 2:  # of the titles, side A and side B
        page.wait_for_timeout(50)
    page.route("**/v1/*", lambda route: route.continue_())
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.keyboard.press("Enter")
    for route in late:  # refused after the token was given: it is not asked for again
        expired(route)
    settled(page)
    assert lists(page, "Recommendations A")
    assert lists(page, "Recommendations B")
    assert page.get_by_role("dialog").count() == 0
    complaints.clear()
