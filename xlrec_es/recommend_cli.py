"""`xlrec-es recommend`, `similar` and `query`."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xlrec_es import console
from xlrec_es.client import Connection, connect
from xlrec_es.errors import ConfigError, EmptyHistory, UnknownItems, UsageError
from xlrec_es.events import EventSource, read_history
from xlrec_es.options import connection_options, index_option
from xlrec_es.plan import Options
from xlrec_es.query import SearchOptions
from xlrec_es.recency import Recency
from xlrec_es.recommend import Recommender
from xlrec_es.remote import RemoteEncoder
from xlrec_es.similarity import MEASURES
from xlrec_es.types import History, Interaction, Recommendations

F = TypeVar("F", bound=Callable[..., Any])


def _history_options(command: F) -> F:
    """Give a command a history, target languages and fusion options; it receives a request."""

    @click.argument("items", nargs=-1, metavar="[ID]...")
    @click.option(
        "--history",
        "history_file",
        type=click.File("rb"),
        help='JSON file with the history, - for standard input: ["id", {"item": "id", '
        '"event": "like", "rating": 4, "time": "2026-11-24T12:00:00Z"}, ...].',
    )
    @click.option(
        "--user",
        help="Read the history of this person from the index of events that the TOML file's table "
        "[history] describes (or --events names).",
    )
    @click.option("--events", "events_index", metavar="INDEX", help="Index of events for --user.")
    @click.option(
        "--text",
        "texts",
        multiple=True,
        help="What the person says they like, in any language. Repeatable; needs --encoder-url.",
    )
    @click.option(
        "--encoder-url",
        envvar="XLREC_ENCODER_URL",
        show_envvar=True,
        help="Where `xlrec-ingest serve` encodes texts; XLREC_SERVE_TOKEN is its token.",
    )
    @click.option("--cold", is_flag=True, help="Serve somebody of whom nothing is known.")
    @index_option()
    @click.option(
        "--language",
        "-l",
        "languages",
        multiple=True,
        metavar="TAG[=PART]",
        help="Target language, with its part of the result if you like (zh=.5). Repeatable. "
        "Default: every language of the index but those of the history.",
    )
    @click.option(
        "--mix",
        type=click.Choice(["equal", "auto"]),
        default="equal",
        show_default=True,
        help="Seats by language: as many for each, or by score alone.",
    )
    @click.option(
        "--weight",
        "-w",
        "weights",
        multiple=True,
        metavar="LEG=WEIGHT",
        help="Fusion weight of a leg (dense=.8); legs not named get none. Repeatable. "
        "Default: the index's own.",
    )
    @click.option(
        "--market",
        help="Whose popularity counts for somebody of whom nothing is known.  [default: the target "
        "language's, if markets are languages, else everybody's]",
    )
    @click.option(
        "--recent",
        metavar="FIELD[=HALF-LIFE]",
        help="For somebody of whom nothing is known: popularity halves with each half-life since "
        "the date in this field of yours (published=7d).  [default half-life: 30d]",
    )
    @click.option(
        "--server-side",
        is_flag=True,
        help="Have Elasticsearch fuse the legs of each language: one search a language. Takes an "
        "enterprise or trial licence.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        connection: Connection,
        items: tuple[str, ...],
        texts: tuple[str, ...],
        encoder_url: str | None,
        user: str | None,
        events_index: str | None,
        cold: bool,
        history_file: Any | None,  # noqa: ANN401 - click.File gives any of several file types
        index: str,
        languages: tuple[str, ...],
        mix: str,
        weights: tuple[str, ...],
        market: str | None,
        recent: str | None,
        server_side: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        history = History(tuple(map(Interaction, items)), texts)
        if history_file is not None:
            history = _joined(history, _parse_history(history_file.read()))
        client = connect(connection)
        if user is not None:
            history = _joined(history, read_history(client, user, _event_source(events_index)))
        if not (history.interactions or texts or cold):
            raise EmptyHistory(
                "the history is empty; give at least one work or document id, a --text, or --cold "
                "for somebody of whom nothing is known"
            )
        parts = _parse_pairs("--language", languages)
        quotas = {tag: part for tag, part in parts.items() if part is not None}
        if quotas and len(quotas) < len(parts):
            raise UsageError("give every --language a part, or none of them")
        leg_weights = _parse_pairs("--weight", weights)
        options = Options(
            weights=_all_given("--weight", leg_weights) if leg_weights else None,
            mix=quotas or mix,
            server_side=server_side,
            search=SearchOptions(market=market, recent=_parse_recency(recent)),
        )
        encoder = None
        if encoder_url:
            encoder = RemoteEncoder(encoder_url, token=os.environ.get("XLREC_SERVE_TOKEN"))
        recommender = Recommender(
            client, index, options=options, encoder=encoder, timeout_s=connection.timeout_s
        )
        return command(
            *args,
            recommender=recommender,
            history=history,
            languages=list(parts) or None,
            **kwargs,
        )

    return connection_options(wrapper)  # type: ignore[return-value]


def _parse_recency(text: str | None) -> Recency | None:
    if text is None:
        return None
    field, equals, half_life = text.partition("=")
    return Recency(field, half_life) if equals else Recency(field)


def _event_source(index: str | None) -> EventSource:
    """What `[history]` of the TOML file says, and `--events`."""
    described = dict((click.get_current_context().default_map or {}).get("history", {}))
    if index is not None:
        described["index"] = index
    if "index" not in described:
        raise ConfigError("--user needs an index of events: give --events, or [history] index")
    try:
        return EventSource(**described)
    except TypeError as error:
        raise ConfigError(f"the table [history]: {error}") from error


def _joined(one: History, other: History) -> History:
    return History(one.interactions + other.interactions, one.texts + other.texts)


def _parse_history(text: bytes) -> History:
    """A JSON list of ids and of objects with the fields of `Interaction`."""
    try:
        entries = orjson.loads(text)
        return History(tuple(_parse_interaction(entry) for entry in entries))
    except (orjson.JSONDecodeError, TypeError, ValueError) as error:
        raise UsageError(
            'the history must be JSON such as ["id", {"item": "id", "event": "like", '
            f'"time": "2026-11-24T12:00:00Z"}}]: {error}'
        ) from error


def _parse_interaction(entry: Any) -> Interaction:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(entry, str):
        return Interaction(entry)
    if isinstance(entry, dict) and "time" in entry:
        entry = {**entry, "time": datetime.fromisoformat(entry["time"])}
    return Interaction(**entry)


def _parse_pairs(option: str, texts: tuple[str, ...]) -> dict[str, float | None]:
    """`name` or `name=number`, each."""
    pairs: dict[str, float | None] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            pairs[name] = float(number) if equals else None
        except ValueError:
            raise UsageError(f"{option} {text!r}: {number!r} is not a number") from None
    return pairs


def _all_given(option: str, pairs: dict[str, float | None]) -> dict[str, float]:
    for name, number in pairs.items():
        if number is None:
            raise UsageError(f"{option} {name!r} needs a number: {name}=0.5")
    return {name: number for name, number in pairs.items() if number is not None}


@click.command()
@_history_options
@click.option("--size", "-n", default=10, show_default=True, help="How many recommendations.")
@click.option("--skip-unknown", is_flag=True, help="Go on without the IDs that nothing has.")
@click.option("--explain", is_flag=True, help="What each leg said of each, and all its reasons.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def recommend(
    recommender: Recommender,
    history: History,
    languages: list[str] | None,
    size: int,
    skip_unknown: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Recommend documents in other languages to whoever liked these IDs.

    Example: xlrec-es recommend -i xlrec-demo -l ja -l de gimp inkscape
    """
    result = recommender.recommend(history, languages=languages, size=size)
    if result.unknown_items and not skip_unknown:
        raise UnknownItems(
            f"no work or document has the id {', '.join(map(repr, result.unknown_items))}; "
            "correct it, or give --skip-unknown",
            items=result.unknown_items,
        )
    _print(result, as_json=as_json, explain=explain)


def _print(result: Recommendations, *, as_json: bool, explain: bool = False) -> None:
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result), ensure_ascii=False, indent=2))
        return
    Console().print(explained_table(result) if explain else recommendations_table(result))
    for sentence in (*result.notes, *result.degraded):
        click.echo(sentence, err=True)


def recommendations_table(result: Recommendations) -> Table:
    """A table of recommendations, for people."""
    table = Table("language", "id", "title", "score", "legs (rank)", "because of")
    for item in result.items:
        legs = ", ".join(f"{leg} ({score.rank})" for leg, score in item.legs.items())
        reasons = ", ".join(
            f"{reason.title or reason.item} {reason.share:.0%}" for reason in item.reasons
        )
        cells = (item.language, item.id, item.title or "", f"{item.score:.3f}", legs, reasons)
        table.add_row(*map(escape, cells))
    return table


def explained_table(result: Recommendations) -> Table:
    """What each leg said of each recommendation, one line a leg, and who spoke for it."""
    table = Table("language", "id", "title", "score", "leg", "rank", "says", "share", "because of")
    for item in result.items:
        reasons = ", ".join(
            f"{reason.title or reason.item} {reason.share:.0%}" for reason in item.reasons
        )
        first = (item.language, item.id, item.title or "", f"{item.score:.3f}")
        for number, (leg, said) in enumerate(item.legs.items()):
            cells = (leg, str(said.rank), f"{said.score:.3f}", f"{said.share:.0%}")
            whole = ("",) * len(first) if number else first
            table.add_row(*map(escape, (*whole, *cells, "" if number else reasons)))
        table.add_section()
    return table


@click.command()
@click.argument("item", metavar="ID")
@index_option()
@click.option(
    "--language",
    "-l",
    "languages",
    multiple=True,
    metavar="TAG",
    help="Target language. Repeatable.  [default: every language of the index but those of the "
    "item; with jaccard, those of the item]",
)
@click.option(
    "--measure",
    type=click.Choice(MEASURES),
    help="How alike: cosine of the vectors, l2_norm (their distance as 1 / (1 + distance²), in the "
    "same order), or jaccard: words of one language that both texts have, of all that either "
    "has.  [default: all legs, as recommend]",
)
@click.option("--size", "-n", default=10, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@connection_options
def similar(
    connection: Connection,
    item: str,
    index: str,
    languages: tuple[str, ...],
    measure: str | None,
    size: int,
    as_json: bool,
) -> None:
    """Show documents that are like one work or document.

    Example: xlrec-es similar -i xlrec-demo -l ja --measure jaccard gimp
    """
    recommender = Recommender(connect(connection), index, timeout_s=connection.timeout_s)
    found = recommender.similar(item, languages=languages or None, size=size, measure=measure)
    _print(found, as_json=as_json)


@click.command("query")
@_history_options
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice(console.FORMS),
    default="console",
    show_default=True,
    help="For Kibana's console, curl or Python, or one JSON array of {language, leg, body}.",
)
@click.option("--short", is_flag=True, help="Cut vectors short, for reading.")
def print_query(
    recommender: Recommender,
    history: History,
    languages: list[str] | None,
    form: str,
    short: bool,
) -> None:
    """Print the searches that `recommend` would send.

    Example: xlrec-es query -i xlrec-demo -l ja gimp inkscape
    """
    plan = recommender.plan(history, languages=languages)
    text = console.render(
        plan.requests, index=plan.live.name, url=recommender.url, form=form, shorten=short
    )
    click.echo(text)
