from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import model_kinds
from ingest.encode.checkpoint import pickled_weights
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import TEXTS
from xlrec_es.errors import EncoderError

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def with_head(tmp_path: Path) -> Path:
    """An encoder with weights in two folders."""
    return model_kinds.build_encoder(tmp_path, head=8)


def test_converted_weights_make_the_same_vectors(with_head: Path, cache: Path) -> None:
    expected = load_encoder(str(with_head), options=FLOAT32).encode(TEXTS)
    model_kinds.pickle_weights(with_head)
    encoder = load_encoder(str(with_head), options=FLOAT32)
    np.testing.assert_array_equal(encoder.encode(TEXTS), expected)
    assert encoder.model == "encoder"
    assert encoder.revision.startswith("sha256-")
    assert [path.suffix for path in cache.rglob("*.bin")] == []


def test_weights_in_several_files_are_converted(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path, "qwen3", pooling="lasttoken")
    expected = load_encoder(str(folder), options=FLOAT32).encode(TEXTS)
    model_kinds.pickle_weights(folder, shards=True)
    np.testing.assert_array_equal(
        load_encoder(str(folder), options=FLOAT32).encode(TEXTS), expected
    )


def test_they_are_converted_once(with_head: Path, cache: Path) -> None:
    model_kinds.pickle_weights(with_head)
    first = pickled_weights.converted(with_head, "old")
    marked = first / "config.json"
    marked.write_text("kept", "utf-8")
    assert pickled_weights.converted(with_head, "old") == first
    assert marked.read_text("utf-8") == "kept"
    assert [path.name for path in (cache / "models").iterdir()] == [first.name]


class Evil:
    """Code in a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("torchs", [False, True])
def test_code_in_a_pickle_is_not_run(
    with_head: Path, tmp_path: Path, cache: Path, *, torchs: bool
) -> None:
    model_kinds.pickle_weights(with_head)
    mark, weights = tmp_path / "ran", with_head / "pytorch_model.bin"
    if torchs:
        torch.save({"weight": Evil(mark)}, weights)
    else:
        weights.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(EncoderError, match=r"cannot be converted: .+; get the model in safetens"):
        load_encoder(str(with_head))
    assert not mark.exists()
    assert list((cache / "models").iterdir()) == [], "nothing half made stays"


def test_a_cache_that_cannot_be_written_is_told(
    with_head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_kinds.pickle_weights(with_head)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path / "file"))
    with pytest.raises(EncoderError, match="choose another folder with XLREC_CACHE"):
        load_encoder(str(with_head))
