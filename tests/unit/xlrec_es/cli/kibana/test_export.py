"""`xlrec-es kibana export`, given what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xlrec_es.cli.main import main


def test_a_template_without_a_place_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "shop.ndjson"
    command = ["kibana", "export", "-i", "shop", "--link", "sku=https://x", "-o", str(file)]
    done = CliRunner().invoke(main, [*command, "--url", "http://127.0.0.1:9"])
    assert done.exit_code == 2
    assert "write sku=https://shop.example/items/{{value}}" in done.output.replace("\n", " ")
    assert not file.exists()


def test_the_configuration_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xlrec.toml").write_text("[kibana]\n")
    command = ["--config", "xlrec.toml", "kibana", "export", "-i", "shop", "-o", "xlrec.toml"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert Path("xlrec.toml").read_text() == "[kibana]\n"
