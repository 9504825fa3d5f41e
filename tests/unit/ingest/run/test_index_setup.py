from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import model_kinds
from fakes import HashEncoder
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from ingest.run.index_setup import choose_vector_index
from ingest.run.job import RunJob
from xlrec_es.errors import ConfigError
from xlrec_es.vectors.vector_index import VectorIndex

INSTEAD = (
    "bbq takes 64 dimensions or more, and the vectors have 32; use --quantization int4 or int8"
)


def job(**vectors: Any) -> RunJob:  # noqa: ANN401 - attributes of `VectorIndex`
    return RunJob("items.jsonl", "shop", vectors=vectors)


def test_what_is_asked_for_is_chosen() -> None:
    assert choose_vector_index(job(quantization="int4"), HashEncoder()) == VectorIndex("int4")


def test_dimensions_that_a_model_has_are_not_enough() -> None:
    with pytest.raises(ConfigError) as told:
        choose_vector_index(job(quantization="bbq"), HashEncoder(dims=32))
    assert str(told.value) == INSTEAD


def test_where_dimensions_come_from_is_told_if_the_folder_cut_them(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path, head=96, truncate_dim=32)
    encoder = load_encoder(str(folder), options=EncoderOptions(device="cpu", dtype="float32"))
    with pytest.raises(ConfigError) as told:
        choose_vector_index(job(quantization="bbq"), encoder)
    assert str(told.value) == (
        f"{INSTEAD}; or --dims 96, for truncate_dim in config_sentence_transformers.json of "
        "encoder cuts its 96 dimensions to 32"
    )
