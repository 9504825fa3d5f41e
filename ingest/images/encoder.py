"""Encoders of pictures: some share a space with texts (CLIP, SigLIP), others know pictures alone.

The first run in sentence-transformers, and the vectors are those that its `encode` makes. The
others (ViT, DINOv2, ConvNeXT ...) run in transformers: their pooled output is the features that
`ingest.images.alignment` brings into the space of the catalog's own texts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest.encode import model_files
from ingest.encode.checkpoint.license import CARD, license_of
from ingest.encode.devices import choose_devices
from ingest.encode.model_files import ModelFiles
from ingest.images.options import ImageOptions
from xlrec_es.errors import ConfigError, EncoderError, MissingExtra
from xlrec_es.vectors.vector import Vector

try:
    import torch
    from PIL.Image import Image
    from sentence_transformers import SentenceTransformer
    from transformers import AutoConfig, AutoImageProcessor, AutoModel
    from transformers.utils import logging as transformers_logging
except ImportError as error:
    raise MissingExtra.named("images", "Encoding pictures") from error

_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Said and not left out: transformers would ask at the terminal whether a model's code may run."""

_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", CARD]


class ImageEncoder(Protocol):
    """Turns pictures into vectors."""

    @property
    def model(self) -> str:
        """Name of the model, for people."""

    @property
    def revision(self) -> str:
        """Commit of the hub, or a hash of the files: equal revisions make equal vectors."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    @property
    def knows_texts(self) -> bool:
        """Whether it was trained to put pictures beside the texts that describe them."""

    @property
    def license(self) -> str | None:
        """Of the weights; None if not known."""

    def encode(self, pictures: Sequence[Image]) -> Vector:
        """Encode pictures.

        Args:
            pictures: Of mode RGB, see `ingest.images.decoding.decode`.

        Returns:
            Shape (len(pictures), dims), float32, each row of length 1; a row of which the model
            made zeros or NaN stays as it is, for the caller to refuse.

        Raises:
            EncoderError: The model failed.
        """


class _PictureEncoder(ABC):
    """What encoders of pictures have in common.

    Args:
        files: What the model was loaded from.
    """

    def __init__(self, files: ModelFiles) -> None:
        self.model, self.revision, self.license = files.name, files.revision, files.license
        self.dims = int(self._encode([_blank()]).shape[1])

    def encode(self, pictures: Sequence[Image]) -> Vector:
        """See `ImageEncoder.encode`."""
        if not pictures:
            return np.zeros((0, self.dims), np.float32)
        return self._encode(pictures)

    def _encode(self, pictures: Sequence[Image]) -> Vector:
        try:
            features = self._features(list(pictures))
        except EncoderError:
            raise
        except Exception as error:  # whatever two libraries raise
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise EncoderError(f"{self.model} failed on pictures: {reason}") from error
        length = np.linalg.norm(features, axis=1, keepdims=True)
        unit: Vector = np.divide(features, length, out=features.copy(), where=length > 0)
        return unit

    @abstractmethod
    def _features(self, pictures: list[Image]) -> Vector:
        """What the model makes of at least one picture, shape (len(pictures), dims)."""


class SharedSpaceEncoder(_PictureEncoder):
    """A model of pictures and texts, by sentence-transformers.

    Args:
        transformer: Takes pictures.
        files: What it was loaded from.
    """

    knows_texts = True

    def __init__(self, transformer: SentenceTransformer, files: ModelFiles) -> None:
        self._transformer = transformer
        super().__init__(files)

    def _features(self, pictures: list[Image]) -> Vector:
        made = self._transformer.encode(pictures, batch_size=len(pictures), show_progress_bar=False)
        return np.asarray(made, np.float32)


class PlainImageEncoder(_PictureEncoder):
    """A model of pictures alone, by transformers; its vectors are its pooled features.

    Args:
        model: Has a pooled output.
        processor: Makes of a picture what the model takes.
        files: What they were loaded from.

    Raises:
        EncoderError: The model has no pooled output, or does not run.
    """

    knows_texts = False

    def __init__(self, model: Any, processor: Any, files: ModelFiles) -> None:  # noqa: ANN401
        self._model, self._processor = model, processor
        super().__init__(files)

    def _features(self, pictures: list[Image]) -> Vector:
        with torch.inference_mode():
            inputs = self._processor(images=pictures, return_tensors="pt")
            made = self._model(**inputs.to(self._model.device))
        pooled = getattr(made, "pooler_output", None)
        if pooled is None:
            raise EncoderError(
                f"{self.model} makes no vector of a whole picture (pooler_output); use another, "
                "such as facebook/dinov2-small or google/vit-base-patch16-224-in21k"
            )
        features: Vector = pooled.float().cpu().numpy().reshape(len(pictures), -1)
        return features


def load_image_encoder(options: ImageOptions) -> ImageEncoder:
    """Load the model of some options, on the first of their devices.

    Raises:
        ConfigError: A revision is named of a folder.
        EncoderError: It cannot be had, or is no encoder of pictures.
    """
    transformers_logging.disable_progress_bar()
    files = _find(options.model, options.revision)
    device = choose_devices(options.device)[0]
    with model_files.loading(f"the image model {options.model!r}"):
        return _load(files, device)


def _load(files: ModelFiles, device: str) -> ImageEncoder:
    folder = str(files.folder)
    if _is_plain(files):
        processor = AutoImageProcessor.from_pretrained(folder, use_fast=None, **_LOCAL)
        model = AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **_LOCAL
        )
        return PlainImageEncoder(model.eval().to(device), processor, files)
    transformer = SentenceTransformer(
        folder,
        device=device,
        local_files_only=True,
        model_kwargs={"use_safetensors": True, "dtype": torch.float32},
    )
    missing = {"image", "text"}.difference(transformer.modalities)
    if missing == {"text"}:
        raise EncoderError(
            f"{files.name} was saved by sentence-transformers for pictures alone; name the plain "
            "model of transformers in place of it"
        )
    if missing:
        raise EncoderError(
            f"{files.name} is an encoder of {' and '.join(map(str, transformer.modalities))}, and "
            "takes no pictures; use one such as sentence-transformers/clip-ViT-B-32"
        )
    return SharedSpaceEncoder(transformer, files)


def _is_plain(files: ModelFiles) -> bool:
    """Whether it is of pictures alone: transformers' own folder, without a part for texts."""
    if (files.folder / "modules.json").is_file():
        return False
    config = AutoConfig.from_pretrained(str(files.folder), **_LOCAL)
    return not hasattr(config, "text_config")


def _find(model: str, revision: str | None) -> ModelFiles:
    """Have a model's files on this machine."""
    model_files.check_named(model, "--image-model")
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision:
            raise ConfigError("--image-revision is for a model of the Hugging Face hub")
        name, revision = folder.resolve().name, model_files.hash_folder(folder)
    else:
        with model_files.from_hub(model, "Check --image-model and the network"):
            folder = model_files.snapshot(model, revision, _HUB_FILES)
        name, revision = model, folder.name
    if not any(folder.rglob("*.safetensors")):
        raise EncoderError(
            f"{model} has no weights in safetensors, and pickled ones can run code; have it "
            "converted: save_pretrained(FOLDER, safe_serialization=True)"
        )
    return ModelFiles(folder, name, revision, license_of(folder))


def _blank() -> Image:
    from PIL import Image as images

    return images.new("RGB", (64, 64), "white")
