"""Models of pictures: their vectors are those of their own libraries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_models import picture
from ingest.images.encoder import ImageEncoder, load_image_encoder
from ingest.images.options import ImageOptions
from xlrec_es.errors import ConfigError, EncoderError

PICTURES = [picture(0), picture(1, size=(20, 48)), picture(2, size=(48, 9))]


def load(folder: Path | str, revision: str | None = None) -> ImageEncoder:
    options = ImageOptions("icon", str(folder), revision=revision, device="cpu")
    return load_image_encoder(options)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_vectors_are_those_of_sentence_transformers(
    image_models: Mapping[str, Path], name: str
) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = load(image_models[name])
    assert encoder.knows_texts
    assert encoder.model == name
    library = SentenceTransformer(str(image_models[name]), device="cpu")
    theirs = library.encode(PICTURES, normalize_embeddings=True)
    assert encoder.dims == theirs.shape[1]
    assert np.abs(encoder.encode(PICTURES) - theirs).max() < 1e-5


def test_plain_features_are_the_pooled_output(image_models: Mapping[str, Path]) -> None:
    import torch
    from transformers import AutoImageProcessor, AutoModel

    encoder = load(image_models["vit"])
    assert (encoder.knows_texts, encoder.dims) == (False, 32)
    processor = AutoImageProcessor.from_pretrained(image_models["vit"])
    model = AutoModel.from_pretrained(image_models["vit"]).eval()
    with torch.inference_mode():
        pooled = model(**processor(images=PICTURES, return_tensors="pt")).pooler_output.numpy()
    expected = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    assert np.abs(encoder.encode(PICTURES) - expected).max() < 1e-5


@pytest.mark.parametrize("name", ["clip", "siglip", "vit"])
def test_a_batch_is_as_each_alone(image_models: Mapping[str, Path], name: str) -> None:
    encoder = load(image_models[name])
    together = encoder.encode(PICTURES)
    alone = np.concatenate([encoder.encode([one]) for one in PICTURES])
    assert np.abs(together - alone).max() < 1e-5
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode([]).shape == (0, encoder.dims)
    assert len({vector.tobytes() for vector in together}) == 3


def test_a_revision_is_of_what_the_files_hold(image_models: Mapping[str, Path]) -> None:
    assert load(image_models["vit"]).revision.startswith("sha256-")
    assert load(image_models["vit"]).revision != load(image_models["clip"]).revision
    with pytest.raises(ConfigError, match="--image-revision is for a model of the Hugging Face"):
        load(image_models["vit"], revision="main")


def test_a_model_that_cannot_be_had_is_told() -> None:
    with pytest.raises(EncoderError, match="is no folder here, and cannot be had from the Hugging"):
        load("nobody/has-this-model")


def test_an_empty_name_is_not_the_folder_that_one_is_in(
    image_models: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image_models["vit"])
    for name in ("", " "):
        with pytest.raises(ConfigError, match="--image-model is empty; name a folder"):
            load(name)


def test_an_encoder_of_texts_is_refused(tiny_model: Path) -> None:
    with pytest.raises(EncoderError, match="is an encoder of text, and takes no pictures"):
        load(tiny_model)


def test_a_folder_without_safe_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EncoderError, match="has no weights in safetensors"):
        load(tmp_path)


def test_a_damaged_model_is_told(image_models: Mapping[str, Path], tmp_path: Path) -> None:
    for path in image_models["vit"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:200])
    with pytest.raises(EncoderError, match="cannot load the image model"):
        load(tmp_path)


def test_one_color_has_a_vector_too(image_models: Mapping[str, Path]) -> None:
    [vector] = load(image_models["vit"]).encode([Image.new("RGB", (1, 1), "red")])
    assert np.isfinite(vector).all()
