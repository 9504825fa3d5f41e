"""Every command and option explains itself, and the references say the same."""

from __future__ import annotations

import re

import click
import pytest

import cli_reference


def _is_inner(command: click.Command) -> bool:
    """Whether it is a group within a program, whose commands have the examples."""
    return isinstance(command, click.Group) and command not in cli_reference.PROGRAMS.values()


COMMANDS = {context.command_path: context.command for context in cli_reference.commands()}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help(path: str) -> None:
    assert COMMANDS[path].help


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_help(path: str) -> None:
    options = [p for p in COMMANDS[path].params if isinstance(p, click.Option)]
    assert not [option.opts for option in options if not option.help and not option.hidden]


METAVARS = {
    *("URL", "KEY", "USER", "PASSWORD", "TOKEN", "SHA256", "HOST", "FILE", "FOLDER", "INDEX"),
    *("N", "NUMBER", "FRACTION", "COSINE", "RATING", "SECONDS", "DAYS", "SIZE", "I/N"),
    *("LANG", "MARKET", "MODEL", "STRING", "WORDS", "FIELD", "JSON", "VERSION"),
}


def test_no_help_page_shows_what_click_calls_a_value() -> None:
    calls = re.compile(r"\b(TEXT|RANGE|INTEGER|FLOAT|FILENAME|PATH|DIRECTORY)\b")
    found = {c.command_path: calls.findall(c.get_help()) for c in cli_reference.commands()}
    assert {path: words for path, words in found.items() if words} == {}


def test_a_kind_of_value_has_one_name_on_all_help_pages() -> None:
    shown = {
        option.make_metavar(context)
        for context in cli_reference.commands()
        for option in context.command.params
        if isinstance(option, click.Option) and not option.is_flag and not option.count
    }
    single = {name for name in shown if re.fullmatch(r"[A-Z0-9]+(/[A-Z]+)?", name)}
    assert single <= METAVARS


@pytest.mark.parametrize("path", COMMANDS)
def test_defaults_are_shown_by_click_alone(path: str) -> None:
    """Then they stand in one place, in one form, and beside what else click shows."""
    helps = [getattr(p, "help", None) or "" for p in COMMANDS[path].params]
    assert [text for text in helps if re.search(r"\[default|\bdefault:", text, re.I)] == []


@pytest.mark.parametrize("path", [p for p, one in COMMANDS.items() if not _is_inner(one)])
def test_every_command_has_examples_that_parse(path: str) -> None:
    examples = cli_reference.examples(COMMANDS[path])
    assert examples
    assert path in " ".join(examples)
    for example in examples:
        cli_reference.parse(example)


@pytest.mark.parametrize("program", cli_reference.PROGRAMS)
def test_the_reference_is_that_of_now(program: str) -> None:
    document = cli_reference.DOCUMENTS[program]
    assert document.read_text("utf-8") == cli_reference.render(program), (
        f"{document} is behind: run python3 tests/environment.py python tests/cli_reference.py"
    )


@pytest.mark.parametrize("path", COMMANDS)
def test_no_option_is_lost_in_the_reference(path: str) -> None:
    text = cli_reference.DOCUMENTS[path.split()[0]].read_text("utf-8")
    section = text.partition(f"## `{path}`\n")[2].partition("\n## ")[0]
    if "#connection-options" in section:
        section += text.partition("## Connection options")[2]
    options = [p for p in COMMANDS[path].params if isinstance(p, click.Option) and not p.hidden]
    assert [name for o in options for name in o.opts if name not in section] == []
