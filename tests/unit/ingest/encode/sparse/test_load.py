"""Sparse encoders of each kind, against what their own libraries make of the same texts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sentence_transformers import SparseEncoder

import model_kinds
from ingest.encode.model_files import find
from ingest.encode.options import EncoderOptions, SparseModel
from ingest.encode.sparse import weighing
from ingest.encode.sparse.beside import MOST_TOKENS
from ingest.encode.sparse.load import load_sparse
from ingest.encode.sparse.weighing import TokenWeights
from tiny_model import MAX_TOKENS, TEXTS
from xlrec_es.errors import ConfigError, EncoderError

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")


def load(folder: Path, options: EncoderOptions = FLOAT32, **how: str) -> TokenWeights:
    return load_sparse(SparseModel(str(folder), **how), options)


def by_library(folder: Path, texts: list[str]) -> list[dict[str, float]]:
    """The heaviest tokens of each text, as `SparseEncoder.encode` gives them."""
    model = SparseEncoder(str(folder), device="cpu")
    found = model.encode_document(texts, convert_to_sparse_tensor=False).numpy()
    tokens = model.tokenizer.convert_ids_to_tokens(range(found.shape[1]))
    rows = [{t: float(w) for t, w in zip(tokens, row, strict=True) if w > 0} for row in found]
    return [dict(sorted(r.items(), key=lambda pair: -pair[1])[:MOST_TOKENS]) for r in rows]


@pytest.mark.parametrize("build", [model_kinds.build_sparse, model_kinds.build_sparse_router])
def test_weights_are_those_of_the_library(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    folder = build(tmp_path)
    texts = list(TEXTS)
    with model_kinds.quiet():
        theirs = by_library(folder, texts)
        encoder = load(folder)
    for mine, other in zip(encoder.encode(texts), theirs, strict=True):
        assert len(mine) > 10
        assert mine == pytest.approx(other, abs=1e-5)
        assert list(mine.values()) == sorted(mine.values(), reverse=True), "the heaviest first"


def test_a_batch_is_what_its_texts_are_one_by_one(tmp_path: Path) -> None:
    folder = model_kinds.build_sparse(tmp_path)
    encoder, small = load(folder), load(folder, replace(FLOAT32, batch_tokens=1))
    texts = [*TEXTS, "", "a"]
    together = encoder.encode(texts)
    for text, row, alone in zip(texts, together, small.encode(texts), strict=True):
        assert row == pytest.approx(encoder.encode([text])[0], abs=1e-5)
        assert row == pytest.approx(alone, abs=1e-5)
    assert encoder.encode([]) == []


def test_only_the_heaviest_tokens_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(model_kinds.build_sparse(tmp_path))
    [whole] = encoder.encode(TEXTS[:1])
    monkeypatch.setattr(weighing, "MOST_TOKENS", 5)
    [kept] = encoder.encode(TEXTS[:1])
    assert list(kept.items()) == list(whole.items())[:5]


def test_its_name_says_what_made_the_weights(tmp_path: Path) -> None:
    folder = model_kinds.build_sparse(tmp_path)
    name = load(folder).name
    assert name.startswith("made at sha256-")
    assert name.endswith(f"; splade max; first {MAX_TOKENS} tokens, {MOST_TOKENS} heaviest")
    shorter = load(folder, replace(FLOAT32, max_tokens=16))
    assert "first 16 tokens" in shorter.name
    [few], [all_] = shorter.encode(TEXTS[:1]), load(folder).encode(TEXTS[:1])
    assert few != pytest.approx(all_, abs=1e-5)


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (
            model_kinds.build_encoder,
            r"is a dense encoder; give it as --model; --sparse-model",
        ),
        (model_kinds.build_multi_vector, r"is a multi-vector encoder \(ColBERT\).*--sparse-model"),
        (model_kinds.build_cross_encoder, r"is a cross-encoder \(reranker\).*--sparse-model takes"),
        (model_kinds.build_router, r"is an asymmetric model \(Router\).*--sparse-model takes"),
        (
            lambda folder: model_kinds.build_transformer(folder, "masked-lm"),
            r"has no modules.json.*trained as a SPLADE model.*SparseEncoder\(FOLDER\)\.save",
        ),
    ],
)
def test_what_is_no_sparse_encoder_is_refused_by_its_kind(
    tmp_path: Path, build: Callable[[Path], Path], what: str
) -> None:
    with pytest.raises(EncoderError, match=what):
        load(build(tmp_path))


@pytest.mark.parametrize("name", ["embedded", "http://127.0.0.1:9600"])
def test_what_has_no_files_is_refused(name: str) -> None:
    with pytest.raises(EncoderError, match="is no sparse encoder; name one whose files"):
        load(Path(name)) if name == "embedded" else load_sparse(SparseModel(name), FLOAT32)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_folder_that_one_is_in(name: str) -> None:
    with pytest.raises(ConfigError, match="--sparse-model is empty; name a folder"):
        load_sparse(SparseModel(name), FLOAT32)
    with pytest.raises(ConfigError, match="--model is empty; name a folder"):
        find(name)


def test_what_cannot_be_had_is_told_with_what_to_do_about_this_model() -> None:
    with pytest.raises(EncoderError, match=r"is no folder here.* use another --sparse-model, or"):
        load_sparse(SparseModel("no/such/folder"), FLOAT32)


def test_texts_longer_than_a_model_reads_are_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it knows is seen by texts of our own, which a user can do nothing about."""
    folder = model_kinds.build_sparse(tmp_path)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    load(folder, replace(FLOAT32, max_tokens=8))
    assert [record.getMessage() for record in caplog.records if "longer" in record.msg] == []


def test_a_folder_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--sparse-revision is for a model of the Hugging Face"):
        load(model_kinds.build_sparse(tmp_path), revision="main")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = model_kinds.build_sparse(tmp_path)
    path = folder / "model.safetensors"
    weights = {name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"no finite numbers|no token of any text"):
        load(folder)


def test_a_lack_of_memory_halves_the_batch(tmp_path: Path) -> None:
    encoder = load(model_kinds.build_sparse(tmp_path))
    weigh = encoder.weigher.weigh
    tried = []

    def short_of_memory(texts: list[str], batch_texts: int) -> list[weighing.Row]:
        tried.append(batch_texts)
        if batch_texts > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        return weigh(texts, batch_texts)

    encoder.batch_tokens = 8 * MAX_TOKENS
    encoder.weigher.weigh = short_of_memory  # type: ignore[method-assign]
    assert len(encoder.encode(TEXTS)) == len(TEXTS)
    assert tried == [8, 4, 2]
    encoder.batch_tokens = 1
    encoder.weigher.weigh = failing  # type: ignore[method-assign]
    with pytest.raises(EncoderError, match="failed on a batch of texts: a token without"):
        encoder.encode(TEXTS)


def failing(_texts: list[str], _batch_texts: int) -> list[weighing.Row]:
    raise IndexError("a token without an embedding")
