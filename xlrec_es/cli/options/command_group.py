"""The group of a program's commands: each is imported when it is called."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from xlrec_es.cli.options.config_file import ConfigFile
from xlrec_es.cli.options.old_names import current_command
from xlrec_es.cli.options.terminal import echo
from xlrec_es.errors import XlrecError
from xlrec_es.visible_text import visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


_OFF = ("", "0", "false", "no", "off")  # values of XLREC_DEBUG


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and what is said of it before it is imported.

    Attributes:
        target: Module and attribute, with a colon between.
        summary: The first sentence of its help.
    """

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


class XlrecGroup(click.Group):
    """A group of commands that imports each when it is called, and ends errors as one sentence.

    Without a command it prints its help, on standard output. `help COMMAND` is `COMMAND --help`.

    Help and completion show summaries, and import nothing: commands need libraries that take a
    second. Every `XlrecError` ends in one sentence and an exit code, since people need not see a
    traceback of what they can mend themselves. `XLREC_DEBUG=1` shows it in place of the sentence.

    Args:
        lazy: The commands by name, in sections by their headings.
        renamed: What commands are called now, by names they had before; `old_names` tells more.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own
        lazy: Mapping[str, Mapping[str, LazyCommand]] | None = None,
        renamed: Mapping[str, str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.renamed = dict(renamed or {})
        self.sections = dict(lazy or {})
        self.lazy = {n: one for some in self.sections.values() for n, one in some.items()}
        # Stand-ins: click lists what is here, and looks for names that are like a mistyped one.
        for name, command in self.lazy.items():
            self.add_command(click.Command(name, help=command.summary))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported."""
        if cmd_name in self.lazy:
            return self.lazy[cmd_name].load()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without importing them."""
        width = max(map(len, self.lazy), default=0)
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                rows = [(name.ljust(width), one.summary) for name, one in commands.items()]
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help where nothing is asked, for `xlrec-es | less`."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)  # noqa: TID251 - text of our own
            ctx.exit()
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands and options that begin so, without importing any."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(n, help=self.commands[n].get_short_help_str()) for n in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, and give it its defaults of `--config`."""
        args = current_command(ctx, args, self.renamed)
        name, command, rest = super().resolve_command(ctx, args)
        config = ctx.find_object(ConfigFile)
        if config is not None and name is not None and command is not None:
            config.check_tables({*self.commands, *self.renamed})
            ctx.default_map = {name: config.defaults(name, command, self.renamed)}
        return name, command, rest

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401
        """Read the options, among them `--config`."""
        with _one_sentence():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command."""
        with _one_sentence(), _interrupted_by_signals():
            return super().invoke(ctx)


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP break a command off as Ctrl-C does: what it began is put right."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:  # under nohup one is ignored
                before[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class _Failure(click.ClickException):
    """An `XlrecError` as the terminal shows it."""

    def __init__(self, error: XlrecError) -> None:
        super().__init__(visible(str(error)))
        self.error = error
        self.exit_code = error.exit_code  # type: ignore[misc] # click has it on the class

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the sentence, or the traceback where `XLREC_DEBUG` asks for it."""
        if os.environ.get("XLREC_DEBUG", "0").lower() in _OFF:
            super().show(file)
        else:
            echo("".join(traceback.format_exception(self.error)), err=True, nl=False)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except XlrecError as error:
        raise _Failure(error) from error
