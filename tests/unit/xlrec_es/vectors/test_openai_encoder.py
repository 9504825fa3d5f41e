"""Encoders behind services, against one that answers as it should, and as it should not."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from fakes import HashEncoder
from served import served
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors import probe
from xlrec_es.vectors.open_encoder import access_of_environment, open_encoder
from xlrec_es.vectors.openai_encoder import OpenAIEncoder, ServiceOptions
from xlrec_es.vectors.vector import Vector

KEY = "planted-key"
Answer = tuple[int, dict[str, str], object]
PATIENT = ServiceOptions(retry_s=20)


class Fake(ThreadingHTTPServer):
    """Encodes as `HashEncoder` does, unless `odd` says something else of a request."""

    daemon_threads = True

    def __init__(self) -> None:
        self.encoder = HashEncoder()
        self.models = ["hash"]
        self.odd: Callable[[dict[str, Any]], Answer | None] = lambda _body: None
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def inputs(self) -> list[list[str]]:
        """Texts of the requests so far, without those of the probe."""
        inputs = [body["input"] for path, _, body in self.asked if path == "/v1/embeddings"]
        return [texts for texts in inputs if tuple(texts) != probe.TEXTS]

    def rows(self, texts: list[str]) -> list[dict[str, Any]]:
        vectors = 3 * self.encoder.encode(texts)  # of whatever length
        return [{"index": n, "embedding": row.tolist()} for n, row in enumerate(vectors)]


class _Handler(BaseHTTPRequestHandler):
    server: Fake

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"], {}))
        listed = [{"id": name, "object": "model"} for name in self.server.models]
        self._answer(200, {}, {"object": "list", "data": listed})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        if (odd := self.server.odd(body)) is not None:
            self._answer(*odd)
            return
        rows = self.server.rows(body["input"])
        if "_inference" in self.path:
            vectors = [{"embedding": row["embedding"]} for row in rows]
            self._answer(200, {}, {"text_embedding": vectors})
        else:
            n_tokens = sum(len(text.split()) for text in body["input"])
            self._answer(200, {}, {"data": rows, "usage": {"prompt_tokens": n_tokens}})

    def _answer(self, status: int, headers: dict[str, str], answer: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # who has heard enough hangs up
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    with served(server):
        yield server


def once(answer: Answer) -> Callable[[dict[str, Any]], Answer | None]:
    """That answer to the first request, and then as usual."""
    left = [answer]
    return lambda _body: left.pop() if left else None


def close(mine: Vector, theirs: Vector) -> bool:
    return bool(np.allclose(mine, theirs, atol=1e-6))


def test_vectors_are_the_services_own_of_length_one(fake: Fake) -> None:
    encoder = OpenAIEncoder(fake.url, "hash", options=ServiceOptions(api_key=KEY, batch_texts=8))
    assert (encoder.model, encoder.dims, encoder.pooling) == ("hash", 16, "service")
    texts = [f"text {n}" for n in range(19)]
    assert close(encoder.encode(texts), HashEncoder().encode(texts))
    assert encoder.encode([]).shape == (0, 16)
    assert [len(one) for one in fake.inputs()] == [8, 8, 3]
    assert encoder.tokens == 38 + sum(len(text.split()) for text in probe.TEXTS)
    assert {(path, key) for path, key, _ in fake.asked} == {("/v1/embeddings", f"Bearer {KEY}")}
    assert {body["model"] for *_, body in fake.asked} == {"hash"}


def test_the_only_model_needs_no_name_and_others_do(fake: Fake) -> None:
    assert OpenAIEncoder(fake.url).model == "hash"
    for models, told in ((["one", "two"], "#MODEL (one, two)"), ([], "(it names none)")):
        fake.models = models
        with pytest.raises(ConfigError) as caught:
            OpenAIEncoder(fake.url)
        assert told in str(caught.value)


def test_elasticsearchs_inference(fake: Fake) -> None:
    url = fake.url.replace("/v1", "/_inference/text_embedding/my-e5")
    encoder = OpenAIEncoder(url, options=ServiceOptions(api_key=KEY))
    assert (encoder.model, encoder.dims) == ("my-e5", 16)
    assert close(encoder.encode(["a b"]), HashEncoder().encode(["a b"]))
    assert fake.asked[-1] == (
        "/_inference/text_embedding/my-e5",
        f"ApiKey {KEY}",
        {"input": ["a b"]},
    )


def cut(texts: list[str], dims: int) -> Vector:
    """The first numbers of the whole vectors, of length 1 again."""
    vectors = HashEncoder().encode(texts)[:, :dims]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("by_the_service", [True, False])
def test_vectors_are_cut_by_the_service_or_here(fake: Fake, by_the_service: bool) -> None:
    """A service that does not know the field answers with whole vectors."""

    def shortened(body: dict[str, Any]) -> Answer:
        rows = fake.rows(body["input"])
        for row in rows:
            row["embedding"] = row["embedding"][: body["dimensions"]]
        return 200, {}, {"data": rows}

    if by_the_service:
        fake.odd = shortened
    encoder = OpenAIEncoder(fake.url, "hash", options=ServiceOptions(dims=6))
    texts = ["chess", "tea house"]
    assert encoder.dims == 6
    assert close(encoder.encode(texts), cut(texts, 6))
    assert {body["dimensions"] for *_, body in fake.asked} == {6}
    fake.odd = lambda _body: None
    assert OpenAIEncoder(fake.url, "hash").dims == 16
    assert "dimensions" not in fake.asked[-1][2]


def test_elasticsearchs_inference_is_cut_here(fake: Fake) -> None:
    url = fake.url.replace("/v1", "/_inference/text_embedding/my-e5")
    encoder = OpenAIEncoder(url, options=ServiceOptions(dims=6))
    assert close(encoder.encode(["a b"]), cut(["a b"], 6))
    assert fake.asked[-1][2] == {"input": ["a b"]}


def test_a_service_that_cannot_cut_says_why(fake: Fake) -> None:
    """As vLLM does for a model that does not say that it may be cut."""
    fake.odd = lambda body: (
        (400, {}, {"message": "hash does not support matryoshka representation"})
        if "dimensions" in body
        else None
    )
    told = (
        r"gives no vectors of 6 dimensions \(.*matryoshka.*\), and 16 by itself; leave --dims out"
    )
    with pytest.raises(EncoderError, match=told):
        OpenAIEncoder(fake.url, "hash", options=ServiceOptions(dims=6))
    fake.odd = lambda _body: None
    with pytest.raises(EncoderError, match="has 16 dimensions, so its vectors cannot be cut to 17"):
        OpenAIEncoder(fake.url, "hash", options=ServiceOptions(dims=17))
    fake.odd = lambda _body: (401, {}, {"message": "who are you"})
    with pytest.raises(EncoderError, match="who are you") as caught:
        OpenAIEncoder(fake.url, "hash", options=ServiceOptions(dims=6))
    assert "--dims" not in str(caught.value), "which has nothing to do with it"


def test_the_query_side_takes_dimensions_from_the_environment(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLREC_ENCODER_DIMS", "6")
    assert open_encoder(fake.url, access_of_environment()).dims == 6
    assert open_encoder(fake.url, access_of_environment(dims=5)).dims == 5
    for text in ("0", "4097", "-1", "1.5", "six"):
        monkeypatch.setenv("XLREC_ENCODER_DIMS", text)
        with pytest.raises(ConfigError, match="give a number of dimensions from 1 to 4096"):
            access_of_environment()


def test_the_prefix_is_put_before_each_text_and_not_cut_off(fake: Fake) -> None:
    options = ServiceOptions(prefix="query: ", max_tokens=8)
    OpenAIEncoder(fake.url, options=options).encode(["a" * 100, "b"])
    assert fake.inputs() == [["query: " + "a" * 32, "query: b"]]


@pytest.mark.parametrize(
    ("text_prefix", "sent"), [(None, "passage: b"), ("q: ", "q: b"), ("", "b")]
)
def test_free_texts_have_a_prefix_of_their_own(
    fake: Fake, text_prefix: str | None, sent: str
) -> None:
    options = ServiceOptions(prefix="passage: ", text_prefix=text_prefix)
    encoder = OpenAIEncoder(fake.url, options=options)
    encoder.encode_query(["b"])
    encoder.encode(["b"])
    assert fake.inputs() == [[sent], ["passage: b"]]
    assert encoder.text_prefix == sent.removesuffix("b")


def test_the_order_is_that_of_the_indexes(fake: Fake) -> None:
    encoder = OpenAIEncoder(fake.url)
    fake.odd = lambda body: (200, {}, {"data": fake.rows(body["input"])[::-1]})
    assert close(encoder.encode(["a", "b", "c"]), HashEncoder().encode(["a", "b", "c"]))


NUMBERS = [1.0] * 16


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"<html>", "is no encoder"),
        (b"[" * 50_000, "is no encoder"),
        ({}, "no list of embeddings"),
        ({"data": None}, "no list of embeddings"),
        ({"data": [1, 2]}, "no list of embeddings"),
        ({"data": []}, "0 embeddings of 2 texts"),
        ({"data": [{"index": n, "embedding": NUMBERS} for n in range(3)]}, "3 embeddings of 2"),
        ({"data": [{"index": 0, "embedding": NUMBERS}] * 2}, "is twice there"),
        ({"data": [{"index": n + 1, "embedding": NUMBERS} for n in range(2)]}, "is twice there"),
        ({"data": [{"index": n > 0, "embedding": NUMBERS} for n in range(2)]}, "is twice there"),
        ({"data": [{"index": "0", "embedding": NUMBERS}] * 2}, "is twice there"),
        ({"data": [{"embedding": NUMBERS[1:]}] * 2}, r"shape \(2, 15\); 16 numbers"),
        ({"data": [{"embedding": NUMBERS}, {"embedding": [1.0]}]}, "no list of numbers"),
        ({"data": [{"embedding": 1.0}] * 2}, r"shape \(2,\)"),
        ({"data": [{"embedding": "AAAA"}] * 2}, "no list of numbers"),
        ({"data": [{"embedding": [None] * 16}] * 2}, r"not finite|no list of numbers"),
        ({"data": [{"embedding": [float("nan")] * 16}] * 2}, "is no encoder"),
        ({"data": [{"embedding": [1e300] * 16}] * 2}, "not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_answers_that_cannot_be_are_named(fake: Fake, answer: object, told: str) -> None:
    encoder = OpenAIEncoder(fake.url)
    fake.odd = lambda _body: (200, {}, answer)
    with pytest.raises(EncoderError, match=told):
        encoder.encode(["a", "b"])


@pytest.mark.parametrize("dims", [0, 4097])
def test_vectors_that_no_index_holds_are_refused_at_once(fake: Fake, dims: int) -> None:
    rows = [{"embedding": [1] * dims}] * len(probe.TEXTS)
    fake.odd = lambda _body: (200, {}, {"data": rows})
    with pytest.raises(EncoderError, match="1 to 4096 numbers each"):
        OpenAIEncoder(fake.url)


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize("header", [{"Retry-After": "0"}, {"Retry-After": "1"}, {}])
def test_a_busy_service_is_asked_again(fake: Fake, status: int, header: dict[str, str]) -> None:
    encoder = OpenAIEncoder(fake.url, options=PATIENT)
    fake.odd, began = once((status, header, {})), time.monotonic()
    assert close(encoder.encode(["a"]), HashEncoder().encode(["a"]))
    assert float(header.get("Retry-After", 0.5)) <= time.monotonic() - began < 5


def test_it_is_not_asked_again_for_ever(fake: Fake) -> None:
    encoder = OpenAIEncoder(fake.url, options=ServiceOptions(retry_s=1))
    fake.odd = lambda _body: (503, {"Retry-After": "0.3"}, {"error": {"message": "loading"}})
    with pytest.raises(EncoderError, match="refused: loading"):
        encoder.encode(["a"])
    assert 2 <= len(fake.inputs()) <= 5
    fake.odd = lambda _body: (429, {"Retry-After": "3600"}, {})
    began = time.monotonic()
    with pytest.raises(EncoderError, match="refused"):
        encoder.encode(["a"])
    assert time.monotonic() - began < 1, "nobody waits for an hour"


@pytest.mark.parametrize("status", [401, 404, 500])
def test_what_is_refused_is_said_once_and_never_with_the_key(fake: Fake, status: int) -> None:
    encoder = OpenAIEncoder(fake.url, options=ServiceOptions(api_key=KEY, retry_s=20))
    fake.odd = lambda _body: (status, {}, {"error": {"message": f"wrong key {KEY}"}})
    with pytest.raises(EncoderError, match=r"refused: wrong key \*\*\*$"):
        encoder.encode(["a"])
    assert len(fake.inputs()) == 1
    assert KEY not in repr(ServiceOptions(api_key=KEY))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_text_that_is_too_long_for_the_service_is_cut(fake: Fake, status: int) -> None:
    encoder = OpenAIEncoder(fake.url)
    too_long: Answer = (status, {}, {"error": "too many tokens"})
    fake.odd = lambda body: too_long if max(map(len, body["input"])) > 100 else None
    texts = ["short", "x" * 400, "y" * 90]
    expected = HashEncoder().encode(["short", "x" * 100, "y" * 90])
    assert close(encoder.encode(texts), expected)
    fake.odd = lambda _body: too_long
    with pytest.raises(EncoderError, match="refused: too many tokens"):
        encoder.encode(["x" * 400])


def test_a_slow_service_is_given_up(fake: Fake) -> None:
    encoder = OpenAIEncoder(fake.url, options=ServiceOptions(timeout_s=0.5, retry_s=0))
    fake.odd = lambda _body: time.sleep(2)
    began = time.monotonic()
    with pytest.raises(EncoderError, match=r"timed out|takes too long"):
        encoder.encode(["a"])
    assert time.monotonic() - began < 1.9


def test_another_model_by_the_same_name_has_another_revision(fake: Fake) -> None:
    first, again = OpenAIEncoder(fake.url), OpenAIEncoder(fake.url)
    assert first.revision == again.revision
    fake.encoder = HashEncoder(revision="2")
    other = OpenAIEncoder(fake.url)
    assert (other.model, other.dims) == (first.model, first.dims)
    assert not probe.same_model(first.revision, other.revision)


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://user:planted@host/v1", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIEncoder(url, "m")
    assert "planted" not in str(caught.value)
