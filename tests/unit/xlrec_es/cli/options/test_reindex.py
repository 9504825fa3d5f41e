"""What the options of a reindex say of the new version."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hostile_json import nested
from xlrec_es.cli.options.reindex import How, reindex_options
from xlrec_es.errors import ConfigError


@click.command()
@reindex_options(overlap=0.5)
def command(how: How) -> None:
    click.echo(how.changes)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        nested(1200).encode(),
        b"1" * 5000,
        b"[]",
        b'{"more": {}}',
        b'{"settings": []}',
        b'{"mappings": 1}',
        b'{"settings": {"index": []}}',
    ],
)
def test_changes_of_an_index_that_are_none_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "changes.json"
    path.write_bytes(content)
    done = CliRunner().invoke(command, ["--changes", str(path), "--shards", "2"])
    assert isinstance(done.exception, ConfigError)


def test_changes_of_an_index_are_read(tmp_path: Path) -> None:
    path = tmp_path / "changes.json"
    path.write_bytes(b'{"settings": {"index": {"codec": "best_compression"}}}')
    done = CliRunner().invoke(command, ["--changes", str(path), "--shards", "2"])
    index = {"codec": "best_compression", "number_of_shards": 2}
    assert done.output == f"{ {'settings': {'index': index}} }\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--quantization", "none", "--oversample", "3"],
        ["--vector-index", "flat", "--hnsw-m", "16"],
        ["--vector-index", "flat", "--ef-construction", "50"],
    ],
)
def test_an_option_without_effect_is_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(command, arguments)
    assert isinstance(done.exception, ConfigError)
    assert arguments[2] in str(done.exception)
