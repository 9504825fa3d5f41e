"""What `recommend`, `query` and `similar` are asked, on the command line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.sections import ranking_option
from xlrec_es.cli.options.shared import connection_options, index_option
from xlrec_es.cli.options.values import (
    Number,
    NumberRange,
    parse_boost,
    parse_caps,
    parse_history,
    parse_languages,
    parse_numbers,
    parse_query,
    parse_recency,
)
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ConfigError, EmptyHistory
from xlrec_es.index.fields import RELATIONS
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.recommend.options import (
    AUTO,
    EQUAL,
    FUSIONS,
    Options,
    SearchOptions,
)

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.interactions.event_source import EventSource
    from xlrec_es.vectors.encoder import Encoder

F = TypeVar("F", bound=Callable[..., Any])

MIX_HELP = "Slots of the languages: auto divides them by score, equal gives each the same number."


events_index_option = renamed_option(
    "--events-index",
    "events_index",
    old=("--events",),
    metavar="INDEX",
    help="Index of events from which --user reads histories.",
)


encoder_url_option = click.option(
    "--encoder-url",
    envvar="XLREC_ENCODER_URL",
    show_envvar=True,
    metavar="URL",
    help="Encoder for free texts: http://HOST:9600 of `xlrec-ingest serve` (XLREC_SERVE_TOKEN is "
    "its token), or http://HOST/v1#MODEL of an OpenAI-compatible service (XLREC_ENCODER_API_KEY, "
    "XLREC_ENCODER_PREFIX, XLREC_ENCODER_TEXT_PREFIX, XLREC_ENCODER_DIMS).",
)


def remote_encoder(url: str | None) -> Encoder | None:
    """The encoder behind an address, if there is one."""
    from xlrec_es.vectors.open_encoder import access_of_environment, open_encoder

    return open_encoder(url, access_of_environment()) if url else None


def language_parts_option(otherwise: str) -> Callable[[F], F]:
    """Target languages with parts of the slots, for `parse_languages`; `otherwise` the default."""
    return click.option(
        "--language",
        "-l",
        "languages",
        multiple=True,
        metavar="LANG[=FRACTION]",
        help="Target language with its variants (zh: zh-CN too), and optionally its part of the "
        "slots (zh=0.5). Repeatable.",
        show_default=otherwise,
    )


filter_option = ranking_option(
    "--filter",
    "filters",
    multiple=True,
    metavar="JSON",
    help="Elasticsearch query that each result must match: "
    """'{"range": {"price": {"lte": 20}}}', or @FILE. Repeatable.""",
)

cap_option = ranking_option(
    "--cap",
    "caps",
    multiple=True,
    metavar="FIELD=N",
    help="Most results that share a value of a keyword field (brand=2). Repeatable.",
)

include_field_option = ranking_option(
    "--include-field",
    "source",
    old=("--source",),
    multiple=True,
    metavar="FIELD",
    help="Field of your documents to include in the JSON output. Repeatable.",
)


def how_options(command: F) -> F:
    """Give a command the options of how recommendations are made; it receives `options`."""

    @ranking_option(
        "--mix",
        type=click.Choice([AUTO, EQUAL]),
        help=MIX_HELP,
        show_default="auto; equal with --server-side",
    )
    @ranking_option(
        "--exclude-language",
        "excluded",
        multiple=True,
        metavar="LANG",
        help="Language that is never recommended, with its variants. Repeatable.",
    )
    @ranking_option(
        "--weight",
        "-w",
        "weights",
        multiple=True,
        metavar="RETRIEVER=WEIGHT",
        help="Fusion weight of a retriever (dense=0.8); those not named get none. Repeatable.",
        show_default="the index's own",
    )
    @ranking_option(
        "--fusion",
        type=click.Choice(FUSIONS),
        help="How retrievers become one list: learned associations first and texts for what they "
        "leave open (cascade), a sum of normalized scores (weighted) or of reciprocal ranks (rrf).",
        show_default="the index's own, else cascade if associations were learned",
    )
    @ranking_option(
        "--relation",
        type=click.Choice(list(RELATIONS)),
        help="Recommend what is in the same baskets as the IDs, which are then those of a cart. "
        "Learned by `xlrec-ingest learn --relation`; it decides alone.",
        show_default="what the same users like, and similar texts",
    )
    @ranking_option(
        "--diversity",
        default=0.0,
        show_default=True,
        type=NumberRange(0, 1),
        metavar="FRACTION",
        help="Strength of the diversification (MMR); 0 is off.",
    )
    @ranking_option(
        "--explore",
        default=0.0,
        show_default=True,
        type=NumberRange(0, 1),
        metavar="FRACTION",
        help="Part of the list for items without interactions when associations were learned. "
        "They are drawn, and the JSON output has the probability of each.",
    )
    @filter_option
    @cap_option
    @ranking_option(
        "--boost",
        "boosts",
        multiple=True,
        metavar="FACTOR=JSON",
        help="Multiply the score of what matches an Elasticsearch query: "
        """'1.5={"term": {"brand": "acme"}}', or 1.5=@FILE. Repeatable.""",
    )
    @ranking_option(
        "--collapse",
        is_flag=True,
        help="Take one document of an item from each search, for catalogs with many of one item in "
        "one language.",
    )
    @ranking_option(
        "--min-similarity",
        type=Number(),
        metavar="COSINE",
        help="Minimum cosine similarity of hits of the dense retriever, after language centering.",
    )
    @include_field_option
    @ranking_option(
        "--market",
        metavar="MARKET",
        help="Market whose popular items a user without history gets.",
        show_default="that of the target language, if markets are languages, else all",
    )
    @ranking_option(
        "--recent",
        metavar="FIELD[=HALF-LIFE]",
        help="For a user without history, halve popularity with each half-life since the date in "
        "this field (published=7d). Without a half-life it is 30d.",
    )
    @ranking_option(
        "--server-side",
        is_flag=True,
        help="Have Elasticsearch fuse the retrievers, with one search for each language. It needs "
        "an Enterprise or trial license.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        mix: str | None,
        excluded: tuple[str, ...],
        weights: tuple[str, ...],
        fusion: str | None,
        relation: str | None,
        diversity: float,
        explore: float,
        filters: tuple[str, ...],
        caps: tuple[str, ...],
        boosts: tuple[str, ...],
        collapse: bool,
        min_similarity: float | None,
        source: tuple[str, ...],
        market: str | None,
        recent: str | None,
        server_side: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        search = SearchOptions(
            filters=tuple(parse_query("--filter", text) for text in filters),
            boosts=tuple(map(parse_boost, boosts)),
            caps=parse_caps(caps),
            collapse=collapse,
            min_similarity=min_similarity,
            source=source,
            market=market,
            relation=relation,
            recent=parse_recency(recent),
        )
        options = Options(
            weights=parse_numbers("--weight", weights) or None,
            fusion=fusion,
            mix=mix,
            exclude=excluded,
            diversity=diversity,
            explore=explore,
            server_side=server_side,
            search=search,
        )
        return command(*args, options=options, **kwargs)

    return wrapper  # type: ignore[return-value]


history_option = click.option(
    "--history",
    "history_file",
    type=click.File("rb"),
    metavar="FILE",
    help='JSON file with the history, - for standard input: ["id", {"item": "id", '
    '"event": "like", "rating": 4, "time": "2026-11-24T12:00:00Z"}, ...].',
)

user_option = click.option(
    "--user",
    metavar="USER",
    help="User whose history is read from the index of events that --events-index names, or "
    "the table [history] of the TOML file.",
)


def request_options(command: F) -> F:
    """Give a command a history and target languages, and `how_options`.

    It receives them as `history`, `languages`, and `recommender`.
    """

    @click.argument("items", nargs=-1, metavar="[ID]...")
    @history_option
    @user_option
    @events_index_option
    @click.option(
        "--text",
        "texts",
        multiple=True,
        metavar="WORDS",
        help="What the user likes, in words, in any language. Needs --encoder-url. Repeatable.",
    )
    @encoder_url_option
    @renamed_option(
        "--no-history",
        "cold",
        old=("--cold",),
        is_flag=True,
        help="Recommend popular items to a user without history.",
    )
    @index_option()
    @language_parts_option("every language of the index but those of the history")
    @how_options
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
        options: Options,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from xlrec_es.interactions.event_source import read_history
        from xlrec_es.recommend.recommender import Recommender

        history = History(tuple(map(Interaction, items)), texts)
        if history_file is not None:
            history = _joined(history, parse_history(history_file.read()))
        client = connect(connection)
        if user is not None:
            source = event_source(events_index)
            if source is None:
                raise ConfigError(
                    "--user needs an index of events: give --events-index, or [history] index"
                )
            history = _joined(history, read_history(client, user, source))
        if not (history.interactions or texts or cold):
            raise EmptyHistory(
                "the history is empty; give at least one ID of an item or document, a --text, or "
                "--no-history for a user without history"
            )
        targets, options = parse_languages(languages, options)
        recommender = Recommender(
            client,
            index,
            options=options,
            encoder=remote_encoder(encoder_url),
            timeout_s=connection.timeout_s,
        )
        return command(
            *args,
            recommender=recommender,
            history=history,
            languages=None if targets is None else list(targets),
            **kwargs,
        )

    return connection_options(wrapper)  # type: ignore[return-value]


def event_source(index: str | None) -> EventSource | None:
    """What `[history]` of the TOML file says, and `--events-index`; None if neither names an index.

    Args:
        index: As that option gives it.

    Raises:
        ConfigError: The table says something else.
    """
    from xlrec_es.interactions.event_source import EventSource

    described = dict((click.get_current_context().default_map or {}).get("history", {}))
    if index is not None:
        described["index"] = index
    if "index" not in described:
        return None
    try:
        return EventSource(**described)
    except TypeError as error:
        raise ConfigError(f"the table [history]: {error}") from error


def _joined(one: History, other: History) -> History:
    return History(one.interactions + other.interactions, one.texts + other.texts)
