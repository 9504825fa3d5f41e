"""`xlrec-es trending` and `buy-again`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO

import click
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
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
    connection_options,
    index_option,
    json_option,
    size_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import parse_caps, parse_history, parse_query
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ConfigError, EmptyHistory
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options, SearchOptions

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.interactions.event_source import EventSource
    from xlrec_es.recommend.recommendations import Recommendation, Recommendations


_language_option = click.option(
    "--language",
    "-l",
    "languages",
    multiple=True,
    metavar="LANG",
    help="Target language with its variants (zh: zh-CN too). Repeatable.",
    show_default="every language of the index",
)


@sections.command()
@index_option()
@events_index_option
@_language_option
@click.option(
    "--market",
    metavar="MARKET",
    help="Value of the field that [history] of the TOML file names as market. Without such a "
    "field, each language is a market.",
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
@size_option()
@filter_option
@cap_option
@include_field_option
@json_option
@connection_options
def trending(
    connection: Connection,
    index: str,
    events_index: str | None,
    languages: tuple[str, ...],
    market: str | None,
    period: str,
    past: int,
    size: int,
    filters: tuple[str, ...],
    caps: tuple[str, ...],
    source: tuple[str, ...],
    as_json: bool,
) -> None:
    """List what trends, by an index of events.

    \b
    Examples:
      xlrec-es trending -i shop --events-index clicks -l ja
      xlrec-es trending -i shop --events-index clicks --period 1d --json

    An item trends if more users took it up than its own past and the growth of its market lead to
    expect. Users are counted, not clicks. Of what is listed, 5% is expected to be chance.
    """
    from xlrec_es.relations.periods import Periods
    from xlrec_es.relations.trending import TrendQuestion, Trends

    options = Options(search=_search(filters, caps, source))
    with contextlib.closing(connect(connection)) as client:
        trends = Trends(client, index, _events(events_index), options=options)
        question = TrendQuestion(languages or None, size, market, Periods(period, past))
        found = trends.ask(question)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _print_trends(found)


@sections.command("buy-again")
@index_option()
@events_index_option
@user_option
@history_option
@_language_option
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
    type=float,
    metavar="DAYS",
    help="How far ahead is looked.",
)
@size_option()
@filter_option
@cap_option
@include_field_option
@json_option
@connection_options
def buy_again(
    connection: Connection,
    index: str,
    events_index: str | None,
    user: str | None,
    history_file: BinaryIO | None,
    languages: tuple[str, ...],
    purchases: tuple[str, ...],
    ahead_days: float,
    size: int,
    filters: tuple[str, ...],
    caps: tuple[str, ...],
    source: tuple[str, ...],
    as_json: bool,
) -> None:
    """List what a user may buy again now.

    \b
    Examples:
      xlrec-es buy-again -i shop --events-index clicks --user ann
      xlrec-es buy-again -i shop --events-index clicks --history purchases.json -l ja

    An item is due by the time since its last purchase, against the gaps that its buyers leave
    between two. Items that are hardly ever bought twice are never due.
    """
    from xlrec_es.relations.buy_again import AgainQuestion, BuyAgain, purchases_of

    if user is None and history_file is None:
        raise EmptyHistory("the history is empty; give --user or --history")
    events = _events(events_index)
    interactions = parse_history(history_file.read()).interactions if history_file else ()
    with contextlib.closing(connect(connection)) as client:
        if user is not None:
            interactions += purchases_of(client, user, events).interactions
        options = Options(search=_search(filters, caps, source))
        bought = BuyAgain(client, index, events, options=options, purchases=purchases or None)
        question = AgainQuestion(History(interactions), languages or None, size, ahead_days)
        found = bought.ask(question)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _print_again(found)


def _search(
    filters: tuple[str, ...], caps: tuple[str, ...], source: tuple[str, ...]
) -> SearchOptions:
    return SearchOptions(
        filters=tuple(parse_query("--filter", text) for text in filters),
        caps=parse_caps(caps),
        source=source,
    )


def _events(events_index: str | None) -> EventSource:
    source = event_source(events_index)
    if source is None:
        raise ConfigError(
            "this is counted from an index of events: give --events-index, or [history] index"
        )
    return source


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
