"""Clients that are generated from `openapi.json`, as the guide tells to, get what callers get."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from clients import Client, java_client, typescript_client
from documents import Document
from http_service import Service, service
from xlrec_es import History, Recommender

GUIDE = Document("xlrec_es/SERVICE.md")
ADDRESS = "http://127.0.0.1:9700"  # of the guide
TOKEN = "of-these-tests-and-of-no-other-place"

HISTORY = ["7", {"item": "chess-1", "event": "like", "rating": 4.5, "time": "2026-11-01T10:00:00Z"}]
OPTIONS = {"diversity": 0.3, "filters": [{"range": {"price": {"lte": 6}}}], "source": ["brand"]}
SHOWN = {"id": "chess-3", "score": 0.25, "propensity": 0.5, "retrievers": {"dense": {"rank": 2}}}
EVENT = {"user": "ann", "item": "7", "event": "like", "time": "2026-11-01T10:00:00Z", "id": "e1"}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    (
        "/v1/recommend",
        {"history": HISTORY, "languages": {"en": 0.5, "ja": 0.5}, "options": OPTIONS},
    ),
    ("/v1/recommend/batch", {"users": [{"history": HISTORY}, {"history": ["nobody"]}]}),
    ("/v1/recommend", {"history": ["7"], "shown": ["chess-3"], "size": 3}),
    ("/v1/similar", {"item": "chess-3", "measure": "cosine"}),
    ("/v1/rank", {"history": HISTORY, "ids": ["painting-3", "chess-5"]}),
    ("/v1/search", {"text": "chess", "languages": ["en"]}),
    ("/v1/query", {"history": ["7"]}),
    ("/v1/events", {"events": [EVENT]}),
    ("/v1/impressions", {"user": "ann", "items": [SHOWN], "id": "s1"}),
]
"""Of every endpoint that takes a body; `JAVA` asks the same."""

JAVA = """
import java.time.OffsetDateTime;
import java.util.*;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

class All {
    static HistoryItem item(String id) { return new HistoryItem(id); }

    static void print(Object answer) throws Exception {
        System.out.println(new ApiClient().getObjectMapper().writeValueAsString(answer));
    }

    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient().setRequestInterceptor(
            request -> request.header("Authorization", "Bearer " + arguments[1]));
        client.updateBaseUri(arguments[0]);
        var lists = new RecommendationsApi(client);
        var feedback = new FeedbackApi(client);
        var time = OffsetDateTime.parse("2026-11-01T10:00:00Z");
        var like = new InteractionAsked().item("chess-1").event("like").rating(4.5).time(time);
        var history = List.of(item("7"), new HistoryItem(like));
        var cheap = Map.<String, Object>of("range", Map.of("price", Map.of("lte", 6)));
        var options = new OptionsAsked().diversity(0.3).addFiltersItem(cheap);
        var slots = new TreeMap<>(Map.of("ja", 0.5, "en", 0.5));  // their order is the answer's
        print(lists.recommend(new RecommendAsked().history(history)
            .languages(slots).options(options.addSourceItem("brand"))));
        print(lists.recommendBatch(new BatchAsked().addUsersItem(new UserAsked().history(history))
            .addUsersItem(new UserAsked().addHistoryItem(item("nobody")))));
        print(lists.recommend(new RecommendAsked().addHistoryItem(item("7"))
            .shown(List.of("chess-3")).size(3)));
        print(lists.similar(new SimilarAsked().item("chess-3").measure("cosine")));
        print(lists.rank(new RankAsked().history(history).ids(List.of("painting-3", "chess-5"))));
        print(lists.search(new SearchAsked().text("chess").languages(List.of("en"))));
        print(lists.query(new RecommendAsked().addHistoryItem(item("7"))));
        print(feedback.sendEvents(new EventsTold().addEventsItem(
            new EventTold().user("ann").item("7").event("like").time(time).id("e1"))));
        var shown = new ItemShown().id("chess-3").score(0.25).propensity(0.5)
            .putRetrieversItem("dense", new RetrieverTold().rank(2));
        print(feedback.sendImpressions(
            new ImpressionsTold().user("ann").addItemsItem(shown).id("s1")));
        print(new StatusApi(client).listIndices());
    }
}
"""

# Half a minute on two idle cores, and some downloads the first time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def catalog_name(es: Elasticsearch) -> Iterator[str]:
    """The catalogue's alias, with the item of the guide; its indices are deleted afterwards."""
    name = f"xlrec-test-{uuid.uuid4().hex}"
    write_catalogue(es, name, {"7": document("chess", 20, "en")})
    yield name
    for index in es.indices.get(index=f"{name}*", expand_wildcards="all"):
        es.indices.delete(index=index)


@pytest.fixture(scope="module")
def served(
    catalog_name: str, es_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """For everybody on this machine, as in the guide."""
    folder = tmp_path_factory.mktemp("served")
    with service(folder, "-i", catalog_name, "--url", es_url) as started:
        yield started


@pytest.fixture(scope="module")
def guarded(
    catalog_name: str, es_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """With everything that it can keep, for those with a token."""
    folder = tmp_path_factory.mktemp("guarded")
    arguments = ["-i", catalog_name, "--url", es_url, "--spool", str(folder / "spool")]
    arguments += ["--events-index", f"{catalog_name}-events"]
    arguments += ["--impressions-index", f"{catalog_name}-shown"]
    with service(folder, *arguments, env={"XLREC_API_TOKEN": TOKEN}) as started:
        yield started


def told(kind: str, url: str) -> str:
    """The block of the guide that begins so, for a service at a certain address."""
    blocks = [one.text for one in GUIDE.blocks_below("Clients")]
    block = next(text for text in blocks if text.startswith(kind))
    return block.replace(ADDRESS, url)


@pytest.fixture(scope="module")
def typescript(served: Service, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return typescript_client(tmp_path_factory.mktemp("typescript"), told("npx", served.url))


@pytest.fixture(scope="module")
def java(served: Service, tmp_path_factory: pytest.TempPathFactory) -> Client:
    generate = told("openapi-generator-cli", served.url)
    return java_client(tmp_path_factory.mktemp("java"), generate)


def listed(printed: str) -> list[tuple[str, float]]:
    """Ids and scores, out of lines of both."""
    return [(id_, float(score)) for id_, score in map(str.split, printed.splitlines())]


def expected(es: Elasticsearch, catalog_name: str) -> list[tuple[str, float]]:
    """What the library answers the example of the guide."""
    found = Recommender(es, catalog_name).recommend(History.of(["7"]), languages=["ja"])
    assert len(found.items) == 10
    return [(item.id, item.score) for item in found.items]


def test_the_example_in_typescript(
    typescript: Client, served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    example = told("import createClient", served.url)
    stranger = example.replace('"7"', '"nobody"')
    ran, refused = typescript.typescript({"shop": example, "stranger": stranger})
    assert (ran.returncode, listed(ran.stdout)) == (0, expected(es, catalog_name)), ran.stderr
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "nobody" in refused.stderr


def test_the_example_in_java(
    java: Client, served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    example = told("import java", served.url)
    ran = java.java("Shop", example)
    assert (ran.returncode, listed(ran.stdout)) == (0, expected(es, catalog_name)), ran.stderr
    refused = java.java("Shop", example.replace('"7"', '"nobody"'))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert '"status":404' in refused.stderr


def answers(guarded: Service) -> list[Any]:
    """What a caller without a client is answered, of every endpoint."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    found = [guarded.post(path, body, **bearer) for path, body in QUESTIONS]
    found.append(guarded.get("/v1/indices", **bearer))
    assert [answer.content for answer in found if answer.status >= 300] == []
    return [answer.json for answer in found]


def test_every_endpoint_in_typescript(typescript: Client, guarded: Service) -> None:
    calls = [f'client.POST("{path}", {{ body: {json.dumps(body)} }})' for path, body in QUESTIONS]
    program = f"""
        import createClient from "openapi-fetch";
        import type {{ paths }} from "./openapi";
        const headers = {{ Authorization: "Bearer {TOKEN}" }};
        const client = createClient<paths>({{ baseUrl: "{guarded.url}", headers }});
        // @ts-expect-error - a text is no history
        export const wrong = () => client.POST("/v1/recommend", {{ body: {{ history: "7" }} }});
        for (const call of [{", ".join(f"() => {one}" for one in calls)}])
            console.log(JSON.stringify((await call()).data));
        console.log(JSON.stringify((await client.GET("/v1/indices")).data));
    """
    (ran,) = typescript.typescript({"all": program})
    assert [json.loads(line) for line in ran.stdout.splitlines()] == answers(guarded), ran.stderr


def test_every_endpoint_in_java(java: Client, guarded: Service) -> None:
    ran = java.java("All", JAVA, guarded.url, TOKEN)
    printed = [without_null(json.loads(line)) for line in ran.stdout.splitlines()]
    assert printed == without_null(answers(guarded)), ran.stderr


def without_null(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """As Java's client has it: no null, and of a problem only what `openapi.json` tells of."""
    if isinstance(value, dict):
        kept = {name: without_null(one) for name, one in value.items() if one is not None}
        return {name: one for name, one in kept.items() if "detail" not in kept or name != "items"}
    return [without_null(one) for one in value] if isinstance(value, list) else value
