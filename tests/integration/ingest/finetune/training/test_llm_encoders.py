"""LLM encoders from a run to recommendations: Qwen3 and Gemma3, tiny and with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch
from sentence_transformers import SentenceTransformer

import model_kinds
import taste
from ingest.cli.main import main
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from tiny_model import TEXTS
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.weighting import History
from xlrec_es.recommend.recommender import Recommender

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")
KINDS = {
    "qwen3": {"pooling": "lasttoken", "padding_side": "left"},
    "gemma3": {"pooling": "mean", "padding_side": "left", "head": 16},
}
"""As Qwen3-Embedding pools, and EmbeddingGemma with a dense layer behind it."""

TRAINING = ("--lora", 4, "--steps", 4, "--learning-rate", "1e-2", "--batch-size", 32, "--layers")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", KINDS)
def test_from_a_run_to_recommendations(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path, backbone: str
) -> None:
    base = model_kinds.build_encoder(
        tmp_path / "base", backbone, prompts=model_kinds.PROMPTS, **KINDS[backbone]
    )
    items = tmp_path / "items.jsonl"
    items.write_text(
        "".join(
            json.dumps({"id": work, "language": language, "title": text}) + "\n"
            for work, language, text in taste.works()
        )
    )
    likes = taste.write_likes(tmp_path / "likes.tsv")
    tuned, pairs = tmp_path / "tuned", tmp_path / "pairs"
    where = ("--url", es_url)
    steps = (
        ("run", items, "--index", index_name, "--model", base, "--prompt-name", "document", *where),
        ("pairs", likes, "--index", index_name, "-o", pairs, *where),
        ("finetune", pairs, "-o", tuned, "--model", base, "--prefix", "", "--force", *TRAINING, 1),
        ("reencode", index_name, "--model", tuned, "--min-recall", 0.5, "--min-overlap", 0, *where),
    )
    for step in steps:
        done = CliRunner().invoke(main, [str(part) for part in step], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        if step[0] == "run":
            made = find_live(es, index_name).meta.fingerprint
            assert (made.prefix, made.text_prefix) == ("", model_kinds.PROMPTS["query"])
            assert made.pooling == KINDS[backbone]["pooling"]
    live = find_live(es, index_name)
    assert (live.meta.fingerprint.model, live.meta.fingerprint.prefix) == ("tuned", "")
    # The adapters are in the weights: plain sentence-transformers makes the same, other vectors.
    encoder = load_encoder(str(tuned), options=FLOAT32)
    assert not list(tuned.rglob("adapter*"))
    library = SentenceTransformer(str(tuned), device="cpu")
    plain = library.encode(list(TEXTS), normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-5)
    before = load_encoder(str(base), options=FLOAT32)
    assert np.abs(encoder.encode(TEXTS) - before.encode(TEXTS)).max() > 1e-3
    recommender = Recommender(es, index_name, encoder=load_encoder(str(tuned)))
    found = recommender.recommend(History(texts=("Schach",)), languages=["ja"], size=3)
    assert len(found.items) == 3
    assert not found.degraded
