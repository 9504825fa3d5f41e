"""Searches as they are printed."""

from __future__ import annotations

import ast
import json
import shlex

from golden_bodies import knn_of, requests
from plans import plan_for
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.request.query_forms import (
    FORMS,
    render,
    request_object,
    request_text,
    shortened,
)


def test_console_text_is_a_line_of_json_below_each_request_line() -> None:
    text = render(requests(), index="apps", url="http://es:9200")
    blocks = text.split("\n\n")
    assert len(blocks) == 3
    for block, request in zip(blocks, requests(), strict=True):
        caption, verb, body = block.split("\n")
        assert caption.startswith(f"# {request.language}: {request.retriever}")
        assert verb == "POST /apps/_search"
        assert json.loads(body) == json.loads(json.dumps(request.body))


def test_curl_lines_survive_a_shell() -> None:
    text = render(requests(), index="apps", url="http://es:9200", form="curl")
    for block, request in zip(text.split("\n\n"), requests(), strict=True):
        words = shlex.split(block.partition("\n")[2])
        assert words[:4] == ["curl", "-s", "-H", "Content-Type: application/json"]
        assert words[4:6] == ["http://es:9200/apps/_search", "-d"]
        assert json.loads(words[6]) == json.loads(json.dumps(request.body))


def test_python_text_is_python_and_json_is_json() -> None:
    ast.parse(render(requests(), index="apps", url="http://es:9200", form="python"))
    found = json.loads(render(requests(), index="apps", url="http://es:9200", form="json"))
    assert [entry["body"] for entry in found] == [
        json.loads(json.dumps(request.body)) for request in requests()
    ]


def test_short_bodies_keep_all_but_the_vector() -> None:
    body = requests()[0].body
    short = shortened(body)
    assert len(knn_of(short)) == len(knn_of(body)) == 2
    for cut, whole in zip(knn_of(short), knn_of(body), strict=True):
        assert cut["query_vector"] == [*whole["query_vector"][:3], "..."]
    for form in FORMS:
        text = render(requests(), index="a", url="http://es", form=form, shorten=True)
        assert "..." in text


def test_a_request_for_reading_has_short_means_and_that_of_json_all() -> None:
    centering = {"kind": "center", "global": "A" * 2048, "means": {"de": "B" * 2048}}
    synonyms = ["word, " * 100]
    body = {"_meta": {"xlrec": {"centering": centering}}, "synonyms": synonyms}
    line, _, text = request_text("PUT", "shop-xlrec-v2", body).partition("\n")
    assert line == "PUT shop-xlrec-v2"
    short = {"kind": "center", "global": "A" * 12 + "...", "means": {"de": "B" * 12 + "..."}}
    assert json.loads(text) == {"_meta": {"xlrec": {"centering": short}}, "synonyms": synonyms}
    whole = {"method": "PUT", "path": "shop-xlrec-v2", "body": body}
    assert request_object("PUT", "shop-xlrec-v2", body) == whole


def test_printed_searches_are_those_that_are_sent() -> None:
    weights = {"dense": 0.6, "lexical": 0.2}
    asked = plan_for(Options(weights=weights, server_side=True), ["en", "ja"])
    printed = json.loads(render(asked.requests, index="apps", url="http://es", form="json"))
    assert [(r["retriever"], r["body"]) for r in printed] == [
        (r.retriever, r.body) for r in asked.requests
    ]
    short = render(asked.requests, index="apps", url="http://es", shorten=True)
    assert short.count('"query_vector": [1.0, 0.0, 0.0, "..."]') == 2
