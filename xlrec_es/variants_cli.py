"""`xlrec-es compare-logs`: which of two variants do people click?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xlrec_es.options import field_option, parse_assignments
from xlrec_es.variants import compare_variants, read_log


@click.command("compare-logs")
@click.argument("log", type=click.Path(path_type=Path, dir_okay=False))
@field_option("user, variant, clicked or propensity")
@click.option("--seed", default=0, show_default=True, help="Same seed, same numbers.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def compare_logs(log: Path, assignments: tuple[str, ...], seed: int, as_json: bool) -> None:
    """Compare two variants by a LOG of what was shown and clicked.

    LOG is a .csv, .tsv or .jsonl file (also with .gz), one row for each recommendation that a
    person was shown: user, variant, clicked (1 or 0), and propensity, the probability that it was
    shown, if you have it. Intervals are 95%, over persons; whoever saw both variants is left out.

    \b
    Example: xlrec-es compare-logs shown.csv --field user=customer
    """
    shown, counted = read_log(log, parse_assignments(assignments))
    report = compare_variants(shown, counted, seed=seed)
    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
        return
    console = Console()
    alike = "if all were shown alike"
    table = Table("variant", "persons", "shown", "click-through rate", alike, box=box.SIMPLE)
    for name, found in report["variants"].items():
        rates = (_rate(found["click-through rate"]), _rate(found.get(alike)))
        table.add_row(*map(escape, (name, str(found["persons"]), str(found["shown"]), *rates)))
    console.print(table)
    gap = report["difference"]
    console.print(escape(f"{gap['of']} minus {gap['from']}: {_rate(gap)}"))
    if report["left out, saw both"]:
        console.print(f"{report['left out, saw both']} persons saw both variants and are left out")


def _rate(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    return f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
