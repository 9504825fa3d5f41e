from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import model_kinds
from ingest.encode.model_files import find
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import train_tokenizer
from xlrec_es.errors import EncoderError

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")


def remove(folder: Path, pattern: str) -> None:
    for path in folder.rglob(pattern):
        path.unlink()


@pytest.mark.parametrize("pattern", ["tokenizer*", "tokenizer.json"])
def test_a_transformer_without_a_vocabulary_is_refused(tmp_path: Path, pattern: str) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    remove(folder, pattern)
    with pytest.raises(EncoderError, match=f"^{folder} has no tokenizer .tokenizer.json, vocab"):
        find(str(folder))


def test_static_embeddings_without_a_vocabulary_are_refused(tmp_path: Path) -> None:
    folder = model_kinds.build_static(tmp_path / "static")
    remove(folder, "tokenizer.json")
    with pytest.raises(EncoderError, match="has no tokenizer"):
        find(str(folder))


def test_a_vocabulary_in_the_folder_of_a_module_is_found(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    inner = folder / "0_Transformer"
    inner.mkdir()
    for name in ("config.json", "model.safetensors", "sentence_bert_config.json"):
        shutil.move(folder / name, inner / name)
    for path in folder.glob("tokenizer*"):
        shutil.move(path, inner / path.name)
    modules = json.loads((folder / "modules.json").read_bytes())
    modules[0]["path"] = inner.name
    (folder / "modules.json").write_text(json.dumps(modules))
    assert load_encoder(str(folder), options=FLOAT32).encode(["a puzzle"]).any()


def test_models_of_bytes_have_no_vocabulary(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    remove(folder, "tokenizer.json")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    assert find(str(folder)).folder == folder


def test_a_tokenizer_of_another_size_than_the_model_is_refused(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    other = train_tokenizer().train_new_from_iterator(["a b c"], vocab_size=20)
    other.save_pretrained(folder)
    with pytest.raises(EncoderError, match=r"tokenizer of \d+ tokens, and embeddings of \d+: it"):
        load_encoder(str(folder), options=FLOAT32)


def test_static_embeddings_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = model_kinds.build_static(tmp_path / "static")
    other = train_tokenizer().train_new_from_iterator(["a b c"], vocab_size=20)
    other.backend_tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(EncoderError, match=r"tokenizer of \d+ tokens, and embeddings of \d+"):
        load_encoder(str(folder), options=FLOAT32)


def test_a_tokenizer_that_knows_hardly_a_word_is_refused(tmp_path: Path) -> None:
    """Its vocabulary has the size of the model's, of tokens that no text has."""
    folder = model_kinds.build_encoder(tmp_path)
    path = folder / "tokenizer.json"
    content = json.loads(path.read_bytes())
    special = {token["content"] for token in content["added_tokens"]}
    renamed = [
        [piece, score] if piece in special else [f"\ue000{number}", score]
        for number, (piece, score) in enumerate(content["model"]["vocab"])
    ]
    content["model"]["vocab"] = renamed
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(EncoderError, match=r"knows hardly a word: .* 100% of the tokens"):
        load_encoder(str(folder), options=FLOAT32)
