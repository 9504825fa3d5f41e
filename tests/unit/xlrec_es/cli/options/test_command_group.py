"""A group that knows its commands before it imports them."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.errors import GateFailed, UnknownItems, UsageError

# Whoever imports one of them fails.
NOWHERE = {
    "swim": LazyCommand("no.such.module:swim", "Swim to the other side."),
    "swap": LazyCommand("no.such.module:swap", "Swap this for that."),
    "walk": LazyCommand("no.such.module:walk", "Walk around."),
}


def group(**lazy: LazyCommand) -> XlrecGroup:
    return XlrecGroup("tool", lazy={"Move": lazy}, callback=lambda: None)


@click.command()
@click.argument("word")
def echo(word: str) -> None:
    """Say it again. Twice is too often."""
    click.echo(word)


@click.command()
def misuse() -> None:
    raise UsageError("that cannot be")


@click.command()
def fail() -> None:
    raise UnknownItems("there is no such thing as \x1b[2J")


@click.command()
def refuse() -> None:
    raise GateFailed("there is no such thing as a new version")


@pytest.mark.parametrize(("command", "code"), [(misuse, 2), (fail, 1), (refuse, 4)])
def test_debugging_shows_the_traceback_and_ends_with_the_same_code(
    command: click.Command, code: int
) -> None:
    tool = group()
    tool.add_command(command)
    for value, shown in (("1", True), ("0", False), ("", False)):
        done = CliRunner().invoke(tool, [str(command.name)], env={"XLREC_DEBUG": value})
        assert done.exit_code == code
        assert ("Traceback" in done.stderr) is shown
        assert ("in invoke" in done.stderr) is shown
        assert "\x1b" not in done.stderr
        assert "that cannot be" in done.stderr or "there is no such thing" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], [], ["help"]])
def test_help_lists_commands_without_importing_them(arguments: list[str]) -> None:
    tool = XlrecGroup(
        "tool",
        lazy={
            "Move": {name: NOWHERE[name] for name in ("walk", "swim")},
            "Trade": {"swap": NOWHERE["swap"]},
        },
    )
    done = CliRunner().invoke(tool, arguments)
    assert done.exit_code == 0
    assert done.stdout.endswith(
        "Move:\n"
        "  walk  Walk around.\n"
        "  swim  Swim to the other side.\n"
        "\n"
        "Trade:\n"
        "  swap  Swap this for that.\n"
    )


def test_help_of_a_command_is_its_help() -> None:
    tool = group(echo=LazyCommand(f"{__name__}:echo", "Say it again."))
    shown = CliRunner().invoke(tool, ["help", "echo"]).output
    assert "Twice is too often" in shown
    assert CliRunner().invoke(tool, ["echo", "--help"]).output == shown


def test_a_mistyped_name_is_told_without_importing_a_command() -> None:
    done = CliRunner().invoke(group(**NOWHERE), ["swin"])
    assert done.exit_code == 2
    assert "No such command 'swin'" in done.output
    assert "Did you mean" in done.output
    assert "'swim'" in done.output


def test_completion_imports_no_command() -> None:
    complete = ShellComplete(group(**NOWHERE), {}, "tool", "_TOOL_COMPLETE")
    found = [(item.value, item.help) for item in complete.get_completions([], "sw")]
    assert found == [("swap", "Swap this for that."), ("swim", "Swim to the other side.")]
    assert [item.value for item in complete.get_completions([], "--")] == ["--help"]


def test_the_command_that_is_called_is_imported_and_no_other() -> None:
    tool = group(**NOWHERE, echo=LazyCommand(f"{__name__}:echo", "Say it again."))
    done = CliRunner().invoke(tool, ["echo", "hello"])
    assert done.output == "hello\n", done.exception
    assert "Twice is too often" in CliRunner().invoke(tool, ["echo", "--help"]).output


@pytest.mark.parametrize(("name", "code"), [("misuse", 2), ("fail", 1)])
def test_an_error_of_ours_is_one_sentence_and_an_exit_code(name: str, code: int) -> None:
    tool = group(**{name: LazyCommand(f"{__name__}:{name}", "It cannot.")})
    done = CliRunner().invoke(tool, [name])
    assert done.exit_code == code
    assert done.output.count("\n") == 1
    assert done.output.startswith("Error: th")
    assert "\\u001b[2J" in done.output or name != "fail", "it does not speak to the terminal"
