"""The TOML file with defaults of options."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import ConfigFile, config_option
from xlrec_es.cli.options.shared import connection_options
from xlrec_es.cluster.connection import Connection

CONFIG = """
[connection]
url = "https://shared"

[show]
how-many = 2

[group.inner]
how_many = 3

[fields]
title = "name"
"""

options = (
    click.option("--url", default="none"),
    click.option("--how-many", default=1),
    click.option("--tag", "tags", multiple=True),
)


def command(name: str) -> click.Command:
    @click.command(name)
    @click.pass_context
    def told(ctx: click.Context, url: str, how_many: int, tags: tuple[str, ...]) -> None:
        assert not tags
        click.echo(f"{url} {how_many} {(ctx.default_map or {}).get('fields')}")

    for option in options:
        option(told)
    return told


show, other = command("show"), command("other")
group = click.Group("group", [command("inner"), command("outer")])
COMMANDS = ("show", "other", "group")


@click.group(
    cls=XlrecGroup,
    lazy={"Try": {name: LazyCommand(f"{__name__}:{name}", "It.") for name in COMMANDS}},
)
@config_option
def tool() -> None:
    pass


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "xlrec.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("show", "https://shared 2"),
        ("show --how-many 5", "https://shared 5"),
        ("other", "https://shared 1"),
        ("group inner", "https://shared 3"),
        ("group outer", "https://shared 1"),
    ],
)
def test_a_command_has_its_own_table_and_the_shared_one(
    config: Path, arguments: str, expected: str
) -> None:
    done = CliRunner().invoke(tool, ["--config", str(config), *arguments.split()])
    assert done.output == f"{expected} {{'title': 'name'}}\n", done.exception


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[show]\nhow_mani = 2", "[show] of the TOML file has no option 'how_mani'; did you mean"),
        ("[show]\nwhatever = 2", "[show] of the TOML file has no option 'whatever'"),
        ("[group.inner]\nhow-mani = 2", "[inner] of the TOML file has no option 'how-mani'"),
    ],
)
def test_a_key_that_nothing_reads_is_named(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    for name in ("show", "group outer"):
        done = CliRunner().invoke(tool, ["--config", str(config), *name.split()])
        mine = text.startswith(f"[{name.partition(' ')[0]}")
        assert (message in done.output, done.exit_code) == ((True, 2) if mine else (False, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[connection]\nurll = 'x'", "[connection] of the TOML file has no option 'urll'; did you"),
        ("[show]\nhow-many = [1, 2]", "[show] of the TOML file: how-many is [1, 2]; write one"),
        ("[show]\nhow-many = 2026-01-01", "how-many is datetime.date(2026, 1, 1); write one"),
        ("[show]\nhow-many = {a = 1}", "how-many is {'a': 1}; write one text or number"),
        ("[shoow]\nhow-many = 1", "a table [shoow], which nothing reads; did you mean [show]?"),
        ("[show]\ntag = [[1]]", "[show] of the TOML file: tag is [[1]]; write a list of texts"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    done = CliRunner().invoke(tool, ["--config", str(config), "show"])
    assert (message in done.output, done.exit_code) == (True, 2), done.output


def test_a_connection_has_its_options_by_their_own_names() -> None:
    @click.command()
    @connection_options
    @click.option("--index", "indices", multiple=True)
    @click.option("--history", "history_file")
    def told(connection: Connection, indices: tuple[str, ...], history_file: str) -> None:
        pass

    history = {"index": "events"}  # a table, not the option of that name
    shared = {"ca-certs": "here", "timeout": 5, "api-key-file": "key", "index": "shop"}
    file = ConfigFile({"connection": shared}, {**shared, "history": history}, Path("xlrec.toml"))
    assert file.defaults("told", told, {}) == {
        "ca_certs": "here",
        "timeout_s": 5,
        "api_key_file": "key",
        "indices": ["shop"],
        "history": history,
    }


def test_the_variable_names_the_file_too(config: Path) -> None:
    done = CliRunner().invoke(tool, ["show"], env={"XLREC_CONFIG": str(config)})
    assert done.output.startswith("https://shared 2")


def test_without_a_file_the_options_own_defaults_hold() -> None:
    assert CliRunner().invoke(tool, ["show"]).output == "none 1 None\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [("url = 1", "url stands outside of a table"), ("[connection", "cannot read")],
)
def test_a_file_that_is_wrong_ends_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    done = CliRunner().invoke(tool, ["--config", str(path), "show"])
    assert done.exit_code == 2
    assert message in done.output
