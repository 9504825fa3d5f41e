"""`xlrec-es recommend`, `similar` and `query`."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import versioned
from xlrec_es.cli.options.recommend import how_options, request_options
from xlrec_es.cli.options.shared import (
    connection_options,
    explain_option,
    index_option,
    json_option,
    size_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UnknownItems, UsageError
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import LanguageShare, Recommendation, Recommendations
from xlrec_es.recommend.request import query_forms
from xlrec_es.recommend.similarity import ASKED_FOR

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.recommend.recommender import Recommender

LEAST_SHARE = 0.05
"""Part of a recommendation's score below which a liked item does not count as a reason."""


@sections.command()
@request_options
@size_option()
@click.option("--skip-unknown", is_flag=True, help="Ignore IDs that are not in the index.")
@click.option(
    "--page",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Page of the list; those before are searched for too.",
)
@click.option(
    "--after",
    metavar="CURSOR",
    help="cursor of the page before, as --json prints it. Nothing of its pages comes again.",
)
@click.option(
    "--shown",
    multiple=True,
    metavar="ID",
    help="Item or document that the user saw and did not take; it comes last. Repeatable.",
)
@explain_option
@json_option
def recommend(
    recommender: Recommender,
    history: History,
    languages: list[str] | None,
    size: int,
    skip_unknown: bool,
    page: int,
    after: str | None,
    shown: tuple[str, ...],
    explain: bool,
    as_json: bool,
) -> None:
    """Recommend items for a list of liked IDs.

    \b
    Examples:
      xlrec-es recommend -i shop 7 8
      xlrec-es recommend -i shop -l ja=0.7 -l de=0.3 7 8
      xlrec-es recommend -i shop --user ann --events-index clicks
      xlrec-es recommend -i shop --filter '{"range": {"price": {"lte": 20}}}' 7 8

    Target languages are those that the liked items are not in, unless you name some.
    """
    result = recommender.recommend(
        history, languages=languages, size=size, page=page, after=after, shown=shown
    )
    if result.unknown_items and not skip_unknown:
        raise UnknownItems(
            f"no item or document has the id {', '.join(map(repr, result.unknown_items))}; "
            "correct it, or give --skip-unknown",
            items=result.unknown_items,
        )
    _print(result, as_json=as_json, explain=explain)


def _print(result: Recommendations, *, as_json: bool, explain: bool = False) -> None:
    if as_json:
        echo(json.dumps(versioned(dataclasses.asdict(result)), ensure_ascii=False, indent=2))
        return
    Console().print(explained_table(result) if explain else recommendations_table(result))
    if explain:
        echo(f"languages: {', '.join(map(_told, result.languages))}")
    for sentence in (*result.notes, *result.degraded):
        echo(sentence, err=True)


def _told(share: LanguageShare) -> str:
    slots = "by score" if share.slots is None else f"of {share.slots} slots"
    return f"{share.language} {share.filled} {slots}"


def recommendations_table(result: Recommendations) -> Table:
    """A table of recommendations, for people."""
    table = Table("language", "id", "title", "score", "retrievers (rank)", "because of")
    for item in result.items:
        legs = ", ".join(f"{leg} ({score.rank})" for leg, score in item.retrievers.items())
        cells = (
            item.language,
            item.id,
            item.title or "",
            f"{item.score:.3f}",
            legs,
            reasons_of(item),
        )
        table.add_row(*cells)
    return table


def explained_table(result: Recommendations) -> Table:
    """What each retriever found, a line for each, and the liked items that explain it."""
    table = Table(
        "language",
        "id",
        "title",
        "score",
        "retriever",
        "rank",
        "score there",
        "share",
        "because of",
    )
    for item in result.items:
        first = (item.language, item.id, item.title or "", f"{item.score:.3f}")
        for number, (leg, said) in enumerate(item.retrievers.items()):
            cells = (leg, str(said.rank), f"{said.score:.3f}", f"{said.share:.0%}")
            whole = ("",) * len(first) if number else first
            table.add_row(*whole, *cells, "" if number else reasons_of(item, least=0.0))
        table.add_section()
    return table


def reasons_of(item: Recommendation, *, least: float = LEAST_SHARE, most: int | None = None) -> str:
    """The liked items that spoke for a recommendation, with their parts of its score.

    Args:
        item: The recommendation.
        least: Smallest part that is shown, 0..1.
        most: How many are shown, strongest first; None for all.
    """
    shown = [reason for reason in item.reasons if reason.share >= least]
    if item.reasons and not shown:  # a long history
        return f"many, each below {least:.0%}"
    told = [
        f"{reason.title or reason.item} {reason.share:.0%}"
        + (f" ({' '.join(reason.tokens)})" if reason.tokens else "")
        for reason in shown[:most]
    ]
    relation = shown[0].relation if shown else None
    before = f"{relation.replace('-', ' ')} with " if relation else ""
    return before + ", ".join(told)


@sections.command()
@click.argument("item", metavar="ID")
@index_option()
@click.option(
    "--language",
    "-l",
    "languages",
    multiple=True,
    metavar="LANG",
    help="Target language with its variants (zh: zh-CN too). Repeatable.",
    show_default="every language of the index but those of the item; with jaccard, those of the "
    "item",
)
@renamed_option(
    "--similarity",
    "measure",
    old=("--measure",),
    type=click.Choice(ASKED_FOR),
    help="Rank by one similarity: cosine of the vectors, l2_norm (1 / (1 + distance²), the same "
    "order), or jaccard (common words among the words of both texts, in one language). Or by a "
    "relation, as --relation.",
    show_default="all retrievers, as recommend",
)
@size_option()
@explain_option
@json_option
@how_options
@connection_options
def similar(
    connection: Connection,
    item: str,
    index: str,
    languages: tuple[str, ...],
    measure: str | None,
    size: int,
    explain: bool,
    as_json: bool,
    options: Options,
) -> None:
    """Show items similar to one item.

    \b
    Examples:
      xlrec-es similar -i shop 7
      xlrec-es similar -i shop -l ja --similarity cosine 7
    """
    from xlrec_es.recommend.recommender import Recommender

    client = connect(connection)
    recommender = Recommender(client, index, options=options, timeout_s=connection.timeout_s)
    found = recommender.similar(item, languages=languages or None, size=size, measure=measure)
    _print(found, as_json=as_json, explain=explain)


@sections.command("query")
@request_options
@renamed_option(
    "--format",
    "-F",
    "form",
    old=("-f",),
    type=click.Choice(query_forms.FORMS),
    default="console",
    show_default=True,
    help="Form of the searches: for Kibana's console, curl, Python, or JSON.",
)
@click.option(
    "--rank",
    "given",
    multiple=True,
    metavar="ID",
    help="Print what Recommender.rank sends for this item or document. Repeatable.",
)
@click.option(
    "--search",
    "query",
    metavar="WORDS",
    help="Print what Recommender.search sends for these words. With --encoder-url it searches by "
    "meaning too.",
)
@click.option(
    "--short", is_flag=True, help="Shorten vectors, for reading; the searches then do not run."
)
def print_query(
    recommender: Recommender,
    history: History,
    languages: list[str] | None,
    form: str,
    given: tuple[str, ...],
    query: str | None,
    short: bool,
) -> None:
    """Print the searches that recommend sends.

    \b
    Examples:
      xlrec-es query -i shop -l ja 7 8
      xlrec-es query -i shop -l ja --short 7 8
      xlrec-es query -i shop -l ja --search "green tea" --no-history
    """
    if given and query is not None:
        raise UsageError("--rank and --search are two calls; give one of them")
    if query is not None:
        plan = recommender.search_plan(query, languages=languages)
    elif given:
        plan = recommender.rank_plan(history, given)
    else:
        plan = recommender.plan(history, languages=languages)
    text = query_forms.render(
        plan.requests, index=plan.live.searched, url=recommender.url, form=form, shorten=short
    )
    echo(text)
    for sentence in plan.degraded:
        echo(sentence, err=True)
