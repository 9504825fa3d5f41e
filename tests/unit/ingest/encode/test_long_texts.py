"""Texts that are longer than a model reads at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from ingest.encode import long_texts
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import DIMS, TEXTS
from xlrec_es.errors import EncoderError

CHUNKS = EncoderOptions(max_tokens=16, long_texts="chunk", device="cpu", dtype="float32")


def test_long_texts_are_the_mean_of_their_windows(tiny_model: Path) -> None:
    chunking = load_encoder(str(tiny_model), options=CHUNKS)
    single = load_encoder(str(tiny_model), options=replace(CHUNKS, long_texts="truncate"))
    tokenizer = SentenceTransformer(str(tiny_model), device="cpu").tokenizer
    long_text = " ".join(TEXTS)
    room = 16 - len(tokenizer("query: ")["input_ids"])
    pieces = long_texts.split(long_text, tokenizer, room)
    assert len(pieces) > 10
    assert "".join(pieces) == long_text
    assert all(len(tokenizer(f"query: {piece}")["input_ids"]) <= 16 for piece in pieces)
    mean = single.encode(pieces).mean(axis=0)
    encoded = chunking.encode(["short", long_text, ""])
    np.testing.assert_allclose(encoded[1], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(encoded[[0, 2]], single.encode(["short", ""]), atol=1e-5)
    assert chunking.encode([]).shape == (0, DIMS)


def test_a_prefix_that_leaves_no_room_for_windows(tiny_model: Path) -> None:
    with pytest.raises(EncoderError, match="the prefix leaves room for"):
        load_encoder(str(tiny_model), options=replace(CHUNKS, prefix=TEXTS[0]))


@settings(deadline=None)  # files and tokenizers take their time on a busy machine
@given(st.text(max_size=300))
def test_no_letter_is_lost_between_windows(tiny_model: Path, text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert "".join(long_texts.split(text, tokenizer, 5)) == text
