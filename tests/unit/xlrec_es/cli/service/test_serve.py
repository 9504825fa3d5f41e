"""`xlrec-es serve` says what is wrong before it listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xlrec_es.cli.main import main


def called(*arguments: str) -> Result:
    given = ("serve", "-i", "shop", "--url", "http://127.0.0.1:1", "--port", "0", *arguments)
    return CliRunner().invoke(main, given)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_folder_that_holds_no_events(tmp_path: Path, workers: str) -> None:
    (tmp_path / "file").write_text("")
    spool = str(tmp_path / "file" / "spool")
    done = called("--events-index", "clicks", "--spool", spool, "--workers", workers)
    assert done.exit_code != 0
    assert "cannot keep events in" in str(done.output) + str(done.exception)


@pytest.mark.parametrize("text", ['{"arcade": "78"}', '{"arcade": 7}', "[1]", "{", "[" * 100_000])
def test_samples_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "samples.json"
    path.write_text(text)
    done = called("--samples", str(path))
    assert done.exit_code != 0
    assert f"cannot read {path}" in str(done.output) + str(done.exception)
