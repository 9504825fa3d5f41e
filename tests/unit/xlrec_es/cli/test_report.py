"""`xlrec-es report`, given what is no evaluation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from hostile_json import nested
from xlrec_es.cli.main import main


@pytest.mark.parametrize("content", [b"{", b"\xff\x00", nested(1200).encode(), b"1" * 5000])
def test_an_evaluation_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evaluation.json"
    path.write_bytes(content)
    done = CliRunner().invoke(main, ["report", str(path), "-o", str(tmp_path / "report.html")])
    assert done.exit_code == 2
    assert f"{path} is " in done.output.replace("\n", "")


@pytest.mark.parametrize("output", ["evaluation.json", "link.json", "xlrec.toml"])
def test_the_evaluation_and_the_configuration_are_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evaluation.json").write_text("{}")
    Path("link.json").symlink_to("evaluation.json")
    Path("xlrec.toml").write_text("[report]\n")
    command = ["--config", "xlrec.toml", "report", "evaluation.json", "-o", output]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert f"{output} is what the command reads and is not replaced" in done.output
    assert Path("evaluation.json").read_text() == "{}"
    assert Path("xlrec.toml").read_text() == "[report]\n"


def test_a_chart_does_not_replace_the_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    charts = [SimpleNamespace(name=name, chart=None) for name in ("first", "recall")]
    monkeypatch.setattr("xlrec_es.report.figures.figures", lambda *_: charts)
    content = '{"pools": {"cross": {}}}'
    Path("recall.svg").write_text(content)
    done = CliRunner().invoke(main, ["report", "recall.svg", "--figures", "."])
    assert done.exit_code == 2
    assert "recall.svg is what the command reads and is not replaced" in done.output
    assert "--figures" in done.output
    assert Path("recall.svg").read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["recall.svg"]
