from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest.cli.main import main
from ingest.finetune.release import encoder_comparison
from topic_catalog import write_catalog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_catalog(tmp_path, users=80)
    return tmp_path


def compare(folder: Path, *arguments: str) -> Result:
    given = [str(folder / "likes.tsv"), "--items", str(folder / "items.jsonl"), *arguments]
    return CliRunner().invoke(main, ["compare-encoders", *given], env={"COLUMNS": "200"})


def test_a_model_is_compared_with_a_part_of_itself(folder: Path, tiny_model: Path) -> None:
    models = ("--model", str(tiny_model), "--model", f"{tiny_model}@8")
    done = compare(folder, *models, "--device", "cpu", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [row["dims"] for row in told["models"]] == [32, 8]
    for row in told["models"]:
        mean, low, high = row["recall"]
        assert 0 <= low <= mean <= high <= 1
        assert row["texts_per_s"] > 0
    assert told["recommended"]["model"] in models
    shown = compare(folder, *models, "--device", "cpu")
    assert shown.exit_code == 0, shown.output
    assert "recommended:" in shown.output
    assert "de → en" in shown.output


def test_fields_of_items_and_interactions_can_have_other_names(
    folder: Path, tiny_model: Path
) -> None:
    items, likes = folder / "items.jsonl", folder / "likes.tsv"
    items.write_text(items.read_text().replace('"title"', '"name"'))
    likes.write_text(likes.read_text().replace("user\titem", "who\tsku"))
    names = [f for name in ("title=name", "user=who", "item=sku") for f in ("--field", name)]
    models = ("--model", str(tiny_model), "--model", f"{tiny_model}@8")
    done = compare(folder, *models, *names, "--device", "cpu", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"] == 48


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "{0}"), "name two models or more"),
        (("--model", "{0}", "--model", "{0}"), "each once"),
        (("--model", "{0}", "--model", "{0}@99"), "{0}@99: tiny has 32 dimensions, so its"),
        (("--model", "{0}", "--model", "{0}@0"), "{0}@0: write a number from 1 to 4096"),
        (("--model", "{0}", "--model", "/no/such"), "is no folder here"),
    ],
)
def test_what_cannot_be_compared_is_told(
    folder: Path, tiny_model: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = compare(folder, *(text.format(tiny_model) for text in arguments), "--device", "cpu")
    assert done.exit_code in (1, 2)
    assert told.format(tiny_model) in " ".join(done.output.split())


def test_all_models_are_checked_before_one_encodes(
    folder: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[object] = []
    monkeypatch.setattr(encoder_comparison.raw_vectors, "encode", encoded.append)
    done = compare(folder, "--model", str(tiny_model), "--model", "/no/such", "--device", "cpu")
    assert "--model /no/such: '/no/such' is no folder here" in " ".join(done.output.split())
    assert not encoded
