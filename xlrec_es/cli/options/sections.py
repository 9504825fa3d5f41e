"""Help pages in sections: what a command is asked first, and its connection last."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from xlrec_es.cli.options.old_names import RenamedOption, tell_old_options

F = TypeVar("F", bound=Callable[..., Any])

RANKING, ENCODER, CONNECTION = "Ranking", "Encoder", "Connection"
_INDEX, _VARIABLE = "INDEX", "XLREC_INDEX"
"""By which a parameter is known to be the name of an index."""
_ORDER = ("Options", RANKING, ENCODER, CONNECTION)


class SectionOption(RenamedOption):
    """An option that stands in a section of its own on a help page.

    Args:
        section: Its heading, one of those above.
    """

    def __init__(self, *args: Any, section: str, **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose options stand in sections."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, under old names too."""
        tell_old_options(ctx, args)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            _refuse_empty_names(ctx, self.params)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them: the command's own first, for they are what people look for."""
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in _ORDER}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):
                rows[getattr(option, "section", "Options")].append(record)
        for heading, some in rows.items():
            if some:
                with formatter.section(heading):
                    formatter.write_dl(some)


def _refuse_empty_names(ctx: click.Context, params: Iterable[click.Parameter]) -> None:
    """Refuse an index without a name: Elasticsearch would take it for all of them.

    Raises:
        BadParameter: In place of that.
    """
    for param in params:
        names_an_index = param.metavar == _INDEX or param.envvar == _VARIABLE
        given = ctx.params.get(param.name or "") if names_an_index else None
        if any(not name.strip() for name in ((given,) if isinstance(given, str) else given or ())):
            raise click.BadParameter(
                "the name of an index is empty; is a variable of the shell not set?", ctx, param
            )


class SectionedGroup(click.Group):
    """A group of such commands."""

    command_class = SectionedCommand


command = functools.partial(click.command, cls=SectionedCommand)
"""As `click.command`."""
ranking_option = functools.partial(click.option, cls=SectionOption, section=RANKING)
encoder_option = functools.partial(click.option, cls=SectionOption, section=ENCODER)
connection_option = functools.partial(click.option, cls=SectionOption, section=CONNECTION)
