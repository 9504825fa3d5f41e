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


@pytest.mark.parametrize(
    "content",
    ["user\titem\nann\t1\n", "user\titem\tweight\ttime\nann\t1\t2\t\n", "user\titem\tweight\r\n"],
)
def test_another_log_is_not_replaced(tmp_path: Path, content: str) -> None:
    likes, other = tmp_path / "likes.tsv", tmp_path / "purchases.tsv"
    likes.write_text("user\titem\nann\t1\n")
    other.write_bytes(content.encode())
    command = ["evaluate", str(likes), "-i", "shop", "--url", "http://127.0.0.1:1"]
    done = CliRunner().invoke(main, [*command, "--write-training", str(other)])
    assert done.exit_code == 2, done.output
    assert "is no file that --write-training wrote" in done.output.replace("\n", " ")
    assert other.read_bytes() == content.encode()


def test_an_earlier_training_part_and_an_empty_file_may_be_replaced(tmp_path: Path) -> None:
    likes, training = tmp_path / "likes.tsv", tmp_path / "training.tsv"
    likes.write_text("user\tfilm\nann\t1\n")
    command = ["evaluate", str(likes), "-i", "shop", "--url", "http://127.0.0.1:1"]
    for content in (b"", b"user\tfilm\tweight\ttime\r\nann\t1\t2\t\r\n"):
        training.write_bytes(content)
        options = ["--write-training", str(training), "--field", "item=film"]
        done = CliRunner().invoke(main, [*command, *options])
        assert done.exit_code == 1, done.output  # nothing answers at that port
        assert "is there and is no" not in done.output
        assert training.read_bytes() == content
