"""What `import ingest` offers, and what it does not drag in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import ingest
from ingest.encode import sentence_transformer


def test_load_encoder_is_the_encoders_own() -> None:
    from ingest import load_encoder

    assert load_encoder is sentence_transformer.load_encoder
    assert dir(ingest) == ingest.__all__ == ["load_encoder"]


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'ingest' has no attribute 'load_decoder'"):
        ingest.load_decoder  # noqa: B018


def test_torch_waits_until_the_encoder_is_asked_for() -> None:
    code = "import json, sys, ingest; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    modules = set(json.loads(done.stdout))
    assert "ingest" in modules
    assert not modules & {"ingest.encode", "numpy", "sentence_transformers", "torch"}
