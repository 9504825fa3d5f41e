"""`xlrec-es report`, given what is no evaluation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from hostile_json import nested
from xlrec_es.cli.main import main
from xlrec_es.report.html_page import page

VEGA = '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" class="marks" width="9"></svg>'
PNG = b"\x89PNG\r\n\x1a\n\x00"


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
    monkeypatch.setattr("xlrec_es.report.evaluation_page.render", lambda _: "")
    content = '{"pools": {"cross": {}}}'
    Path("recall.svg").write_text(content)
    done = CliRunner().invoke(main, ["report", "recall.svg", "--figures", "."])
    assert done.exit_code == 2
    assert "recall.svg is what the command reads and is not replaced" in done.output
    assert "--figures" in done.output
    assert Path("recall.svg").read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["recall.svg"]


def test_what_is_no_evaluation_is_refused_with_charts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("items.json").write_text("{}")
    done = CliRunner().invoke(main, ["report", "items.json", "--figures", "slides"])
    assert done.exit_code == 2
    assert "this is not the JSON of an evaluation" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["items.json"]


def test_what_others_made_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    charts = [SimpleNamespace(name="recall", chart=None)]
    monkeypatch.setattr("xlrec_es.report.figures.figures", lambda *_: charts)
    monkeypatch.setattr("xlrec_es.report.evaluation_page.render", lambda _: page("Shop", ""))
    monkeypatch.setattr("xlrec_es.report.charts.as_svg", lambda _: VEGA)
    monkeypatch.setattr("xlrec_es.report.charts.as_png", lambda _: PNG)
    Path("evaluation.json").write_text('{"pools": {"cross": {}}}')
    others = {"index.html": "<!doctype html>\n<html>", "recall.svg": "<svg/>", "recall.png": "GIF"}
    for name, content in others.items():
        Path(name).write_text(content)

    def report(*more: str) -> Result:
        return CliRunner().invoke(main, ["report", "evaluation.json", *more])

    done = report("-o", "index.html")
    assert done.exit_code == 2
    assert "index.html is there and is no page of xlrec-es report" in done.output
    for kind in ("svg", "png"):
        done = report("--figures", ".", "--format", kind)
        assert done.exit_code == 2
        assert f"recall.{kind} is there and is no chart of xlrec-es report" in done.output
        for _ in "12":  # the second time, in the place of the first
            assert report("--figures", "slides", "--format", kind).exit_code == 0
    assert {name: Path(name).read_text() for name in others} == others
    assert Path("report.html").read_text() == page("Shop", "")


@pytest.mark.parametrize("output", ["none/report.html", "evaluation.json/report.html"])
def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evaluation.json").write_text("{}")
    done = CliRunner().invoke(main, ["report", "evaluation.json", "-o", output])
    assert done.exit_code == 2
    assert f"there is no folder {Path(output).parent}; make it first" in done.output
