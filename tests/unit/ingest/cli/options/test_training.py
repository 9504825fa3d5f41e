"""A model takes the place of nothing that it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest.cli.main import main

SMALLER = ("compress", "--method", "pca")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that one stands in, with a model of this program that has more in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("model/pairs", "pairs", "embedded"):
        Path(name).mkdir(parents=True)
    Path("link").symlink_to("model")
    Path("model/xlrec.json").write_text("{}")
    Path("model/general.tsv").write_text("en\tde\n")
    return tmp_path


def called(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("finetune", "pairs", "--model", "model"), "model is what the command reads and is not"),
        (("finetune", "pairs", "--model", "link"), "model is what the command reads and is not"),
        (("finetune", "model/pairs"), "model holds model/pairs, which the command reads"),
        (("distill", "pairs", "--teacher", "model"), "model is what the command reads and is not"),
        (("adapt", "pairs", "--general", "model/general.tsv"), "model holds model/general.tsv, "),
        ((*SMALLER, "pairs", "--model", "model"), "model is what the command reads and is not"),
        ((*SMALLER, "model/pairs"), "model holds model/pairs, which the command reads"),
    ],
)
def test_what_is_read_is_not_replaced(folder: Path, command: tuple[str, ...], message: str) -> None:
    done = called(*command, "--output", "model")
    assert done.exit_code == 2, done.output
    assert message in done.output.replace("\n", " ")
    assert (folder / "model" / "general.tsv").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [("finetune",), SMALLER])
def test_the_embedded_model_is_no_folder(command: tuple[str, ...]) -> None:
    done = called(*command, "pairs", "--output", "embedded")
    assert "cannot read pairs/" in done.output.replace("\n", " ")  # it has come further
