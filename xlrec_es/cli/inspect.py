"""`xlrec-es inspect`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import versioned
from xlrec_es.cli.options.shared import (
    connection_options,
    index_option,
    json_option,
    size_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.index.fields import RELATIONS, relation_of

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.index.indicators import Neighbour


_NOT_LEARNED = "not learned"


@sections.command()
@click.argument("item", metavar="ID")
@index_option()
@size_option(100)
@click.option(
    "--relation",
    type=click.Choice(list(RELATIONS)),
    help="Show associations of this kind.",
    show_default="by taste",
)
@json_option
@connection_options
def inspect(
    item: str,
    index: str,
    size: int,
    relation: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Show the learned associations of an item.

    \b
    Examples:
      xlrec-es inspect gimp --index xlrec-demo

    ID is that of an item or of one of its documents. Associated items of all languages are shown.
    """
    from xlrec_es.index.indicators import show as read

    with connect(connection) as client:
        found = read(client, index, item, size=size, relation=relation_of(relation))
    if as_json:
        echo(json.dumps(versioned(dataclasses.asdict(found)), ensure_ascii=False, indent=2))
        return
    console = Console()
    kind = found.provenance or _NOT_LEARNED
    learned = (
        f" ({found.language}): associations {kind}, from "
        f"{found.evidence:.0f} {'baskets' if relation else 'users'}, "
        f"generation {found.generation or '-'}"
    )
    console.print(Text.assemble((found.title or found.id, "bold"), learned))
    if not found.complete:
        echo(
            "Warning: the last run of xlrec-ingest learn was cut short; run it again.",
            err=True,
        )
    before, after = "comes from users who liked", "users who liked it get"
    if relation:
        before, after = "comes from baskets with", "baskets with it get"
    console.print(_table(before, "weight", found.spoken_for_by))
    if found.not_shown:
        echo(f"{found.not_shown} more are not shown, as {index} does not show them.")
    for language, neighbours in found.speaks_for.items():
        console.print(_table(f"{after}, in {language}", "score", neighbours))


def _table(caption: str, measure: str, neighbours: Sequence[Neighbour]) -> Table:
    table = Table("item", "title", "language", measure, title=caption, title_justify="left")
    for one in neighbours:
        cells = (one.work, one.title or "", one.language or "(gone)", f"{one.weight:.4g}")
        table.add_row(*cells)
    return table
