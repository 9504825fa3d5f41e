"""The references of both command lines: a document each, with every `--help`.

`python3 tests/environment.py python tests/cli_reference.py` writes them, and
tests/unit/project/test_cli_reference.py fails where they are behind.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import ingest.cli.main
import xlrec_es.cli.main
from xlrec_es.cli.options.shared import connection_options

ROOT = Path(__file__).parents[1]
PROGRAMS: dict[str, click.Command] = {
    "xlrec-es": xlrec_es.cli.main.main,
    "xlrec-ingest": ingest.cli.main.main,
}
DOCUMENTS = {
    "xlrec-es": ROOT / "xlrec_es" / "CLI.md",
    "xlrec-ingest": ROOT / "ingest" / "CLI.md",
}
GUIDES = {
    "xlrec-es": "The guides are [Serve recommendations](README.md), "
    "[Evaluation](EVALUATION.md) and [Operations](OPERATIONS.md); "
    "the worker has [its own reference](../ingest/CLI.md).",
    "xlrec-ingest": "The guides are [Ingest a catalog](README.md), "
    "[Interactions](INTERACTIONS.md) and [Fine-tuning](FINETUNING.md); the query side has "
    "[its own reference](../xlrec_es/CLI.md).",
}
CONNECTION = "Connection options"


def commands() -> Iterator[click.Context]:
    """A context for each command of both programs, groups before their commands."""
    for name in PROGRAMS:
        yield from commands_of(name)


def commands_of(program: str) -> Iterator[click.Context]:
    """A context for the program itself and for each of its commands."""
    yield from _walk(_context(program, PROGRAMS[program], None))


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            if not command.hidden:
                yield from _walk(_context(name, command, context))


def _context(name: str, command: click.Command, parent: click.Context | None) -> click.Context:
    # The width is given, as the terminal's would change the text.
    return click.Context(
        command, parent, info_name=name, terminal_width=88, **command.context_settings
    )


def examples(command: click.Command) -> list[str]:
    """The command lines of a help text's block of examples."""
    _, _, rest = (command.help or "").partition("Examples:\n")
    return [line.strip() for line in rest.partition("\n\n")[0].strip().splitlines()]


def parse(line: str, *, whole: bool = True) -> list[str]:
    """Read a command line as its program would, and run nothing.

    Args:
        line: From the program's name on; comments and what stands behind `>` do not count.
        whole: Whether it has all that the command needs, and no METHOD in place of a value.

    Returns:
        The names that lead to the command, the program's first; none of another program.

    Raises:
        click.UsageError: There is no such command, option or value, or one is missing.
    """
    words = shlex.split(line, comments=True)
    name, *rest = words[: words.index(">")] if ">" in words else words
    if name not in PROGRAMS:
        return []
    context, path = _context(name, PROGRAMS[name], None), [name]
    while isinstance(context.command, click.Group) and rest and not rest[0].startswith("-"):
        found, inner, rest = context.command.resolve_command(context, rest)
        assert inner is not None
        context = _context(found or "", inner, context)
        path.append(context.info_name or "")
    values, _, _ = context.command.make_parser(context).parse_args(list(rest))
    if whole:
        _check_values(context, values)
    return path


def _check_values(context: click.Context, values: Mapping[str, Any]) -> None:
    """Refuse what is missing, and values that an option does not take; no file is opened."""
    for parameter in context.command.params:
        given = values.get(parameter.name or "")
        if isinstance(given, (str, list, tuple)) and given:
            if not isinstance(parameter.type, (click.Path, click.File)):
                parameter.type_cast_value(context, given)
        elif parameter.required and not parameter.envvar:
            raise click.MissingParameter(ctx=context, param=parameter)


@click.command(add_help_option=False)
@connection_options
def _connecting() -> None:
    pass


def _shared(command: click.Command) -> list[click.Parameter]:
    """The options of a connection, where the command has all of them as they are everywhere."""
    everywhere = [option.to_info_dict() for option in _connecting.params]
    own = [option for option in command.params if option.to_info_dict() in everywhere]
    return own if len(own) == len(everywhere) else []


def _section(context: click.Context) -> str:
    """One command: its help without the options of a connection, which stand once."""
    shared = _shared(context.command)
    command = copy.copy(context.command)
    command.params = [option for option in command.params if option not in shared]
    shown = _context(context.info_name or "", command, context.parent)
    parts = [f"## `{context.command_path}`", f"```text\n{shown.get_help()}\n```"]
    if shared:
        parts.append(f"Also: [{CONNECTION.lower()}](#{_anchor(CONNECTION)}).")
    return "\n\n".join(parts)


def _connection_section() -> str:
    formatter = click.HelpFormatter(width=88)
    formatter.write_dl(
        [
            record
            for option in _connecting.params
            if (record := option.get_help_record(_context("", _connecting, None)))
        ]
    )
    return (
        f"## {CONNECTION}\n\nEvery command that talks to Elasticsearch has these options.\n\n"
        f"```text\n{formatter.getvalue().rstrip()}\n```"
    )


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def render(program: str) -> str:
    """The whole document of a program, as Markdown."""
    contexts = list(commands_of(program))
    contents = [f"- [`{c.command_path}`](#{_anchor(c.command_path)})" for c in contexts]
    parts = [
        f"# `{program}`: command line reference",
        "<!-- Written by tests/cli_reference.py from `--help`; do not edit. -->",
        f"For looking up: every command and option of `{program}`. {GUIDES[program]}",
        "\n".join([*contents, f"- [{CONNECTION}](#{_anchor(CONNECTION)})"]),
        *map(_section, contexts),
        _connection_section(),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for name, document in DOCUMENTS.items():
        document.write_text(render(name), "utf-8")
