"""`xlrec-es tune`: fusion weights for an index, learned from interactions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.progress import Progress
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.evaluate import job_options
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import dry_run_option, json_option, write_and_show, write_to_option
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.evaluate.evaluator import NDCG, RECALL

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.evaluate.dataset import EvaluationJob


@sections.command()
@job_options
@renamed_option(
    "--metric",
    "measure",
    old=("--measure",),
    type=click.Choice([RECALL, NDCG]),
    default=RECALL,
    show_default=True,
    help="Metric to maximize, averaged over the pools.",
)
@click.option(
    "--interests",
    multiple=True,
    type=click.IntRange(1, 100),
    metavar="N",
    help="Number of interests to try too; each takes another round of searches. Repeatable.",
)
@write_to_option
@dry_run_option
@json_option
def tune(
    job: EvaluationJob,
    measure: str,
    interests: tuple[int, ...],
    write_to: str | None,
    dry_run: bool,
    as_json: bool,
    connection: Connection,
) -> None:
    """Learn fusion weights from INTERACTIONS.

    \b
    Examples:
      xlrec-es tune interactions.tsv -i shop --dry-run

    They are written into the index if they are better, and serve every request from then on.

    The split is that of xlrec-es evaluate, and the index must have learned from its training part
    only. Weights are chosen by cross-validation on some users and checked on others. A gain that
    is not statistically significant is not taken.
    """
    from xlrec_es.cluster.result_index import add, prepare
    from xlrec_es.evaluate import result_rows, tuning

    with contextlib.closing(connect(connection)) as client:
        if write_to is not None:
            prepare(client, write_to, result_rows.TYPES)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("searching", total=None)
            report = tuning.run(
                client,
                job,
                measure=measure,
                interests=interests,
                dry_run=dry_run,
                step=lambda n: progress.update(task, advance=1, total=n),
            )

        def write(index: str) -> None:
            row = result_rows.row_of_tuning(report, datetime.now(UTC))
            add(client, index, [row], types=result_rows.TYPES)

        write_and_show(
            None if write_to is None else lambda: write(write_to),
            lambda: print_json(report) if as_json else _show(report, Console()),
        )


def _show(report: Mapping[str, Any], console: Console) -> None:
    for note in report["notes"]:
        console.print(f"- {note}")
    weights = Table("retriever", "before", "proposed", "least", "most", box=box.SIMPLE)
    before, proposed = report["before"], report["proposed"]
    for retriever in report["folds"][0]:
        folds = [fold[retriever] for fold in report["folds"]]
        numbers = (how["weights"].get(retriever) for how in (before, proposed))
        shown = ("-" if number is None else f"{number:.3f}" for number in numbers)
        weights.add_row(retriever, *shown, f"{min(folds):.3f}", f"{max(folds):.3f}")
    console.print(f"fusion: {before['fusion']}, proposed {proposed['fusion']}")
    console.print(weights)
    options = report["options"]
    for name, before in options["before"].items():
        tried = ", ".join(f"{value:g}" for value in sorted({o[name] for o in options["tried"]}))
        console.print(f"{name}: {before:g}, proposed {options['proposed'][name]:g}; tried {tried}")
    users = report["users"]
    for pool, found in report["on other users"].items():
        table = Table(title=f"{pool} pool", title_justify="left", box=box.SIMPLE)
        table.add_column(f"on {users['checking']} other users")
        table.add_column(report["measure"])
        for name, worth in found["systems"].items():
            table.add_row(name, f"{worth['mean']:.3f} [{worth['low']:.3f}, {worth['high']:.3f}]")
        console.print(table)
    gain = report["gain on other users"]
    text = f"gain {gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    tried = f"{report['trials']} settings tried on {users['tuning']} users"
    console.print(f"{text}, p = {gain['p_value']:.3f}; {tried}")
    if report["written"]:
        console.print(f"written into {report['index']}")
    elif report["accepted"]:
        console.print("better; nothing is written, because of --dry-run")
    else:
        console.print("the gain is not statistically significant: the weights stay as they are")
