"""`xlrec-es tune`: fusion weights for an index, learned from likes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich import box
from rich.progress import Progress
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.evaluate import job_options
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.evaluate.evaluator import NDCG, RECALL

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.evaluate.dataset import EvaluationJob


@sections.command()
@job_options
@click.option(
    "--measure",
    type=click.Choice([RECALL, NDCG]),
    default=RECALL,
    show_default=True,
    help="What is to become better, in the mean over the pools.",
)
@click.option(
    "--interests",
    multiple=True,
    type=click.IntRange(1, 100),
    metavar="N",
    help="Try so many interests too; each number takes another round of searches. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Learn and show, but write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def tune(
    job: EvaluationJob,
    measure: str,
    interests: tuple[int, ...],
    dry_run: bool,
    as_json: bool,
    connection: Connection,
) -> None:
    """Learn fusion weights from INTERACTIONS.

    \b
    Examples:
      xlrec-es tune likes.tsv -i shop --dry-run

    They are written into the index if they are better.

    The split is that of xlrec-es evaluate, and the index's indicators must be learned from its
    training part. What is found by cross-validation on some persons is checked on others; a gain
    inside the noise is not taken. From then on, whoever asks the index is served by it.
    """
    from xlrec_es.evaluate import tuning

    with (
        contextlib.closing(connect(connection)) as client,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("searching", total=None)
        report = tuning.run(
            client,
            job,
            measure=measure,
            interests=interests,
            dry_run=dry_run,
            step=lambda n: progress.update(task, advance=1, total=n),
        )
    if as_json:
        echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        _show(report, Console())


def _show(report: Mapping[str, Any], console: Console) -> None:
    for note in report["notes"]:
        console.print(f"- {note}")
    weights = Table("leg", "before", "proposed", "least", "most", box=box.SIMPLE)
    for leg, before in report["before"].items():
        folds = [fold[leg] for fold in report["folds"]]
        numbers = (before, report["proposed"][leg], min(folds), max(folds))
        weights.add_row(leg, *(f"{number:.3f}" for number in numbers))
    console.print(weights)
    options = report["options"]
    for name, before in options["before"].items():
        tried = ", ".join(f"{value:g}" for value in sorted({o[name] for o in options["tried"]}))
        console.print(f"{name}: {before:g}, proposed {options['proposed'][name]:g}; tried {tried}")
    persons = report["persons"]
    for pool, found in report["on other persons"].items():
        table = Table(title=f"{pool} pool", title_justify="left", box=box.SIMPLE)
        table.add_column(f"on {persons['checking']} other persons")
        table.add_column(report["measure"])
        for name, worth in found["systems"].items():
            table.add_row(name, f"{worth['mean']:.3f} [{worth['low']:.3f}, {worth['high']:.3f}]")
        console.print(table)
    gain = report["gain on other persons"]
    text = f"gain {gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    tried = f"{report['trials']} settings tried on {persons['tuning']} persons"
    console.print(f"{text}, p = {gain['p_value']:.3f}; {tried}")
    if report["written"]:
        console.print(f"written into {report['index']}")
    elif report["accepted"]:
        console.print("better; nothing is written, as you asked")
    else:
        console.print("the gain is inside the noise: the weights stay as they are")
