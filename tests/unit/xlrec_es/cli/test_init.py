"""`xlrec-es init`: it overwrites nothing, writes no secret, and says what comes next."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xlrec_es.cli.main import main
from xlrec_es.cli.options.config_file import ConfigFile


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that it is called in, with a catalog."""
    monkeypatch.chdir(tmp_path)
    records = [{"sku": n, "lang": tag, "name": f"A {n}"} for n, tag in ((7, "de"), (8, "en"))]
    Path("my items.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    Path("log.tsv").write_text("user\titem\tevent\nann\t7\tpurchase\nann\t8\tpeeked\n")
    return tmp_path


def called(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments], env=variables)


def test_it_shows_two_records_and_the_commands_that_come_next(init: Path) -> None:
    done = called("my items.jsonl", "--interactions", "log.tsv")
    assert done.exit_code == 0, done.output
    assert "Record 7\n  language de\n    title 'A 7'" in done.stdout
    assert "Record 8" in done.stdout
    assert "peeked               rows: 1, unknown" in done.stdout
    assert done.stdout.splitlines()[-4:] == [
        "  export XLREC_CONFIG=xlrec.toml",
        "  xlrec-ingest run 'my items.jsonl'",
        "  xlrec-ingest learn log.tsv",
        "  xlrec-es recommend 7",
    ]
    tables = ConfigFile.read(init / "xlrec.toml").tables
    assert tables["fields"] == {"id": "sku", "language": "lang", "title": "name"}
    assert tables["connection"]["index"] == "my-items"
    assert tables["learn"] == {"event": ["purchase=5"]}


def test_a_file_is_replaced_only_when_that_is_said(init: Path) -> None:
    path = init / "xlrec.toml"
    path.write_text("mine")
    refused = called("my items.jsonl")
    assert refused.exit_code == 2
    assert "xlrec.toml exists; give --overwrite" in refused.output
    assert path.read_text() == "mine"
    assert called("my items.jsonl", "--output", "other.toml").exit_code == 0
    assert called("my items.jsonl", "--overwrite").exit_code == 0
    assert "[fields]" in path.read_text()


def test_no_secret_is_written(init: Path) -> None:
    Path("key.txt").write_text("s3cret-key\n")
    assert called("my items.jsonl", XLREC_API_KEY="s3cret").exit_code == 0
    assert "s3cret" not in Path("xlrec.toml").read_text()
    variables = {"XLREC_USERNAME": "ann", "XLREC_PASSWORD": "s3cret"}
    assert called("--output", "2.toml", "--preset", "news", **variables).exit_code == 0
    text = Path("2.toml").read_text()
    assert "s3cret" not in text
    assert tomllib.loads(text)["connection"]["username"] == "ann"
    assert called("--output", "3.toml", "--api-key-file", "key.txt").exit_code == 0
    text = Path("3.toml").read_text()
    assert "s3cret" not in text
    assert tomllib.loads(text)["connection"]["api_key_file"] == "key.txt"
    refused = called("--output", "4.toml", "--url", "https://ann:s3cret@search.example")
    assert refused.exit_code == 2
    assert not Path("4.toml").exists()


@pytest.mark.parametrize("name", ["none.jsonl", "empty.jsonl"])
def test_a_catalog_that_is_none_ends_in_a_sentence(init: Path, name: str) -> None:
    Path("empty.jsonl").touch()
    done = called(name)
    assert done.exit_code == 2
    assert name in done.output
    assert not (init / "xlrec.toml").exists()


@pytest.mark.parametrize("output", ["my items.jsonl", "link", "log.tsv", "key.txt"])
def test_what_it_looks_at_is_not_replaced(init: Path, output: str) -> None:
    Path("key.txt").write_text("s3cret\n")
    Path("link").symlink_to("my items.jsonl")
    before = Path(output).read_bytes()
    options = ("--interactions", "log.tsv", "--api-key-file", "key.txt", "--output", output)
    for more in ((), ("--overwrite",)):
        done = called("my items.jsonl", *options, *more)
        assert done.exit_code == 2
        assert f"{output} is what the command reads and is not replaced" in done.output
        assert Path(output).read_bytes() == before
    assert not (init / "xlrec.toml").exists()


@pytest.mark.usefixtures("init")
def test_the_configuration_that_is_read_may_be_made_anew() -> None:
    Path("xlrec.toml").write_text("[connection]\n")
    done = called("my items.jsonl", "--overwrite", XLREC_CONFIG="xlrec.toml")
    assert done.exit_code == 0, done.output
    assert "[fields]" in Path("xlrec.toml").read_text()
