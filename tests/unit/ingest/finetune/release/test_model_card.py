"""What a model's card says, and what it takes from the base's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from ingest.encode import model_files
from ingest.encode.model_record import FORCED, REJECTED
from ingest.finetune.release.model_card import Base, Card, text_of


@pytest.mark.parametrize(("status", "word"), [(REJECTED, "Rejected"), (FORCED, "Forced")])
def test_a_card_says_what_the_gate_said(status: str, word: str) -> None:
    card = Card("x", "Made.", Base("mine", "1"), status=status, reasons=("ja lost .1",))
    text = text_of("tuned", "rev", card)
    assert f"> **{word}.**" in text
    assert "ja lost .1" in text
    assert RepoCard(text).data.tags[-1] == status
    assert "does not say it" in text  # the licence of the base


def test_the_licence_comes_from_the_bases_card(tmp_path: Path, tiny_model: Path) -> None:
    files = model_files.find(str(tiny_model))
    assert Base.of(str(tiny_model), files) == Base("tiny", files.revision)
    mine = shutil.copytree(tiny_model, tmp_path / "mine")
    (mine / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Mine\n")
    assert Base.of(str(mine), model_files.find(str(mine))).licence == "apache-2.0"
