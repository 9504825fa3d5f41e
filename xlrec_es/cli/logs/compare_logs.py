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
@click.option(
    "--ubi",
    "is_ubi",
    is_flag=True,
    help="Read LOG by the names of User Behavior Insights (UBI); the clicks are in it too, unless "
    "--clicks names another log of UBI.",
)
@field_option("user, variant, item, work, clicked, propensity, event, placement or query_id")
@seed_option
@json_option
@connection_options
def compare_logs(
    log: str,
    clicks: str | None,
    placement: str | None,
    is_ubi: bool,
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
      xlrec-es compare-logs index:ubi_events --ubi --field variant=event_attributes.variant

    LOG is a .csv, .tsv or .jsonl file (also with .gz), or index:NAME. It has one row for each
    recommendation that a user was shown: user, variant, clicked (1 or 0), and optionally
    propensity, the probability that it was shown. A click may name the item or its document; in an
    index of events, those of disliking are no clicks. Intervals are 95%, over users. Users who saw
    both variants are left out. Where both logs have a time, clicks from before do not count, and
    where both have a query_id, clicks on another list do not.
    """
    from xlrec_es.experiments.click_logs import (
        compare_variants,
        of_placement,
        read_clicks,
        read_log,
    )

    fields = parse_assignments(assignments)
    with contextlib.closing(connect(connection)) as client:
        read = _ubi_rows if is_ubi else _own_rows
        rows, done = read(client, log, clicks, fields, placement)
        found = None if done is None else read_clicks(done)
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


def _own_rows(
    client: Elasticsearch,
    log: str,
    clicks: str | None,
    fields: Mapping[str, str],
    placement: str | None,
) -> tuple[Iterator[Row], Iterator[Row] | None]:
    """What was shown, and what was clicked if that is elsewhere."""
    from xlrec_es.experiments.click_logs import CLICK_COLUMNS, COLUMNS, PLACEMENT

    done = None
    if clicks is not None:
        own = {name: column for name, column in fields.items() if name in CLICK_COLUMNS}
        done = _rows(client, clicks, CLICK_COLUMNS, own, ("user", "item"))
    needed = ("user", "variant", "clicked" if clicks is None else "item")
    further = () if placement is None else (PLACEMENT,)
    return _rows(client, log, (*COLUMNS, *further), fields, (*needed, *further)), done


def _ubi_rows(
    client: Elasticsearch,
    log: str,
    clicks: str | None,
    fields: Mapping[str, str],
    placement: str | None,
) -> tuple[Iterator[Row], Iterator[Row] | None]:
    """The same of logs of UBI."""
    from xlrec_es.experiments.click_logs import (
        CLICK_COLUMNS,
        COLUMNS,
        PLACEMENT,
        UBI_COLUMNS,
        of_ubi,
    )

    further = () if placement is None else (PLACEMENT,)
    columns = (*COLUMNS, *UBI_COLUMNS, *further)
    rows = _renamed(client, log, columns, fields, ("item", *fields, *further))
    own = {name: path for name, path in fields.items() if not clicks and name in CLICK_COLUMNS}
    columns = (*CLICK_COLUMNS, *UBI_COLUMNS)
    done = _renamed(client, clicks or log, columns, own, ("item", "event", *own))
    return of_ubi(rows, shown=True), of_ubi(done, shown=False)


def _renamed(
    client: Elasticsearch,
    source: str,
    columns: Sequence[str],
    fields: Mapping[str, str],
    needed: Sequence[str],
) -> Iterator[Row]:
    """Rows of a log of UBI under our names; it need not have but those that are needed."""
    from xlrec_es.interactions import ubi

    paths = {name: fields.get(name, ubi.FIELDS.get(name, name)) for name in columns}
    # A row with several items is one for each, and they are known by this name.
    read = {name: name if name == "item" else path for name, path in paths.items()}
    must = [read[name] for name in dict.fromkeys(needed)]
    for row in _rows(
        client, source, [*dict.fromkeys(read.values())], {"item": paths["item"]}, must
    ):
        yield {name: row[path] for name, path in read.items()}


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
