"""README's command line reference: every `--help`, between two markers.

`python3 tests/environment.py python tests/cli_reference.py` puts it there, and
tests/unit/project/test_cli_reference.py fails where it is behind.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

import ingest.cli.main
import xlrec_es.cli.main

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- cli:start -->", "<!-- cli:end -->"
PROGRAMS: dict[str, click.Command] = {
    "xlrec-es": xlrec_es.cli.main.main,
    "xlrec-ingest": ingest.cli.main.main,
}


def commands() -> Iterator[click.Context]:
    """A context for each command of both programs, groups before their commands."""
    for name, command in PROGRAMS.items():
        yield from _walk(_context(name, command, None))


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


def parse(line: str) -> None:
    """Read a command line as its program would, and run nothing.

    What another program is asked (`curl ...`) is passed over.

    Raises:
        click.UsageError: There is no such command, option or value.
    """
    name, *arguments = shlex.split(line.partition(" > ")[0])
    if name not in PROGRAMS:
        return
    context = _context(name, PROGRAMS[name], None)
    command = PROGRAMS[name]
    while isinstance(command, click.Group):
        found, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None
        context, command = _context(found or "", inner, context), inner
    command.make_parser(context).parse_args(arguments)


def render() -> str:
    """The reference as Markdown."""
    return "\n\n".join(
        f"### `{context.command_path}`\n\n```text\n{context.get_help()}\n```"
        for context in commands()
    )


def with_reference(readme: str) -> str:
    """README's text with the reference of now between the markers."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"README.md needs the markers {START} and {END}")
    return f"{before}{START}\n\n{render()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_reference(README.read_text("utf-8")), "utf-8")
