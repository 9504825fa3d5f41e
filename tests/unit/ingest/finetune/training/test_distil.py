"""A model is taught languages by translations: a teacher's vectors of the originals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import AutoTokenizer

from devices import DEVICES
from ingest.cli.main import main
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.training.distil import translations
from training_data import make_training_set


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return make_training_set()


@pytest.fixture(scope="module")
def pairs(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distil") / "pairs"
    data.write(folder)
    return folder


def distil(pairs: Path, folder: Path, model: Path, *more: object) -> Result:
    short = ("--learning-rate", "3e-3", "--batch-size", 32, "--dtype", "float32", "--device", "cpu")
    arguments = ("distill", pairs, "-o", folder, "--model", model, *short, *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_renditions_are_translations_of_one_original(data: TrainingSet) -> None:
    found = translations(data.documents, len(data.works), "en", ("ja",), seed=0)
    texts = {
        (work, language): text
        for work, language, text in zip(
            data.documents.work, data.documents.languages, data.documents.texts, strict=True
        )
    }
    works = {text: work for (work, language), text in texts.items() if language == "en"}
    assert set(found.languages) == {"en", "ja"}
    for text, language, number in zip(found.texts, found.languages, found.original, strict=True):
        assert texts[works[found.originals[number]], language] == text
    # What is held out is so with its original, and a part of all.
    held = {int(number) for number in found.original[found.held_out]}
    assert held.isdisjoint(found.original[~found.held_out])
    assert 0 < len(held) < len(found.originals) / 5


@pytest.mark.parametrize("device", DEVICES)
def test_translations_come_near_what_the_teacher_makes(
    data: TrainingSet, pairs: Path, tiny_model: Path, tmp_path: Path, device: str
) -> None:
    folder = tmp_path / "taught"
    more = ("--source-language", "en", "--steps", 60, "--evaluate-every", 20, "--force", "--json")
    done = distil(pairs, folder, tiny_model, *more, "--device", device)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["source"], summary["translations"]) == ("en", 104)
    # A model of random weights makes nearly the same of every text, so what is left counts.
    assert 1 - summary["cosine after"] < 0.7 * (1 - summary["cosine before"])
    options = EncoderOptions(device="cpu", dtype="float32")
    teacher = load_encoder(str(tiny_model), options=options)
    student = load_encoder(str(folder), options=options)
    found = translations(data.documents, len(data.works), "en", (), seed=0)
    german = [row for row, language in enumerate(found.languages) if language == "de"]
    texts = [found.texts[row] for row in german]
    wanted = teacher.encode([found.originals[found.original[row]] for row in german])
    before, after = (
        float((one.encode(texts) * wanted).sum(1).mean()) for one in (teacher, student)
    )
    assert 1 - after < 0.7 * (1 - before)
    plain = SentenceTransformer(str(folder), device="cpu").encode(texts)
    np.testing.assert_allclose(student.encode(texts), plain, atol=1e-5)


def test_too_few_translations(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    done = distil(pairs, tmp_path / "taught", tiny_model, "--source-language", "fr")
    assert done.exit_code == 2
    assert "0 translations of texts in fr, and distilling needs" in done.stderr


def test_a_teacher_of_other_dimensions(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    static = StaticEmbedding(AutoTokenizer.from_pretrained(tiny_model), embedding_dim=16)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "teacher"))
    done = distil(pairs, tmp_path / "taught", tiny_model, "--teacher", tmp_path / "teacher")
    assert done.exit_code == 2
    assert "teacher's vectors have 16 dimensions and the student's 32" in done.stderr
