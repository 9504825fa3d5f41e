from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import model_kinds
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import DIMS
from xlrec_es.errors import EncoderError


def load(folder: Path, dims: int | None = None) -> tuple[int, int | None]:
    options = EncoderOptions(device="cpu", dtype="float32", dims=dims)
    encoder = load_encoder(str(folder), options=options)
    assert encoder.encode(["a puzzle"]).shape == (1, encoder.dims)
    return encoder.dims, encoder.cut_from


def say(folder: Path, saved: object) -> None:
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "truncate_dim": saved}))


def test_a_folder_can_cut_them_unless_others_are_asked_for(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path, truncate_dim=8)
    assert load(folder) == (8, DIMS)
    assert load(folder, 16) == (16, None)


def test_no_cut_is_told_where_none_is_made(tmp_path: Path) -> None:
    assert load(model_kinds.build_encoder(tmp_path, truncate_dim=DIMS)) == (DIMS, None)


@pytest.mark.parametrize("saved", [0, -5, 999, "32", 8.5, True, [8]])
def test_what_is_no_number_of_dimensions_is_refused(tmp_path: Path, saved: object) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    say(folder, saved)
    with pytest.raises(EncoderError) as told:
        load(folder)
    start = f"config_sentence_transformers.json of encoder says truncate_dim {saved!r}, and"
    assert str(told.value).startswith(start)
    assert f"from 1 to {DIMS}" in str(told.value)
    assert load(folder, 8) == (8, None)


def test_more_than_a_model_has_are_refused(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    with pytest.raises(EncoderError, match=f"has {DIMS} dimensions, so its vectors cannot be cut"):
        load(folder, DIMS + 1)


def test_more_dimensions_than_elasticsearch_holds_must_be_cut(tmp_path: Path) -> None:
    folder = model_kinds.build_static(tmp_path / "wide", dims=4100)
    with pytest.raises(EncoderError, match="has 4100 dimensions, and Elasticsearch holds 4096"):
        load(folder)
    assert load(folder, 64) == (64, None)


def test_cut_vectors_have_length_one(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path, truncate_dim=8)
    encoder = load_encoder(str(folder), options=EncoderOptions(device="cpu", dtype="float32"))
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(["a", "b"]), axis=1), 1, atol=1e-6)
