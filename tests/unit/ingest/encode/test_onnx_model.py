"""Models whose transformer is an ONNX file: what of them is never loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ingest.encode import onnx_model
from xlrec_es.errors import EncoderError

FIRST = {"type": "sentence_transformers.models.Transformer", "path": ""}
CODE = """
from pathlib import Path
Path(__file__).with_name("has run").touch()
class Module:
    @classmethod
    def load(cls, *_, **__):
        return cls()
"""


@pytest.mark.parametrize(
    "kind",
    [
        "of_the_model.Module",
        "sentence_transformers_of_the_model.Module",
        "sentence_transformers",
        "xsentence_transformers.models.Pooling",
        "builtins.exec",
    ],
)
def test_a_module_that_is_not_of_sentence_transformers_is_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It would run code that somebody has put beside a model."""
    (tmp_path / f"{kind.split('.')[0]}.py").write_text(CODE)
    (tmp_path / "modules.json").write_text(json.dumps([FIRST, {"type": kind, "path": "1_X"}]))
    monkeypatch.syspath_prepend(tmp_path)
    known = sys.modules.get(kind.split(".")[0])
    with pytest.raises(EncoderError, match=f"the module {kind} would run code of the model's own"):
        onnx_model.load(tmp_path)
    assert not (tmp_path / "has run").exists()
    assert sys.modules.get(kind.split(".")[0]) is known
