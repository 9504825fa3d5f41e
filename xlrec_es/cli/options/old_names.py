"""Names that commands and options once had: they work until 1.0, and no help shows them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import click

from xlrec_es.cli.options.terminal import echo


class RenamedOption(click.Option):
    """An option that is still read under names it had before.

    Args:
        old: Those names, with their hyphens.
    """

    def __init__(self, *args: Any, old: Sequence[str] = (), **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.old = tuple(old)

    def add_to_parser(self, parser: click.parser._OptionParser, ctx: click.Context) -> None:
        """Read all names; help and completion look at `opts`, which has the present ones alone."""
        shown = self.opts
        self.opts = [*shown, *self.old]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown


renamed_option = functools.partial(click.option, cls=RenamedOption)
"""As `click.option`, with `old` names."""


def tell_old_options(ctx: click.Context, args: Sequence[str]) -> None:
    """Say on standard error what options are called now that were given by an old name."""
    if ctx.resilient_parsing:  # of a completion
        return
    now = {
        name: max(option.opts, key=len)
        for option in ctx.command.params
        if isinstance(option, RenamedOption)
        for name in option.old
    }
    words = itertools.takewhile(lambda word: word != "--", args)
    for name in dict.fromkeys(word.partition("=")[0] for word in words):
        if name in now:
            _tell(name, now[name])


def current_command(ctx: click.Context, args: list[str], renamed: Mapping[str, str]) -> list[str]:
    """The arguments of a program, with a command's present name in place of an old one.

    Args:
        ctx: Of the program.
        args: What follows its name.
        renamed: Present names by old ones; each may be of several words.
    """
    for old, new in renamed.items():
        words = old.split()
        if args[: len(words)] == words:
            if not ctx.resilient_parsing:
                program = ctx.find_root().info_name
                _tell(f"{program} {old}", f"{program} {new}")
            return [*new.split(), *args[len(words) :]]
    return args


def current_tables(tables: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The tables of a TOML file, with those of commands' old names under the present ones.

    Args:
        tables: By command; a group's holds those of its commands.
        renamed: As `current_command` has it.
    """
    found: dict[str, Any] = dict(tables)
    for old, new in renamed.items():
        entries = functools.reduce(_inner, old.split(), tables)
        own = functools.reduce(_inner, new.split(), tables)
        *groups, name = new.split()
        place = found
        for group in groups:
            place[group] = dict(_inner(place, group))
            place = place[group]
        place[name] = {**entries, **own}
    return found


def _inner(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entries = table.get(name, {})
    return entries if isinstance(entries, Mapping) else {}


def _tell(old: str, new: str) -> None:
    echo(f"Note: {old} is called {new} now; the old name works until 1.0.", err=True)
