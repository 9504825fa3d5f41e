from __future__ import annotations

from pathlib import Path

import pytest

import model_kinds
from ingest.encode.model_files import find
from xlrec_es.errors import EncoderError


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_weights_that_end_early_are_refused_by_the_name_of_their_file(
    tmp_path: Path, kept: float
) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(
        EncoderError,
        match=f"weights of '{folder}' are damaged: model.safetensors is not whole .*get the model",
    ):
        find(str(folder))
