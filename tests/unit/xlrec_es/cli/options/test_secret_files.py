"""Keys and passwords from files and standard input."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from xlrec_es.cli.options.command_group import XlrecGroup
from xlrec_es.cli.options.config_file import config_option
from xlrec_es.cli.options.shared import connection_options
from xlrec_es.cluster.connection import Connection


@click.command()
@connection_options
def who(connection: Connection) -> None:
    click.echo(f"{connection.api_key} {connection.username} {connection.password}")


@click.group(cls=XlrecGroup)
@config_option
def tool() -> None:
    pass


tool.add_command(who)


def ask(*arguments: object, stdin: str | bytes = "", **variables: str) -> Result:
    return CliRunner().invoke(tool, [*map(str, arguments)], input=stdin, env=variables)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(b"from-file\r\nand more\n")
    return path


def test_the_first_line_of_a_file_is_the_secret(key_file: Path) -> None:
    assert ask("who", "--api-key-file", key_file).stdout == "from-file None None\n"
    found = ask("who", "--username", "ann", "--password-file", key_file)
    assert found.stdout == "None ann from-file\n"
    assert ask("who", XLREC_API_KEY_FILE=str(key_file)).stdout == "from-file None None\n"


@pytest.mark.parametrize(
    ("given", "other"),
    [("--api-key", "--api-key-file or XLREC_API_KEY"), ("--password", "--password-file or")],
)
def test_a_secret_on_the_command_line_is_warned_of(given: str, other: str) -> None:
    done = ask("who", "--username", "ann", given, "secret")
    assert done.stderr.startswith("Warning: other users of this machine can read " + given)
    assert other in done.stderr
    assert "secret" not in done.stderr


def test_a_secret_from_elsewhere_is_not_warned_of(key_file: Path) -> None:
    assert ask("who", XLREC_API_KEY="secret").stderr == ""
    assert ask("who", "--api-key-file", key_file).stderr == ""


def test_spaces_belong_to_a_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" two words \n")
    found = ask("who", "--password-file", tmp_path / "password", "--username", "ann")
    assert found.stdout == "None ann  two words \n"


def test_of_standard_input_one_line_is_read() -> None:
    @tool.command()
    @connection_options
    def rest(connection: Connection) -> None:
        click.echo(f"{connection.api_key} {sys.stdin.buffer.read()!r}")

    found = ask("rest", "--api-key-file", "-", stdin="key\nrecord\n")
    assert found.stdout == "key b'record\\n'\n"


def test_what_is_nearer_counts_more(key_file: Path, tmp_path: Path) -> None:
    config = tmp_path / "xlrec.toml"
    config.write_text('[connection]\napi_key = "toml"\n')
    file = ("--api-key-file", key_file)
    assert ask("who", *file, XLREC_API_KEY="variable").stdout == "from-file None None\n"
    assert ask("--config", config, "who", *file).stdout == "from-file None None\n"
    given = ask("who", "--api-key", "option", XLREC_API_KEY_FILE=str(key_file))
    assert given.stdout == "option None None\n"
    both = ask("who", *file, "--api-key", "option")
    assert (both.exit_code, "not both" in both.stderr) == (2, True)
    both = ask("who", XLREC_API_KEY="variable", XLREC_API_KEY_FILE=str(key_file))
    assert (both.exit_code, "not both" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"\nkey", "is empty"), (b"secre\xff", "not UTF-8")]
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_a_file_without_a_secret_is_named_and_not_shown(
    tmp_path: Path, content: bytes, reason: str, debug: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    found = ask("who", "--api-key-file", tmp_path / "key", XLREC_DEBUG=debug)
    assert (found.exit_code, found.stdout) == (2, "")
    assert reason in found.stderr
    assert str(tmp_path / "key") in found.stderr
    assert "secre\\" not in found.stderr
    found = ask("who", "--api-key-file", "-", stdin=content, XLREC_DEBUG=debug)
    assert (found.exit_code, "standard input" in found.stderr) == (2, True)
    assert "secre\\" not in found.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    found = ask("who", "--api-key-file", tmp_path / "key")
    assert (found.exit_code, "No such file" in found.stderr) == (2, True)
