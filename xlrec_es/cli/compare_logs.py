"""`xlrec-es compare-logs`: which of two variants do users click?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import (
    connection_options,
    field_option,
    json_option,
    parse_assignments,
    seed_option,
)
from xlrec_es.cluster.connection import Connection, connect

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from xlrec_es.interactions.row_reader import Row


@sections.command("compare-logs")
@click.argument("log")
@click.option(
    "--clicks",
    metavar="FILE",
    help="Second log, a file or index:NAME, of clicks by user and item, if LOG has no column "
    "clicked.",
)
@click.option(
    "--placement",
    metavar="STRING",
    help="Placement whose variants are compared, by the column of that name in LOG.",
    show_default="all rows",
)
@field_option("user, variant, item, work, clicked, propensity, event or placement")
@seed_option
@json_option
@connection_options
def compare_logs(
    log: str,
    clicks: str | None,
    placement: str | None,
    assignments: tuple[str, ...],
    seed: int,
    as_json: bool,
    connection: Connection,
) -> None:
    """Compare two variants by a LOG of clicks.

    \b
    Examples:
      xlrec-es compare-logs shown.csv --field user=customer
      xlrec-es compare-logs index:shown --clicks index:clicks
      xlrec-es compare-logs index:shown --clicks index:clicks --placement home-row

    LOG is a .csv, .tsv or .jsonl file (also with .gz), or index:NAME. It has one row for each
    recommendation that a user was shown: user, variant, clicked (1 or 0), and optionally
    propensity, the probability that it was shown. A click may name the item or its document; in an
    index of events, those of disliking are no clicks. Intervals are 95%, over users. Users who saw
    both variants are left out. Where both logs have a time, clicks from before do not count.
    """
    from xlrec_es.experiments.click_logs import (
        CLICK_COLUMNS,
        COLUMNS,
        PLACEMENT,
        compare_variants,
        of_placement,
        read_clicks,
        read_log,
    )

    fields = parse_assignments(assignments)
    with contextlib.closing(connect(connection)) as client:
        found = None
        if clicks is not None:
            own = {name: column for name, column in fields.items() if name in CLICK_COLUMNS}
            found = read_clicks(_rows(client, clicks, CLICK_COLUMNS, own, ("user", "item")))
        needed = ("user", "variant", "clicked" if clicks is None else "item")
        further = () if placement is None else (PLACEMENT,)
        rows = _rows(client, log, (*COLUMNS, *further), fields, (*needed, *further))
        shown, counted = read_log(of_placement(rows, placement), found)
    report = compare_variants(shown, counted, seed=seed)
    if as_json:
        print_json(report)
        return
    console = Console()
    alike = "if all were shown alike"
    table = Table("variant", "users", "shown", "click-through rate", alike, box=box.SIMPLE)
    for name, found in report["variants"].items():
        rates = (_rate(found["click-through rate"]), _rate(found.get(alike)))
        table.add_row(name, str(found["users"]), str(found["shown"]), *rates)
    console.print(table)
    gap = report["difference"]
    console.print(f"{gap['of']} minus {gap['from']}: {_rate(gap)}, for one look")
    console.print(_stopping(report["difference, always valid"]))
    for reason, rows in report["log"].items():
        if reason != "rows":
            console.print(f"{rows} {reason}")
    if report["left out, saw both"]:
        console.print(f"{report['left out, saw both']} users saw both variants and are left out")


def _stopping(found: Mapping[str, Any] | None) -> str:
    """What may be concluded by who looks again and again."""
    if found is None:
        return "too few users to say anything for repeated looks; each variant needs 100"
    decided = found["low"] > 0 or found["high"] < 0
    advice = "you may stop: they differ" if decided else "no difference is shown yet; go on"
    return f"for repeated looks: {_rate(found)}; {advice}"


def _rows(
    client: Elasticsearch,
    source: str,
    columns: Sequence[str],
    fields: Mapping[str, str],
    needed: Sequence[str],
) -> Iterator[Row]:
    """Of a file, or of an index."""
    from xlrec_es.interactions.row_reader import INDEX, index_rows, read_rows

    if source.startswith(INDEX):
        name = source.removeprefix(INDEX)
        return index_rows(client, name, columns, fields, needed=needed)
    return read_rows(Path(source), columns, fields, needed=needed)


def _rate(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    return f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
