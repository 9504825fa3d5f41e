"""`xlrec-es evaluate`, as far as it comes without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xlrec_es.cli.main import main


@pytest.mark.parametrize("output", ["likes.tsv", "link.tsv", "key.txt", "xlrec.toml"])
def test_the_training_part_does_not_replace_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("likes.tsv").write_text("user\titem\nann\t1\n")
    Path("link.tsv").symlink_to("likes.tsv")
    Path("key.txt").write_text("s3cret\n")
    Path("xlrec.toml").write_text("[connection]\n")
    before = Path(output).read_bytes()
    connection = ["--url", "http://127.0.0.1:1", "--api-key-file", "key.txt"]
    command = ["evaluate", "likes.tsv", "-i", "shop", "--write-training", output]
    done = CliRunner().invoke(main, ["--config", "xlrec.toml", *command, *connection])
    assert done.exit_code == 2, done.output
    assert f"{output} is what the command reads and is not replaced" in done.output
    assert "--write-training" in done.output
    assert Path(output).read_bytes() == before
