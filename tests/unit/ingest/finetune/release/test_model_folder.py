"""A model that this program made, as a folder with a card."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import RepoCard
from sentence_transformers import SentenceTransformer

from ingest.encode import model_files
from ingest.encode.model_record import read_record
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.release import model_folder
from ingest.finetune.release.model_card import CURVES, Base, Card
from ingest.finetune.release.model_folder import check_free, write_folder, write_model
from tiny_model import TEXTS
from xlrec_es.errors import EncoderError

BASE = Base("intfloat/multilingual-e5-small", "abc", "mit", "intfloat/multilingual-e5-small")
CARD = Card(
    "xlrec-ingest finetune",
    "Fine-tuned.",
    BASE,
    prefix="item: ",
    languages=("de", "ja"),
    centering="none",
    data={"pairs": 1200},
    settings={"steps": 300},
    results=[{"model": "base", "recall@50": 0.159}, {"model": "tuned", "recall@50": 0.197}],
    curves={"loss": [(0, 3.2), (10, 2.9)]},
)


@pytest.fixture
def model(tiny_model: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_model), device="cpu")


def test_plain_sentence_transformers_loads_it_with_its_prefix(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    expected = model.encode([f"item: {text}" for text in TEXTS], prompt="")
    written = write_model(tmp_path / "tuned", model, CARD)
    found = SentenceTransformer(str(tmp_path / "tuned"), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    encoder = load_encoder(str(tmp_path / "tuned"))
    assert encoder.prefix == "item: "
    assert encoder.revision == written.revision
    assert encoder.model == "tuned"


def test_a_bases_prompt_does_not_come_back(model: SentenceTransformer, tmp_path: Path) -> None:
    """The base puts `query: ` before each text, and was tuned without."""
    expected = model.encode(list(TEXTS), prompt="")
    write_model(tmp_path / "tuned", model, replace(CARD, prefix=""))
    assert load_encoder(str(tmp_path / "tuned")).prefix == ""
    found = SentenceTransformer(str(tmp_path / "tuned"), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_card_is_read_by_the_hubs_own_library_and_is_no_part_of_the_model(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    written = write_model(tmp_path / "tuned", model, CARD)
    card = RepoCard.load(tmp_path / "tuned" / "README.md")
    assert card.data.license == "mit"
    assert card.data.base_model == BASE.hub_id
    assert card.data.language == ["de", "ja"]
    assert "| tuned | 0.197 |" in card.text
    assert (tmp_path / "tuned" / CURVES).read_bytes().startswith(b"\x89PNG")
    record = read_record(tmp_path / "tuned")
    assert record
    assert record["centering"] == "none"
    assert (
        record["fingerprint"]["revision"]
        == written.revision
        == model_files.hash_folder(written.folder)
    )
    assert record["base"]["revision"] == "abc"


def test_another_model_is_replaced_and_nothing_else_is(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    write_model(tmp_path / "tuned", model, CARD)
    write_model(tmp_path / "tuned", model, Card("x", "Again.", BASE))
    assert "Again." in (tmp_path / "tuned/README.md").read_text()
    (tmp_path / "mine").mkdir()
    check_free(tmp_path / "mine")
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(EncoderError, match="no model of this program"):
        write_model(tmp_path / "mine", model, CARD)
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "tuned"]


def test_a_disk_that_is_full_leaves_the_earlier_model(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_model(tmp_path / "tuned", model, CARD)

    def save(folder: str, **_: object) -> None:
        (Path(folder) / "model.safetensors").write_bytes(b"a part")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(model, "save", save)
    with pytest.raises(EncoderError, match="No space left on device"):
        write_model(tmp_path / "tuned", model, CARD)
    assert model_files.find(str(tmp_path / "tuned")) == first
    assert [path.name for path in tmp_path.iterdir()] == ["tuned"]


@pytest.mark.parametrize("in_one_step", [True, False])
def test_interrupted_at_any_moment_there_is_the_earlier_model_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    """Where the system can exchange two folders, and where it cannot."""
    folder = tmp_path / "tuned"
    write_folder(folder, lambda unfinished: fill(unfinished, "first"), CARD)
    if not in_one_step:
        monkeypatch.setattr(model_folder, "_exchanged", lambda *_: False)
    rename, rmtree = Path.rename, shutil.rmtree
    left = 0

    def then_interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            nonlocal left
            done = function(*arguments, **options)
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return done

        return call

    monkeypatch.setattr(Path, "rename", then_interrupted(rename))
    monkeypatch.setattr(shutil, "rmtree", then_interrupted(rmtree))
    for moment in range(1, 10):
        left = moment
        try:
            write_folder(folder, lambda unfinished: fill(unfinished, "new"), CARD)
        except KeyboardInterrupt:
            assert (folder / "model.safetensors").read_text() in ("first", "new")
            assert read_record(folder)
        else:
            break
    assert moment == (2 if in_one_step else 5)
    assert (folder / "model.safetensors").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["tuned"]


def fill(folder: Path, content: str) -> None:
    (folder / "model.safetensors").write_text(content)


def test_where_nothing_can_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link, to a model or to nothing; below a file; in a folder that is not ours."""
    write_folder(tmp_path / "tuned", lambda unfinished: fill(unfinished, "first"), CARD)
    for name, target in (("link", "tuned"), ("loose", "nowhere")):
        link = tmp_path / name
        link.symlink_to(tmp_path / target)
        with pytest.raises(EncoderError, match=rf"is a symbolic link.* itself: .*/{target}$"):
            check_free(link)
    check_free(tmp_path / "new" / "below")
    (tmp_path / "file").touch()
    with pytest.raises(EncoderError, match="file is no folder that may be written in"):
        check_free(tmp_path / "file" / "below")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root, every folder can be written
    with pytest.raises(EncoderError, match="is no folder that may be written in"):
        check_free(tmp_path / "new" / "below")
