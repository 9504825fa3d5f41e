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

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.index.indicators import Neighbour


_NOT_LEARNED = "not learned"


@sections.command()
@click.argument("item", metavar="ID")
@index_option()
@size_option(100)
@json_option
@connection_options
def inspect(item: str, index: str, size: int, as_json: bool, connection: Connection) -> None:
    """Show the learned associations of an item.

    \b
    Examples:
      xlrec-es inspect gimp --index xlrec-demo

    ID is that of an item or of one of its documents. Associated items of all languages are shown.
    """
    from xlrec_es.index.indicators import show as read

    with connect(connection) as client:
        found = read(client, index, item, size=size)
    if as_json:
        echo(json.dumps(versioned(dataclasses.asdict(found)), ensure_ascii=False, indent=2))
        return
    console = Console()
    kind = found.provenance or _NOT_LEARNED
    learned = (
        f" ({found.language}): associations {kind}, from "
        f"{found.evidence:.0f} users, generation {found.generation or '-'}"
    )
    console.print(Text.assemble((found.title or found.id, "bold"), learned))
    if not found.complete:
        echo(
            "Warning: the last run of xlrec-ingest learn was cut short; run it again.",
            err=True,
        )
    console.print(_table("comes from users who liked", "weight", found.spoken_for_by))
    if found.not_shown:
        echo(f"{found.not_shown} more are not shown, as {index} does not show them.")
    for language, neighbours in found.speaks_for.items():
        console.print(_table(f"users who liked it get, in {language}", "score", neighbours))


def _table(caption: str, measure: str, neighbours: Sequence[Neighbour]) -> Table:
    table = Table("item", "title", "language", measure, title=caption, title_justify="left")
    for one in neighbours:
        cells = (one.work, one.title or "", one.language or "(gone)", f"{one.weight:.4g}")
        table.add_row(*cells)
    return table
