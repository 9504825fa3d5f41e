"""`xlrec-es trending` and `buy-again`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.likes import time_format_option
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.recommend import (
    cap_option,
    event_source,
    events_index_option,
    filter_option,
    history_option,
    include_field_option,
    user_option,
)
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_EVENTS,
    connection_options,
    field_option,
    index_option,
    json_option,
    parse_assignments,
    size_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import Number, parse_caps, parse_history, parse_query
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ConfigError, EmptyHistory
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.recommend.options import Options, SearchOptions

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from xlrec_es.interactions.event_source import EventSource
    from xlrec_es.recommend.recommendations import Recommendation, Recommendations
    from xlrec_es.relations.event_file import FileEvents


F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, slots=True)
class Shelf:
    """What both commands are given.

    Attributes:
        client: Of the cluster.
        index: Alias or index.
        events: Where events are: an index, or a file that was read.
        languages: Target languages; None: all of the index.
        size: How many items.
        options: Filters, caps, fields.
    """

    client: Elasticsearch
    index: str
    events: EventSource | FileEvents
    languages: tuple[str, ...] | None
    size: int
    options: Options


def _shelf_command(shown: Callable[[Recommendations], None]) -> Callable[[F], F]:
    """Give a command its `shelf`, and print the list that it returns.

    Args:
        shown: Prints it for people.
    """

    def declare(command: F) -> F:
        @index_option()
        @events_index_option
        @click.option(
            "--interactions",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="File of interactions with times, in place of an index of events: .csv, .tsv or "
            ".jsonl. The present is then its last event.",
        )
        @field_option(COLUMNS_OF_EVENTS)
        @time_format_option
        @click.option(
            "--language",
            "-l",
            "languages",
            multiple=True,
            metavar="LANG",
            help="Target language with its variants (zh: zh-CN too). Repeatable.",
            show_default="every language of the index",
        )
        @size_option()
        @filter_option
        @cap_option
        @include_field_option
        @json_option
        @connection_options
        @functools.wraps(command)
        def wrapper(
            *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
            connection: Connection,
            index: str,
            events_index: str | None,
            interactions: Path | None,
            assignments: tuple[str, ...],
            time_format: str | None,
            languages: tuple[str, ...],
            size: int,
            filters: tuple[str, ...],
            caps: tuple[str, ...],
            source: tuple[str, ...],
            as_json: bool,
            **kwargs: Any,  # noqa: ANN401
        ) -> None:
            search = SearchOptions(
                filters=tuple(parse_query("--filter", text) for text in filters),
                caps=parse_caps(caps),
                source=source,
            )
            if interactions is None:
                events: EventSource | FileEvents = _events(events_index)
            else:
                events = _file(interactions, parse_assignments(assignments), time_format)
            with contextlib.closing(connect(connection)) as client:
                options = Options(search=search)
                shelf = Shelf(client, index, events, languages or None, size, options)
                found = command(*args, shelf=shelf, **kwargs)
            if as_json:
                print_json(dataclasses.asdict(found))
            else:
                shown(found)

        return wrapper  # type: ignore[return-value]

    return declare


def _events(events_index: str | None) -> EventSource:
    source = event_source(events_index)
    if source is None:
        raise ConfigError(
            "this is counted from events: give --events-index, or [history] index, or a file with "
            "--interactions"
        )
    return source


def _file(path: Path, fields: Mapping[str, str], time_format: str | None) -> FileEvents:
    from xlrec_es.relations.event_file import read_event_file

    found = read_event_file(path, fields=fields, time_format=time_format)
    aside = sum(number for reason, number in found.report.items() if reason != "rows")
    if aside:
        reasons = ", ".join(
            f"{reason}: {number}" for reason, number in found.report.items() if reason != "rows"
        )
        echo(f"{aside} of {found.report['rows']} rows are rejected ({reasons})", err=True)
    return found


def _print_again(found: Recommendations) -> None:
    from xlrec_es.relations.buy_again import AgainItem

    rows = [
        (item, f"{item.again.chance:.0%}", item.again.reason)
        for item in found.items
        if isinstance(item, AgainItem)
    ]
    _print(found, ("chance", "because"), rows, nothing="nothing is due")


def _print_trends(found: Recommendations) -> None:
    from xlrec_es.relations.trending import Trend, TrendingItem

    def cells(trend: Trend) -> tuple[str, str, str]:
        growth = f"{trend.times:.1f} ({trend.low:.1f} to {trend.high:.1f})"
        return str(trend.users), f"{trend.expected:.1f}", growth

    rows = [(item, *cells(item.trend)) for item in found.items if isinstance(item, TrendingItem)]
    _print(found, ("users", "expected", "times (95% interval)"), rows, nothing="nothing trends")


def _print(
    found: Recommendations,
    columns: Sequence[str],
    rows: Iterable[tuple[Recommendation, *tuple[str, ...]]],
    *,
    nothing: str,
) -> None:
    """A table of items with columns of their own, and the notes."""
    table = Table("language", "id", "title", *columns)
    for item, *cells in rows:
        table.add_row(item.language, item.id, item.title or "", *cells)
    Console().print(table)
    if not found.items:
        echo(nothing)
    for sentence in found.notes:
        echo(sentence, err=True)


@sections.command()
@_shelf_command(_print_trends)
@click.option(
    "--market",
    metavar="MARKET",
    help="Value of the field that [history] of the TOML file names as market, or of the file's "
    "column. Without such a field, each language is a market.",
)
@click.option(
    "--period",
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="Length of the recent period and of the earlier ones: 7d, 12h.",
)
@click.option(
    "--past",
    default=4,
    show_default=True,
    type=int,
    metavar="N",
    help="Number of earlier periods. They begin whole weeks before the recent one.",
)
def trending(shelf: Shelf, market: str | None, period: str, past: int) -> Recommendations:
    """List what trends, by an index of events.

    \b
    Examples:
      xlrec-es trending -i shop --events-index clicks -l ja
      xlrec-es trending -i shop --events-index clicks --period 1d --json
      xlrec-es trending -i shop --interactions events.csv --field time=at

    An item trends if more users took it up than its own past and the growth of its market lead to
    expect. Users are counted, not clicks. Of what is listed, 5% is expected to be chance.
    """
    from xlrec_es.relations.periods import Periods
    from xlrec_es.relations.trending import TrendQuestion, Trends

    trends = Trends(shelf.client, shelf.index, shelf.events, options=shelf.options)
    return trends.ask(TrendQuestion(shelf.languages, shelf.size, market, Periods(period, past)))


@sections.command("buy-again")
@_shelf_command(_print_again)
@user_option
@history_option
@click.option(
    "--purchase-event",
    "purchases",
    multiple=True,
    metavar="STRING",
    help="Name of the events that are purchases. Repeatable.",
    show_default="purchase and other usual names of it",
)
@click.option(
    "--ahead-days",
    default=7.0,
    show_default=True,
    type=Number(),
    metavar="DAYS",
    help="How far ahead is looked.",
)
def buy_again(
    shelf: Shelf,
    user: str | None,
    history_file: BinaryIO | None,
    purchases: tuple[str, ...],
    ahead_days: float,
) -> Recommendations:
    """List what a user may buy again now.

    \b
    Examples:
      xlrec-es buy-again -i shop --events-index clicks --user ann
      xlrec-es buy-again -i shop --events-index clicks --history purchases.json -l ja

    An item is due by the time since its last purchase, against the gaps that its buyers leave
    between two. Items that are hardly ever bought twice are never due.
    """
    from xlrec_es.relations.buy_again import AgainQuestion, BuyAgain

    if user is None and history_file is None:
        raise EmptyHistory("the history is empty; give --user or --history")
    interactions = parse_history(history_file.read()).interactions if history_file else ()
    if user is not None:
        interactions += _bought_by(shelf, user)
    bought = BuyAgain(
        shelf.client,
        shelf.index,
        shelf.events,
        options=shelf.options,
        purchases=purchases or None,
    )
    asked = AgainQuestion(History(interactions), shelf.languages, shelf.size, ahead_days)
    return bought.ask(asked)


def _bought_by(shelf: Shelf, user: str) -> tuple[Interaction, ...]:
    from xlrec_es.relations.buy_again import purchases_of
    from xlrec_es.relations.event_file import FileEvents

    if isinstance(shelf.events, FileEvents):
        return shelf.events.history(user).interactions
    return purchases_of(shelf.client, user, shelf.events).interactions
