"""What tests of trainings share: pairs, and a tiny model that can tell hidden words."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

import taste


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the world of `taste`."""
    folder = tmp_path_factory.mktemp("pairs")
    taste.training_set(folder).write(folder)
    return folder


@pytest.fixture(scope="session")
def masked_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a mask token, as those have that were trained to tell hidden words."""
    folder = tmp_path_factory.mktemp("masks") / "tiny"
    transformer = SentenceTransformer(str(tiny_model), device="cpu")
    transformer.tokenizer.add_special_tokens({"mask_token": "<mask>"})
    transformer[0].auto_model.resize_token_embeddings(
        len(transformer.tokenizer), mean_resizing=False
    )
    transformer.save(str(folder), create_model_card=False)
    return folder
