"""Smaller and faster encoders: made, loaded, and measured against what they were made of."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sentence_transformers import SentenceTransformer

from ingest.cli.main import main
from ingest.encode.model_record import read_record
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.compression.compress import PCA, CompressJob, compress
from tiny_model import DIMS, TEXTS
from training_data import make_training_set
from xlrec_es.errors import EncoderError, MissingExtra, UsageError

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compress") / "pairs"
    make_training_set().write(folder)
    return folder


def run(pairs: Path, tiny_model: Path, folder: Path, *more: object) -> Result:
    arguments = ("compress", pairs, "--model", tiny_model, "-o", folder, *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def made(pairs: Path, tiny_model: Path, folder: Path, *more: object) -> dict[str, Any]:
    done = run(pairs, tiny_model, folder, *more, "--dtype", "float32", "--json")
    assert done.exit_code == 0, done.output
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def check_measured(summary: dict[str, Any], folder: Path) -> None:
    base, small = summary["results"]
    assert base["dims"] == DIMS
    assert {"recall@39", "MB", "texts/s", "centering"} <= set(small)
    assert small["texts/s"] > 0
    change = summary["change"]
    assert change["low"] <= change["mean"] <= change["high"]
    record = read_record(folder)
    assert record
    assert record["fingerprint"]["revision"] == summary["revision"]
    assert record["fingerprint"]["revision"] == load_encoder(str(folder)).revision
    assert "| texts/s |" in (folder / "README.md").read_text("utf-8")


def test_fewer_dimensions(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    summary = made(pairs, tiny_model, folder, "--method", "pca", "--dims", 8)
    check_measured(summary, folder)
    assert summary["results"][1]["dims"] == 8
    encoder = load_encoder(str(folder), options=FLOAT32)
    assert (encoder.dims, encoder.prefix, encoder.pooling) == (8, "query: ", "mean")
    plain = SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-5)


def test_no_dimension_is_lost_that_texts_differ_in(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """All but one of the directions keep the cosines."""
    compress(CompressJob(pairs, tmp_path / "small", PCA, str(tiny_model), DIMS - 1, FLOAT32))
    before = load_encoder(str(tiny_model), options=FLOAT32).encode(TEXTS)
    after = load_encoder(str(tmp_path / "small"), options=FLOAT32).encode(TEXTS)
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=0.02)


def test_the_first_dimensions(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    made(pairs, tiny_model, folder, "--method", "matryoshka", "--dims", 8)
    cut = load_encoder(str(tiny_model), options=FLOAT32).encode(TEXTS)[:, :8]
    expected = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    found = load_encoder(str(folder), options=FLOAT32).encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_eight_bits(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    """After fewer dimensions, too; the cosine to the exact vector is above .99."""
    small, folder = tmp_path / "small", tmp_path / "int8"
    made(pairs, tiny_model, small, "--method", "pca", "--dims", 8)
    summary = made(pairs, small, folder, "--method", "int8")
    check_measured({**summary, "results": [{"dims": DIMS}, summary["results"][1]]}, folder)
    assert summary["results"][1]["computes in"] == "int8"
    assert not (folder / "model.safetensors").exists()
    encoder = load_encoder(str(folder), options=EncoderOptions(max_tokens=16))
    exact = load_encoder(str(small), options=EncoderOptions(max_tokens=16, dtype="float32"))
    texts = [*TEXTS, "", "a" * 500]
    assert (encoder.dims, encoder.prefix, encoder.max_tokens) == (8, "query: ", 16)
    cosines = (encoder.encode(texts) * exact.encode(texts)).sum(axis=1)
    assert cosines.min() > 0.99
    encoder.batch_tokens = 1  # a text's vector does not depend on others' lengths
    assert ((encoder.encode(texts) * exact.encode(texts)).sum(axis=1)).min() > 0.99
    chunks = load_encoder(str(folder), options=EncoderOptions(max_tokens=16, long_texts="chunk"))
    assert np.isfinite(chunks.encode(TEXTS)).all()


def test_a_static_encoder(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "static"
    summary = made(pairs, tiny_model, folder, "--method", "static", "--dims", 16)
    check_measured(summary, folder)
    encoder = load_encoder(str(folder), options=FLOAT32)
    assert (encoder.dims, encoder.prefix) == (16, "")
    plain = SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-5)
    one, other = encoder.encode(["fox dog", "dog fox"])
    np.testing.assert_allclose(one, other, atol=1e-6)  # the order of words is nothing to it


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--method", "pca"), "pca needs --dims: how many of the model's 32 are kept"),
        (("--method", "pca", "--dims", 32), "has 32 dimensions; --dims 32 is not fewer"),
        (("--method", "static", "--dims", 64), "has 32 dimensions; --dims 64 is not fewer"),
        (("--method", "int8", "--dims", 8), "int8 keeps the dimensions"),
    ],
)
def test_dims_that_do_not_fit(
    pairs: Path, tiny_model: Path, tmp_path: Path, more: tuple[object, ...], message: str
) -> None:
    done = run(pairs, tiny_model, tmp_path / "small", *more)
    assert done.exit_code == UsageError.exit_code
    assert message in done.stderr
    assert not (tmp_path / "small").exists()


def test_a_model_without_a_transformer(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    static = tmp_path / "static"
    made(pairs, tiny_model, static, "--method", "static", "--dims", 16)
    for method, message in (
        ("int8", "has no 8-bit form"),
        ("static", "a fast tokenizer, not of StaticEmbedding"),
    ):
        done = run(pairs, static, tmp_path / "again", "--method", method)
        assert done.exit_code == EncoderError.exit_code
        assert message in done.stderr


def test_a_missing_extra(
    pairs: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = run(pairs, tiny_model, tmp_path / "small", "--method", "int8")
    assert done.exit_code == MissingExtra.exit_code
    assert "pip install 'xlrec-es[compress]'" in done.stderr
