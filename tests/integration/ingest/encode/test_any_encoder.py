"""Encoders that run elsewhere make what the same model makes here."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from encoder_service import Service, serving
from fakes import HashEncoder
from ingest.cli.main import main
from ingest.encode.any_encoder import find_encoder, reach
from ingest.encode.options import DEFAULTS, EncoderOptions
from ingest.encode.sentence_transformer import SentenceTransformerEncoder, load_encoder
from worker_bench import CATALOGUE
from xlrec_es import History, Recommender
from xlrec_es.cli.main import main as query_main
from xlrec_es.errors import ConfigError, EncoderError, FingerprintMismatch
from xlrec_es.index.live_index import find_live
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.open_encoder import Access, open_encoder
from xlrec_es.vectors.openai_encoder import OpenAIEncoder, ServiceOptions
from xlrec_es.vectors.remote_encoder import RemoteEncoder
from xlrec_es.vectors.vector import Vector

TOKEN = "only-for-this-test"
TEXTS = ["chess", "Ein Puzzle mit Kacheln", "素早い茶色の狐", "tiles " * 100, "2048"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> SentenceTransformerEncoder:
    return load_encoder(str(tiny_model), options=EncoderOptions(device="cpu", dtype="float32"))


@pytest.fixture
def service(here: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose token is in the environment, under both names."""
    monkeypatch.setenv("XLREC_SERVE_TOKEN", TOKEN)
    monkeypatch.setenv("XLREC_ENCODER_API_KEY", TOKEN)
    with serving(here, token=TOKEN) as started:
        yield started


def test_both_protocols_give_the_models_own_vectors(
    service: Service, here: SentenceTransformerEncoder
) -> None:
    own = reach(service.url, DEFAULTS)
    assert isinstance(own, RemoteEncoder)
    names = ("model", "revision", "dims", "pooling", "prefix", "max_tokens")
    assert all(getattr(own, name) == getattr(here, name) for name in names), "one fingerprint"
    for address in (f"{service.url}/v1", f"{service.url}/v1#tiny"):
        other = find_encoder(address, DEFAULTS)
        assert isinstance(other, OpenAIEncoder)
        assert (other.model, other.dims, other.prefix) == ("tiny", here.dims, "")
        for encoder in (own, other):
            np.testing.assert_allclose(encoder.encode(TEXTS), here.encode(TEXTS), atol=1e-5)
        assert other.tokens > 0


@pytest.mark.parametrize(
    ("path", "options", "told"),
    [
        ("", EncoderOptions(device="cpu"), "--device is of an encoder that is loaded here"),
        ("/v1", EncoderOptions(dtype="float16"), "--dtype is of"),
        ("/v1", EncoderOptions(batch_tokens=9), "--batch-tokens is of"),
        ("", EncoderOptions(prompt_name="document"), "--prompt-name is of"),
        ("", EncoderOptions(text_prompt_name="query"), "--text-prompt-name is of"),
        ("", EncoderOptions(dims=8), "makes vectors of .* dimensions, not 8; give --dims to xlrec"),
        ("/v1", EncoderOptions(attention="sdpa"), "--attention is of"),
        ("", EncoderOptions(revision="main"), "--revision is of"),
        ("", EncoderOptions(trusted_code="0" * 40), "--trust-code is of"),
        ("", EncoderOptions(text_prefix=""), "puts 'query: ' before each free text, not ''"),
        ("", EncoderOptions(prefix=""), "puts 'query: ' before each text, not ''"),
        ("", EncoderOptions(max_tokens=32), "reads 64 tokens"),
        ("", EncoderOptions(long_texts="chunk"), "started with --long-texts truncate"),
        ("/v1", EncoderOptions(long_texts="chunk"), "--long-texts chunk needs the model's"),
    ],
)
def test_what_is_told_where_the_encoder_is_started(
    service: Service, path: str, options: EncoderOptions, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        reach(service.url + path, options)


def test_a_service_that_refuses_to_cut_is_asked_without_it_and_told_of(service: Service) -> None:
    told = r"gives no vectors of 8 dimensions \(.*leave dimensions out.*by itself; leave --dims out"
    with pytest.raises(EncoderError, match=told):
        reach(f"{service.url}/v1", EncoderOptions(dims=8))


def test_free_texts_have_a_prompt_of_their_own_by_both_protocols(tiny_model: Path) -> None:
    options = EncoderOptions(device="cpu", dtype="float32", text_prefix="passage: ")
    here = load_encoder(str(tiny_model), options=options)
    expected = here.encode_query(TEXTS)
    assert np.abs(expected - here.encode(TEXTS)).max() > 1e-3
    with serving(here) as service:
        remote = reach(service.url, DEFAULTS)
        assert isinstance(remote, RemoteEncoder)
        assert (remote.prefix, remote.text_prefix) == ("query: ", "passage: ")
        np.testing.assert_allclose(remote.encode_query(TEXTS), expected, atol=1e-5)
        np.testing.assert_allclose(remote.encode(TEXTS), here.encode(TEXTS), atol=1e-5)
        body = {"input": TEXTS, "input_type": "query"}
        rows = service.request("POST", "/v1/embeddings", body).json["data"]
        found = np.array([row["embedding"] for row in rows], np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        wrong = service.request("POST", "/encode", {"texts": TEXTS, "task": "clustering"})
        assert (wrong.status, wrong.json["detail"]) == (400, "task is one of document, query")


def test_a_windowed_encoder_says_so(tiny_model: Path) -> None:
    options = EncoderOptions(device="cpu", dtype="float32", long_texts="chunk")
    chunking = load_encoder(str(tiny_model), options=options)
    with serving(chunking) as service:
        remote = reach(service.url, EncoderOptions(long_texts="chunk"))
        np.testing.assert_allclose(remote.encode(TEXTS), chunking.encode(TEXTS), atol=1e-5)


class Program:
    """Runs commands on an index."""

    def __init__(self, index: str, url: str, folder: Path) -> None:
        self.index, self.folder = index, folder
        self.options = ("--index", index, "--url", url)
        lines = (json.dumps(record, ensure_ascii=False) for record in CATALOGUE)
        (folder / "items.jsonl").write_text("\n".join(lines), "utf-8")

    def run(self, model: str, *arguments: str) -> Result:
        with contextlib.chdir(self.folder):
            command = ["run", "items.jsonl", *self.options, "--model", model, *arguments]
            return CliRunner().invoke(main, command, env={"COLUMNS": "200"})


@pytest.fixture
def program(es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path) -> Program:
    assert es
    return Program(index_name, es_url, tmp_path)


def vectors(es: Elasticsearch, index: str) -> dict[str, Vector]:
    es.indices.refresh(index=index)
    answer = es.search(index=index, size=100, source=False, fields=["xlrec.embedding"])
    return {
        hit["_id"]: np.array(hit["fields"]["xlrec.embedding"], np.float32)
        for hit in answer["hits"]["hits"]
    }


def test_an_index_knows_the_prompt_of_free_texts(
    program: Program, es: Elasticsearch, tiny_model: Path
) -> None:
    """Another one is refused; an index of an earlier program takes any."""
    assert program.run(str(tiny_model), "--text-prefix", "passage: ").exit_code == 0
    live = find_live(es, program.index)
    assert live.meta.fingerprint.text_prefix == "passage: "

    def ask(text_prefix: str) -> int:
        options = EncoderOptions(text_prefix=text_prefix)
        encoder = load_encoder(str(tiny_model), options=options)
        recommender = Recommender(es, program.index, encoder=encoder)
        return len(recommender.recommend(History(texts=("chess",)), languages=["de"]).items)

    assert ask("passage: ")
    with pytest.raises(FingerprintMismatch, match="free texts get the prefix 'other: ' here"):
        ask("other: ")
    earlier = replace(live.meta.fingerprint, text_prefix=None)
    meta = replace(live.meta, fingerprint=earlier).to_meta()
    es.indices.put_mapping(index=live.name, meta={"xlrec": meta})
    assert "text_prefix" not in find_live(es, program.index).meta.to_meta()["fingerprint"]
    assert ask("other: ")
    again = json.loads(program.run(str(tiny_model), "--text-prefix", "new: ", "--json").stdout)
    assert again["indexed"] == 0, "documents are what they were"


@pytest.mark.parametrize("path", ["", "/v1#tiny"])
def test_the_worker_ingests_through_the_service(
    service: Service,
    program: Program,
    es: Elasticsearch,
    tiny_model: Path,
    path: str,
) -> None:
    address = service.url + path
    done = program.run(address)
    assert done.exit_code == 0, done.output
    assert f"tiny on {service.url}" in done.output
    through = vectors(es, program.index)
    assert len(through) == 7
    again = json.loads(program.run(address, "--json").stdout)
    assert (again["unchanged"], again["indexed"]) == (7, 0), "the same model, known again"
    here = Program(f"{program.index}-here", program.options[3], program.folder)
    here.run(str(tiny_model), "--device", "cpu", "--dtype", "float32")
    for document, vector in vectors(es, here.index).items():
        assert through[document] == pytest.approx(vector, abs=1e-4)
    directly = program.run(str(tiny_model), "--device", "cpu")
    if path:
        assert "pooling is 'mean' here and 'service' there" in directly.output
    else:
        assert "holds vectors of another kind" not in directly.output, "one fingerprint"
        assert directly.exit_code == 0
    encoder: Encoder = open_encoder(address, Access(TOKEN, ServiceOptions(api_key=TOKEN)))
    found = Recommender(es, program.index, encoder=encoder).recommend(
        History(texts=("Ein Schach Spiel",)), languages=["de"]
    )
    assert found.items[0].id == "2"


def test_a_model_that_was_changed_behind_its_name_is_refused(
    program: Program, es: Elasticsearch
) -> None:
    with serving(HashEncoder()) as service:
        done = program.run(f"{service.url}/v1")
        assert done.exit_code == 0, done.output
        before = find_live(es, program.index).meta.fingerprint
    told = "another model answers by the name 'hash' now"
    with serving(HashEncoder(revision="2")) as service:
        done = program.run(f"{service.url}/v1")
        assert (done.exit_code, told in done.output) == (1, True), done.output
        encoder = open_encoder(f"{service.url}/v1", Access())
        with pytest.raises(FingerprintMismatch, match=told):
            Recommender(es, program.index, encoder=encoder).recommend(
                History(texts=("chess",)), languages=["en"]
            )
        address = ("--encoder-url", f"{service.url}/v1#hash")
        asked = CliRunner().invoke(
            query_main, ["recommend", *program.options, "--text", "chess", *address]
        )
        assert (asked.exit_code, told in asked.output) == (1, True), asked.output
        moved = CliRunner().invoke(
            main,
            ["reencode", program.index, *program.options[2:], "--model", f"{service.url}/v1", "-q"],
        )
        assert moved.exit_code == 0, moved.output
        after = find_live(es, program.index).meta.fingerprint
        assert after.differences(before)
        assert program.run(f"{service.url}/v1").exit_code == 0


def test_who_needs_the_files_of_a_model_says_so() -> None:
    with pytest.raises(EncoderError, match="which this cannot use"):
        load_encoder("http://localhost:9/v1#m")
