"""`xlrec-es report`, given what is no evaluation."""

from __future__ import annotations

from pathlib import Path

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
