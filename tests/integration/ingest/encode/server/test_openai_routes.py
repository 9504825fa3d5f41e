"""What OpenAI's clients ask for, and what is not there."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from encoder_service import Letters, Service, serving

TEXTS = ["board games", "Spiele", "ゲーム a"]


class Counting(Letters):
    """Knows its tokens."""

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(2 + len(text.split()) for text in texts)


@pytest.fixture
def service() -> Iterator[Service]:
    with serving(Counting()) as started:
        yield started


def test_embeddings_are_those_of_encode(service: Service) -> None:
    expected = Letters().encode(TEXTS)
    body = {"input": TEXTS, "model": "letters", "dimensions": 26, "user": "somebody"}
    answer = service.request("POST", "/v1/embeddings", body).json
    assert (answer["object"], answer["model"]) == ("list", "letters")
    assert answer["usage"] == {"prompt_tokens": 11, "total_tokens": 11}
    assert [row["index"] for row in answer["data"]] == [0, 1, 2]
    assert {row["object"] for row in answer["data"]} == {"embedding"}
    found = np.array([row["embedding"] for row in answer["data"]], np.float32)
    np.testing.assert_array_equal(found, expected)
    packed = service.request("POST", "/v1/embeddings", {**body, "encoding_format": "base64"}).json
    rows = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in packed["data"]]
    np.testing.assert_array_equal(np.stack(rows), expected)
    single = service.request("POST", "/v1/embeddings", {"input": TEXTS[0]}).json
    np.testing.assert_array_equal(np.array(single["data"][0]["embedding"], np.float32), expected[0])


def test_tokens_are_told_where_they_are_known() -> None:
    with serving(Letters()) as service:
        answer = service.request("POST", "/v1/embeddings", {"input": "a"}).json
        assert "usage" not in answer


def test_the_model_is_named(service: Service) -> None:
    answer = service.request("GET", "/v1/models").json
    assert [(one["id"], one["object"]) for one in answer["data"]] == [("letters", "model")]


@pytest.mark.parametrize(
    ("body", "status", "told", "code"),
    [
        (b"{", 400, "no JSON", None),
        ({}, 400, "1 to 256 texts", None),
        ({"input": []}, 400, "1 to 256 texts", None),
        ({"input": ""}, 400, "none of which is empty", None),
        ({"input": [1, 2, 3]}, 400, "1 to 256 texts", None),
        ({"input": [[1, 2]]}, 400, "1 to 256 texts", None),
        ({"input": ["a"] * 257}, 400, "1 to 256 texts", None),
        ({"input": "a", "model": "gpt"}, 404, "model 'letters' alone", "model_not_found"),
        ({"input": "a", "model": 1}, 404, "model 'letters' alone", "model_not_found"),
        ({"input": "a", "dimensions": 8}, 400, "26 dimensions", None),
        ({"input": "a", "dimensions": [26]}, 400, "26 dimensions", None),
        ({"input": "a", "input_type": "image"}, 400, "input_type is one of document, pass", None),
        ({"input": "a", "encoding_format": "int8"}, 400, "float, base64", None),
        ({"input": "a", "encoding_format": ["float"]}, 400, "float, base64", None),
    ],
)
def test_what_cannot_be_is_said_as_openai_says_it(
    service: Service, body: object, status: int, told: str, code: str | None
) -> None:
    answer = service.request("POST", "/v1/embeddings", body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert told in answer.json["error"]["message"]
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_a_failing_model_is_the_services_fault(service: Service) -> None:
    answer = service.request("POST", "/v1/embeddings", {"input": ["fail"]})
    assert (answer.status, answer.json["error"]["type"]) == (500, "server_error")
    assert answer.json["type"] == "urn:xlrec:encoder-error"
