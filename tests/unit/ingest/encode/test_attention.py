from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import model_kinds
from ingest.encode.attention import attention_settings, check_attention
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import TEXTS
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.vector import Vector


def test_transformers_is_told_its_own_names() -> None:
    gpu = ("cuda:0", torch.bfloat16)
    assert attention_settings("auto", *gpu) == {}
    assert attention_settings("sdpa", *gpu) == {"attn_implementation": "sdpa"}
    assert attention_settings("flash", *gpu) == {"attn_implementation": "flash_attention_2"}


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.bfloat16), ("mps", torch.float16), ("cuda", torch.float32)]
)
def test_flash_where_it_does_not_run_is_refused(device: str, dtype: torch.dtype) -> None:
    with pytest.raises(ConfigError, match="needs an NVIDIA GPU and 16 bits; use --attention sdpa"):
        attention_settings("flash", device, dtype)


def test_a_model_is_not_loaded_with_what_does_not_run(tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="--attention flash needs"):
        load_encoder(str(tiny_model), options=EncoderOptions(device="cpu", attention="flash"))


@pytest.mark.parametrize("backbone", ["bert", "qwen3", "gemma3"])
def test_implementations_make_the_same_vectors(tmp_path: Path, backbone: str) -> None:
    folder = model_kinds.build_encoder(tmp_path, backbone, padding_side="left")
    sdpa, eager = (
        load_encoder(
            str(folder), options=EncoderOptions(device="cpu", dtype="float32", attention=name)
        )
        for name in ("sdpa", "eager")
    )
    used = [one.transformer[0].model.config._attn_implementation for one in (sdpa, eager)]
    assert used == ["sdpa", "eager"], "and it is put back after the comparison"
    np.testing.assert_allclose(sdpa.encode(TEXTS), eager.encode(TEXTS), atol=1e-5)


def test_other_vectors_are_found(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    encoder = load_encoder(str(folder), options=EncoderOptions(device="cpu", dtype="float32"))
    model = encoder.transformer

    def encode(texts: Sequence[str]) -> Vector:
        vectors = encoder.encode(texts)
        is_sdpa = model[0].model.config._attn_implementation == "sdpa"
        return vectors if is_sdpa else np.ascontiguousarray(vectors[:, ::-1])

    model[0].model.set_attn_implementation("eager")
    with pytest.raises(EncoderError, match=r"tiny makes other vectors with --attention eager than"):
        check_attention(model, "tiny", "eager", encode)
    check_attention(model, "tiny", "auto", encode)
