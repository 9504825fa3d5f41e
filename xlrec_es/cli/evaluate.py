"""`xlrec-es evaluate`: how good are recommendations across languages, on a team's own data?"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.progress import Progress
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.evaluate import job_options
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.recommend import encoder_url_option, remote_encoder
from xlrec_es.cli.options.shared import files_read, json_option, write_and_show, write_to_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UsageError
from xlrec_es.evaluate.evaluator import (
    COLD,
    COVERAGE,
    DIVERSITY,
    HIT,
    MRR,
    NDCG,
    NOVELTY,
    POPULARITY,
    RECALL,
    SOURCE_SHARE,
    labels_at,
)
from xlrec_es.evaluate.tasks.names import LISTS, TASKS
from xlrec_es.output_files import beginning, refuse_inputs, refuse_others, writing

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from xlrec_es.evaluate.dataset import EvaluationJob, Material

_WRITTEN = ("user", "item", "weight", "time")
"""Columns of a file of training interactions."""
_LINE_END = "\r\n"


@sections.command()
@job_options
@click.option(
    "--against", metavar="INDEX", help="Another index to compare with, such as the active one."
)
@click.option(
    "--write-training",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the training interactions to FILE (.tsv), for xlrec-ingest learn, and evaluate "
    "nothing.",
)
@write_to_option
@click.option(
    "--task",
    type=click.Choice(TASKS),
    default=LISTS,
    show_default=True,
    help="What is evaluated: lists, rank (held-out items among others that were drawn), or search "
    "(titles in the source language, found in others).",
)
@encoder_url_option
@json_option
def evaluate(
    job: EvaluationJob,
    against: str | None,
    write_training: Path | None,
    write_to: str | None,
    task: str,
    encoder_url: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Measure quality on held-out INTERACTIONS.

    \b
    Examples:
      xlrec-es evaluate interactions.tsv -i shop --write-training training.tsv
      xlrec-ingest learn training.tsv -i shop
      xlrec-es evaluate interactions.tsv -i shop

    INTERACTIONS is a .csv, .tsv or .jsonl file (also with .gz). A test case is a user's training
    interactions in one language; the test interactions are held-out ones in others. Every list
    comes from the index, as it would be served, and is compared with each retriever alone and with
    simple baselines. Intervals are 95%, over users.

    The index must not have learned from the test interactions: the first command writes those that
    it may learn from.
    """
    from xlrec_es.cluster.result_index import prepare
    from xlrec_es.evaluate.dataset import check_size, gather
    from xlrec_es.evaluate.experiment import run_experiment
    from xlrec_es.evaluate.result_rows import TYPES

    job = replace(job, against=against)
    if task != LISTS:
        if against or write_training or write_to:
            raise UsageError(
                "--against, --write-training and --write-to are for lists; leave them out, or "
                f"--task {task}"
            )
        _evaluate_task(job, task, connection, encoder_url, as_json=as_json)
        return
    if write_training is not None:
        inputs = (job.interactions, *files_read(click.get_current_context()))
        refuse_inputs(write_training, inputs, option="--write-training")
        head = ("\t".join(_training_columns(job.fields)) + _LINE_END).encode()
        refuse_others(
            write_training,
            lambda path: beginning(path, len(head)) == head,
            kind="file that --write-training wrote with these columns",
        )
    with contextlib.closing(connect(connection)) as client:
        if write_training is not None:
            material = gather(client, job, with_vectors=False)
            check_size(job, material)  # to say so before hours of learning
            with writing(write_training) as file:
                _write_training(file, material, job.fields)
            echo(f"{write_training}: {int(material.parts.training.sum())} interactions")
            return
        if write_to is not None:
            prepare(client, write_to, TYPES)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("searching", total=None)
            report = run_experiment(
                client, job, step=lambda n: progress.update(bar, advance=1, total=n)
            )
        write_and_show(
            None if write_to is None else lambda: write_results(client, write_to, report),
            lambda: print_json(report) if as_json else show(report, Console()),
        )


def _evaluate_task(
    job: EvaluationJob, task: str, connection: Connection, encoder_url: str | None, *, as_json: bool
) -> None:
    from xlrec_es.evaluate.tasks.experiment import run_task

    with (
        contextlib.closing(connect(connection)) as client,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        bar = progress.add_task("searching", total=None)
        report = run_task(
            client,
            job,
            task,
            encoder=remote_encoder(encoder_url),
            step=lambda n: progress.update(bar, advance=1, total=n),
        )
    if as_json:
        print_json(report)
        return
    console = Console()
    for note in report["notes"]:
        console.print(f"- {note}")
    console.print(f"{report['index']}: {report['cases']} test cases of {report['users']} users")
    console.print(_pair_table(report))


def _pair_table(report: Mapping[str, Any]) -> Table:
    """The measures of each system, over all and by pair of languages."""
    systems = report["systems"]
    measures = [name for name, found in next(iter(systems.values())).items() if "mean" in found]
    table = Table(box=box.SIMPLE)
    for name in ("languages", "users", "system", *measures):
        table.add_column(name, no_wrap=True)
    everything = {"systems": systems, "users": report["users"]}
    for row in (everything, *report["pairs"]):
        languages = f"{row['source']} to {row['target']}" if "source" in row else "all"
        for number, (name, found) in enumerate(row["systems"].items()):
            first = ("", "") if number else (languages, str(row["users"]))
            table.add_row(*first, name, *(_cell(found[m], ends=True) for m in measures))
        table.add_section()
    return table


def _training_columns(fields: Mapping[str, str]) -> list[str]:
    own = [fields.get(column, column) for column in _WRITTEN]
    return own + [name for column, name in fields.items() if column not in _WRITTEN]


def _write_training(path: Path, material: Material, fields: Mapping[str, str]) -> None:
    """A file from which `likes.read_likes` reads the training part, by the same fields.

    The weights are those that events and ratings gave, so their own columns are there but empty.
    """
    likes, columns = material.likes, _training_columns(fields)
    others = columns[len(_WRITTEN) :]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator=_LINE_END)
        writer.writerow(columns)
        for row in material.parts.training.nonzero()[0]:
            time = likes.time[row]
            writer.writerow(
                [
                    likes.users[likes.user[row]],
                    likes.works[likes.work[row]],
                    f"{likes.weight[row]:g}",
                    "" if time != time else datetime.fromtimestamp(time, UTC).isoformat(),
                    *("" for _ in others),
                ]
            )


def write_results(client: Elasticsearch, index: str, report: Mapping[str, Any]) -> None:
    """Add the rows of an evaluation to an index; see `result_rows`.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    from xlrec_es.cluster.result_index import add
    from xlrec_es.evaluate.result_rows import TYPES, rows_of_evaluation

    add(client, index, rows_of_evaluation(report, datetime.now(UTC)), types=TYPES)


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a report for people."""
    for note in (*report["verdict"], *report["notes"]):
        console.print(f"- {note}")
    parts = report["split"]
    console.print(
        f"{report['index']}: {report['cases']} test cases of {report['users']} users; split by "
        f"{parts['method']}: {parts['training']} training and {parts['held out']} test interactions"
    )
    labels = labels_at(report["job"]["k"]) | _SHORT
    for kind, pool in report["pools"].items():
        share = pool["source share of the pool"]
        caption = f"{kind} pool, {pool['items']} items, {pool['cases']} cases: what is found"
        console.print(_table(caption, pool, {name: labels[name] for name in _FOUND}))
        caption = f"{kind} pool: what lists are like ({share:.0%} of it in the source language)"
        console.print(_table(caption, pool, {name: labels[name] for name in _LIKE}))


_FOUND = (RECALL, NDCG, MRR, HIT, COLD)
_LIKE = (SOURCE_SHARE, NOVELTY, DIVERSITY, POPULARITY, COVERAGE)

_SHORT = {HIT: "hit", SOURCE_SHARE: "source", POPULARITY: "popular"}
"""Labels, where those of `evaluator.LABELS` make a table wider than a terminal."""


def _table(caption: str, pool: Mapping[str, Any], columns: Mapping[str, str]) -> Table:
    table = Table(title=caption, title_justify="left", box=box.SIMPLE)
    for name in ("system", *columns.values()):
        table.add_column(name, no_wrap=True)
    by_recall = sorted(pool["systems"].items(), key=lambda s: -s[1]["measures"][RECALL]["mean"])
    for name, system in by_recall:
        measures = {**system["measures"], COVERAGE: {"mean": system[COVERAGE]}}
        cells = [_cell(measures[key], ends=key == RECALL) for key in columns]
        table.add_row(name, *cells)
    return table


def _cell(interval: Mapping[str, float | None], *, ends: bool) -> str:
    mean = interval["mean"]
    if mean is None:
        return "-"
    if not ends:
        return f"{mean:.3f}"
    return f"{mean:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
