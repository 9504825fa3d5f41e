"""Commands and options answer to the names that they had before, and no help shows those."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import cli_reference
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import config_option
from xlrec_es.cli.options.old_names import renamed_option

RENAMED = [
    (program, old, new)
    for program, command in cli_reference.PROGRAMS.items()
    if isinstance(command, XlrecGroup)
    for old, new in command.renamed.items()
]


@sections.command()
@click.argument("words", nargs=-1)
@renamed_option("--no-history", "-n", old=("--cold", "--empty"), is_flag=True, help="Yes.")
@renamed_option("--include-field", old=("--source",), multiple=True, help="Which.")
def say(words: tuple[str, ...], no_history: bool, include_field: tuple[str, ...]) -> None:
    click.echo(f"{no_history} {','.join(include_field)} {' '.join(words)}")


@click.group(cls=sections.SectionedGroup)
def deep() -> None:
    """Hold a command."""


deep.add_command(say)


@click.group(
    cls=XlrecGroup,
    lazy={"Try": {name: LazyCommand(f"{__name__}:{name}", "It.") for name in ("say", "deep")}},
    renamed={"talk loud": "deep say", "tell": "say"},
)
@config_option
def tool() -> None:
    pass


def run(*arguments: str, config: Path | None = None) -> tuple[str, str]:
    before = [] if config is None else ["--config", str(config)]
    done = CliRunner().invoke(tool, [*before, *arguments], prog_name="tool")
    assert done.exit_code == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize(("program", "old", "new"), RENAMED)
def test_every_old_command_is_the_new_one(program: str, old: str, new: str) -> None:
    main = cli_reference.PROGRAMS[program]
    then, now = (
        CliRunner().invoke(main, [*name.split(), "--help"], prog_name=program)
        for name in (old, new)
    )
    assert now.stdout.startswith(f"Usage: {program} {new} ")
    assert (then.exit_code, then.stdout) == (0, now.stdout)
    assert then.stderr.startswith(f"Note: {program} {old} is called {program} {new} now;")
    assert now.stderr == ""


@pytest.mark.parametrize(("program", "old", "new"), RENAMED)
def test_no_help_and_no_document_shows_an_old_command(program: str, old: str, new: str) -> None:
    text = cli_reference.DOCUMENTS[program].read_text("utf-8")
    assert f"{program} {new}" in text
    assert f"{program} {old} " not in text.replace(f"{program} {new}", "")
    assert f"`{program} {old}`" not in text


def test_an_old_command_takes_all_that_follows_it() -> None:
    assert run("tell", "a", "b", "--no-history")[0] == "True  a b\n"
    assert run("talk", "loud", "tell")[0] == "False  tell\n"


def test_old_options_are_read_and_the_new_name_is_told_once() -> None:
    out, err = run("say", "--cold", "--source=x", "--source", "y", "--", "--empty")
    assert out == "True x,y --empty\n"
    assert err.splitlines() == [
        "Note: --cold is called --no-history now; the old name works until 1.0.",
        "Note: --source is called --include-field now; the old name works until 1.0.",
    ]
    assert run("say", "-n", "--include-field", "x") == ("True x \n", "")


def test_help_and_completion_show_present_names_alone() -> None:
    shown = run("say", "--help")[0] + run("--help")[0]
    assert "--no-history" in shown
    for old in ("--cold", "--empty", "--source", "tell", "talk"):
        assert old not in shown
    completion = ShellComplete(tool, {}, "tool", "_TOOL_COMPLETE")
    offered = [item.value for item in completion.get_completions(["tell"], "--")]
    assert {"--no-history", "--include-field"} <= {*offered}
    assert not {"--cold", "--source"} & {*offered}


def test_a_message_names_the_option_as_it_is_called_now() -> None:
    done = CliRunner().invoke(tool, ["say", "--source"])
    assert "Option '--source' requires an argument" in done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[say]\ncold = true", "True "),
        ("[say]\nno-history = true", "True "),
        ("[tell]\nempty = true\nsource = ['x']", "True x"),
        ("[tell]\nno_history = true\n[say]\nno_history = false", "False "),
    ],
)
def test_a_toml_file_may_use_either_name(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "xlrec.toml"
    path.write_text(text)
    assert run("say", config=path)[0] == f"{shown} \n"
    assert run("tell", config=path)[0] == f"{shown} \n"


def test_tables_of_commands_in_groups_may_have_either_name(tmp_path: Path) -> None:
    path = tmp_path / "xlrec.toml"
    path.write_text("[talk.loud]\ncold = true\nsource = ['x']\n[deep.say]\ncold = false")
    assert run("deep", "say", config=path)[0] == "False x \n"
    assert run("say", config=path)[0] == "False  \n"
