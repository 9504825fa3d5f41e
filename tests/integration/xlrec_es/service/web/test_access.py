"""Who may ask a running service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from http_service import Service, service

READER, WRITER = "reader-" + "r" * 20, "writer-" + "w" * 20
ADMIN = "admin-" + "a" * 20
ASKED = {"history": ["chess-1"], "size": 1}
EVENTS = {"events": [{"user": "ann", "item": "chess-1"}]}


@pytest.fixture(scope="module")
def guarded(catalog_name: str, es_url: str, folder: Path) -> Iterator[Service]:
    """With a token for each scope; one of them as a digest."""
    tokens = folder / "tokens.toml"
    digest = hashlib.sha256(WRITER.encode()).hexdigest()
    tokens.write_text(
        f'[[token]]\nname = "reader"\ntoken = "{READER}"\nscopes = ["read"]\n'
        f'[[token]]\nname = "writer"\nsha256 = "{digest}"\nscopes = ["events"]\n'
    )
    with tokens.open("a") as file:
        file.write(f'[[token]]\nname = "merchant"\ntoken = "{ADMIN}"\nscopes = ["admin"]\n')
    arguments = ("-i", catalog_name, "--url", es_url, "--spool", str(folder / "guarded"))
    arguments += ("--placements-index", f"{catalog_name}-guarded")
    arguments += ("--events-index", f"{catalog_name}-events", "--tokens-file", str(tokens))
    arguments += ("--allowed-host", "shop.example", "--allowed-host", "127.0.0.1")
    arguments += ("--allowed-origin", "https://shop.example")
    with service(folder, *arguments) as started:
        yield started


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_opens_what_its_scopes_say(guarded: Service) -> None:
    assert guarded.post("/v1/recommend", ASKED, **bearer(READER)).status == 200
    assert guarded.post("/v1/events", EVENTS, **bearer(WRITER)).status == 202
    for path, body, token in (("recommend", ASKED, WRITER), ("events", EVENTS, READER)):
        found = guarded.post(f"/v1/{path}", body, **bearer(token))
        assert (found.status, found.headers["content-type"]) == (403, "application/problem+json")
        assert "lacks the scope" in found.json["detail"]
    for path in ("/v1/recommend", "/v1/events", "/v1/none", "/v1"):
        assert guarded.post(path, ASKED).status == 401
    for path in ("/metrics", "/v1/indices"):
        assert guarded.get(path).status == 401
        assert guarded.get(path, **bearer(READER)).status == 200
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/page/app.js"):
        assert guarded.get(path).status == 200


def test_placements_are_for_administrators_and_say_who_wrote_them(guarded: Service) -> None:
    content = {"Content-Type": "application/json"}
    path = "/v1/placements/guarded-row"
    for token in (READER, WRITER):
        answer = guarded.request("PUT", path, b'{"size": 2}', {**content, **bearer(token)})
        assert (answer.status, "'admin'" in answer.json["detail"]) == (403, True)
        assert guarded.get("/v1/placements", **bearer(token)).status == 403
        assert guarded.request("DELETE", path, headers=bearer(token)).status == 403
    written = guarded.request("PUT", path, b'{"size": 2}', {**content, **bearer(ADMIN)})
    assert written.json["placement"]["current"]["author"] == "merchant"
    asked = {**ASKED, "placement": "guarded-row"}
    assert guarded.post("/v1/recommend", asked, **bearer(ADMIN)).status == 403
    assert guarded.post("/v1/recommend", asked, **bearer(READER)).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {READER}",
        f"Bearer {READER[:-1]}",
        f"Bearer {READER}x",
        f"Bearer {hashlib.sha256(READER.encode()).hexdigest()}",
    ],
)
def test_another_token_opens_nothing(guarded: Service, authorization: str) -> None:
    found = guarded.post("/v1/recommend", ASKED, Authorization=authorization)
    assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")
    assert READER not in found.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "//v1/recommend",
        "/V1/recommend",
        "/v1/../v1/recommend",
        "/%76%31/recommend",
        "/v1%2frecommend",
        "/v1/recommend/",
        "/v1/recommend;x",
        "/v1/recommend\\",
        "/docs/../v1/recommend",
        "/page/../v1/indices",
        "/page/..%2f..%2fsettings.py",
        "/page/%2e%2e/pages.py",
    ],
)
def test_no_spelling_of_a_path_goes_around_the_token(guarded: Service, path: str) -> None:
    assert guarded.post(path, ASKED).status in (401, 404, 405, 307)
    assert guarded.get(path).status in (401, 404, 405, 307)


def test_names_and_pages_that_are_not_allowed(guarded: Service, served: Service) -> None:
    token = bearer(READER)
    assert guarded.post("/v1/recommend", ASKED, Host="shop.example", **token).status == 200
    found = guarded.post("/v1/recommend", ASKED, Host="evil.example", **token)
    assert (found.status, "--allowed-host" in found.json["detail"]) == (421, True)
    origin = {"Origin": "https://shop.example"}
    assert guarded.post("/v1/recommend", ASKED, **origin, **token).status == 200
    assert (
        guarded.post("/v1/recommend", ASKED, Origin="https://evil.example", **token).status == 403
    )
    # Without tokens: a page that a browser of this machine shows.
    assert served.post("/v1/recommend", ASKED, Host="evil.example").status == 421
    assert served.post("/v1/recommend", ASKED, Host="localhost:1").status == 200
    for origin_of in ("https://evil.example", "null", "http://127.0.0.1"):
        assert served.post("/v1/recommend", ASKED, Origin=origin_of).status == 403
    assert served.post("/v1/recommend", ASKED, Origin=served.url).status == 200


def test_a_page_that_is_allowed_can_read_the_answer(guarded: Service) -> None:
    origin = {"Origin": "https://shop.example"}
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    before = guarded.request("OPTIONS", "/v1/recommend", headers={**origin, **asked})
    assert before.status == 200
    assert before.headers["access-control-allow-origin"] == "https://shop.example"
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    found = guarded.post("/v1/recommend", ASKED, **origin, **bearer(READER))
    assert found.headers["access-control-allow-origin"] == "https://shop.example"
    assert guarded.post("/v1/recommend", ASKED, **origin).headers["access-control-allow-origin"]


def test_the_log_has_no_ids_and_no_tokens(guarded: Service) -> None:
    guarded.post("/v1/recommend?user=secret-user", ASKED, **bearer(READER))
    guarded.get("/secret-path")
    log = guarded.log.read_text("utf-8")
    assert "POST /v1/recommend 200" in log
    assert " reader" in log
    for secret in ("chess-1", "secret-user", "secret-path", READER, WRITER):
        assert secret not in log
