"""`xlrec-es kibana check`: whether dashboards and saved searches would work."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import FAILED, print_json
from xlrec_es.cli.options.shared import connection_options, index_option, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.kibana.check import Checked

SAVED_SEARCHES = "saved searches"
_WIDEST_INDEX = 24  # so that 80 columns have half a question, which names of panels are

file_argument = click.argument("file", type=click.Path(path_type=Path))
other_index_option = index_option(
    "Index to search in place of the catalog that was exported.", required=False
)


@sections.command()
@file_argument
@other_index_option
@json_option
@connection_options
@click.pass_context
def check(
    ctx: click.Context, file: Path, index: str | None, as_json: bool, connection: Connection
) -> None:
    """Send every search of FILE to the cluster.

    \b
    Examples:
      xlrec-es kibana check shop.ndjson
      xlrec-es kibana check shop.ndjson -i shop-staging --json

    FILE is what `kibana export` wrote, or what Kibana exported. For each panel and each saved
    search it shows how many documents were found and how long that took. The exit code is 1 where
    a search fails, or names a field that the index does not have.

    Queries in Kibana's own language (KQL) are left out, and panels by Lens that show more than
    counts: only Kibana reads them.
    """
    from xlrec_es.kibana.check import check as check_searches
    from xlrec_es.kibana.saved_objects import read_ndjson
    from xlrec_es.kibana.searches import searches_of, with_catalog

    objects = read_ndjson(file)
    searches = [*searches_of(with_catalog(objects, index))]
    with contextlib.closing(connect(connection)) as client:
        found = [*check_searches(client, searches)]
    if as_json:
        rows = [
            {
                "of": one.search.of,
                "title": one.search.title,
                "index": one.search.index,
                "hits": one.hits,
                "seconds": round(one.seconds, 3),
                "problem": one.why or None,
            }
            for one in found
        ]
        print_json({"searches": rows})
    else:
        Console().print(table_of(found))
    failed = [one for one in found if one.failed]
    for one in failed:
        echo(f"{one.search.name}: {one.why}", err=True)
    if failed:
        ctx.exit(FAILED)


def table_of(found: Sequence[Checked]) -> Table:
    """The searches below the names of their dashboards, so that names fit into 80 columns."""
    table = Table(box=None, pad_edge=False)
    table.add_column("search")
    table.add_column("index", overflow="fold", max_width=_WIDEST_INDEX)
    for name in ("documents", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for heading, searches in groupby(found, _heading):
        table.add_row(Text(heading, style="bold"))
        for one in searches:
            hits = "failed" if one.hits is None else str(one.hits)
            title = Padding(Text(one.search.title or one.search.of), (0, 0, 0, 2))
            index = one.search.index.replace(",", ",\n")
            table.add_row(title, index, hits, f"{one.seconds:.2f}")
    return table


def _heading(one: Checked) -> str:
    return one.search.of if one.search.title else SAVED_SEARCHES
