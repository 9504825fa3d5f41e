"""`xlrec-ingest pairs`, as far as it comes without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pairs.part"], "pairs.part is what the command reads and is not replaced"),
        (["clicks.tsv"], "likes.parquet is there and was not written by xlrec-ingest pairs"),
        (
            ["clicks.tsv", "--query-clicks", "likes.parquet"],
            "likes.parquet is what the command reads and is not replaced",
        ),
    ],
)
def test_no_file_of_something_else_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pairs.part", "clicks.tsv", "likes.parquet"):
        Path(name).write_text("of great value")
    command = ["pairs", *arguments, "-o", ".", "-i", "shop", "--url", "http://127.0.0.1:1"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2, done.output
    assert message in done.output.replace("\n", " ")
    assert {path.read_text() for path in tmp_path.iterdir()} == {"of great value"}
