"""Tiny models of pictures with random weights, pictures by topic, and a catalog that has both."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tiny_model import train_tokenizer

SIDE = 32
_TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
_VISION = {**_TOWER, "image_size": SIDE, "patch_size": 8}

TOPICS: Mapping[str, str] = {
    "chess": "Schach",
    "music": "Musik",
    "drawing": "Zeichnen",
    "weather": "Wetter",
    "letters": "Briefe",
    "trains": "Züge",
}
"""In English, and in German."""


def build_vit(folder: Path) -> Path:
    """A model of pictures alone."""
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

    _save(lambda: ViTModel(ViTConfig(**_VISION)), folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def build_clip(folder: Path) -> Path:
    """CLIP: pictures and texts in 24 dimensions."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor

    tokenizer = train_tokenizer()
    config = CLIPConfig(
        text_config=_text_tower(tokenizer), vision_config=_VISION, projection_dim=24
    )
    _save(lambda: CLIPModel(config), folder)
    size = {"height": SIDE, "width": SIDE}
    pictures = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size)
    CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def build_siglip(folder: Path) -> Path:
    """SigLIP: pictures and texts in 32 dimensions."""
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipProcessor

    tokenizer = train_tokenizer()
    config = SiglipConfig(text_config=_text_tower(tokenizer), vision_config=_VISION)
    _save(lambda: SiglipModel(config), folder)
    pictures = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    SiglipProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def _text_tower(tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401 - of transformers
    ids = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    named = {f"{name}_token_id": id_ for name, id_ in ids.items()}
    return {**_TOWER, **named, "vocab_size": len(tokenizer), "max_position_embeddings": 64}


def _save(make: Any, folder: Path) -> None:  # noqa: ANN401 - of transformers
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        make().save_pretrained(folder)


def picture(topic: int, seed: int = 0, *, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A pattern in the colors of a topic, with noise of its own."""
    rng = np.random.default_rng(1000 + topic)
    pattern = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((12, 12, 1)))[: size[1], : size[0]]
    noise = np.random.default_rng(seed).integers(-20, 20, pattern.shape)
    return Image.fromarray(np.clip(pattern + noise, 0, 255).astype(np.uint8))


def as_bytes(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    """A picture as it is stored in a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pictured_catalog(folder: Path, works: int = 120) -> list[dict[str, Any]]:
    """Records in English and German by turns; each has a picture of its topic in the folder."""
    records = []
    for number in range(works):
        topic = number % len(TOPICS)
        english, german = list(TOPICS.items())[topic]
        in_german = number // len(TOPICS) % 2 == 1
        name = f"{number}.png"
        (folder / name).write_bytes(as_bytes(picture(topic, number)))
        records.append(
            {
                "id": str(number),
                "language": "de" if in_german else "en",
                "title": f"{english} {german} n{number}",
                "topic": english,
                "icon": name,
            }
        )
    return records
