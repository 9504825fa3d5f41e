"""Models of pictures, made once, and a catalog with pictures at each version of Elasticsearch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from image_models import build_clip, build_siglip, build_vit
from pictured_shop import Shop


@pytest.fixture(scope="session")
def image_models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The folders of `vit`, `clip` and `siglip`."""
    folder = tmp_path_factory.mktemp("image-models")
    makers = {"vit": build_vit, "clip": build_clip, "siglip": build_siglip}
    return {name: make(folder / name) for name, make in makers.items()}


@pytest.fixture
def shop(
    es_each: Elasticsearch,
    index_name: str,
    tmp_path: Path,
    image_models: Mapping[str, Path],
) -> Shop:
    [node] = es_each.transport.node_pool.all()
    return Shop(es_each, node.base_url, index_name, tmp_path, image_models)
