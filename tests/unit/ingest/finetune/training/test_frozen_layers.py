"""Layers that are not trained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.training.frozen_layers import FrozenLayers, freeze, layers_of
from tiny_model import TEXTS


@pytest.mark.parametrize(("last", "trained"), [(0, []), (1, [1]), (2, [0, 1]), (9, [0, 1])])
def test_so_many_layers_are_trained(tiny_model: Path, last: int, trained: list[int]) -> None:
    model = SentenceTransformer(str(tiny_model), device="cpu")
    layers = layers_of(model, "tiny")
    assert freeze(model, layers, last) == 2 - len(trained)
    assert [n for n in range(2) if all(p.requires_grad for p in layers[n].parameters())] == trained
    n_trained = sum(p.requires_grad for p in model.parameters())
    assert n_trained == sum(len(list(layers[n].parameters())) for n in trained)


def test_frozen_layers_run_once_and_change_nothing(tiny_model: Path) -> None:
    encoder = load_encoder(str(tiny_model))
    model = encoder.transformer
    layers = layers_of(model, "tiny")
    assert freeze(model, layers, 1) == 1
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all("encoder.layer.1." in name for name in trained)
    expected = encoder.encode(TEXTS)
    runs = Counter[str]()
    layers[0].attention.register_forward_hook(lambda *_: runs.update(["frozen"]))
    with FrozenLayers(model, layers, 1):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
        seen = runs["frozen"]
        assert seen
        np.testing.assert_allclose(encoder.encode(TEXTS[::-1]), expected[::-1], atol=1e-6)
        assert runs["frozen"] == seen
        model(model.preprocess(list(TEXTS)))["sentence_embedding"].sum().backward()
        assert layers[1].output.dense.weight.grad is not None
        assert layers[0].output.dense.weight.grad is None
    with FrozenLayers(model, layers, 1, memory_bytes=0):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
