"""`xlrec-es export`: the lists of all users, for newsletters and caches."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import Progress

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.likes import history_options
from xlrec_es.cli.options.outcome import REJECTED, print_json
from xlrec_es.cli.options.recommend import how_options, language_parts_option
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    files_read,
    index_option,
    json_option,
    parse_assignments,
    size_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import parse_languages
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.output_files import refuse_inputs
from xlrec_es.recommend.options import Options

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.recommend.export.exporter import Exported


@sections.command()
@click.argument("interactions", type=click.Path(path_type=Path, dir_okay=False))
@index_option()
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    help="Where the lists go: a file that ends in .parquet or .jsonl, or a new index, index:NAME.",
)
@language_parts_option("every language of the index but those of the user's history")
@size_option()
@field_option(COLUMNS_OF_LIKES)
@history_options
@json_option
@how_options
@connection_options
def export(
    connection: Connection,
    interactions: Path,
    index: str,
    output: str,
    languages: tuple[str, ...],
    size: int,
    assignments: tuple[str, ...],
    events: dict[str, float] | None,
    time_format: str | None,
    as_json: bool,
    options: Options,
) -> None:
    """Write the lists of all users of INTERACTIONS.

    \b
    Examples:
      xlrec-es export interactions.tsv -i shop -o lists.parquet
      xlrec-es export interactions.tsv -i shop -l ja -l de -n 20 -o index:shop-lists

    INTERACTIONS is a .csv, .tsv or .jsonl file (also with .gz), in any order. The lists are those
    that recommend would give each user. A row has user, rank, id, item, language, score, title,
    retrievers and reasons.

    Where the collaborative retriever alone decides, lists are computed here from the index, read
    once. All others are searched for, which takes longer; the numbers of both are told.
    """
    from xlrec_es.interactions.by_user import InteractionFile
    from xlrec_es.recommend.recommender import Recommender

    inputs = (interactions, *files_read(click.get_current_context()))
    refuse_inputs(Path(output), inputs, option="--output")
    targets, options = parse_languages(languages, options)
    if events is not None:
        rules = dataclasses.replace(options.rules, events=events)
        options = dataclasses.replace(options, rules=rules)
    file = InteractionFile(interactions, parse_assignments(assignments), time_format)
    with (
        contextlib.closing(connect(connection)) as client,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("users", total=None)
        recommender = Recommender(client, index, options=options, timeout_s=connection.timeout_s)
        exported = recommender.export(
            file,
            output,
            languages=targets,
            size=size,
            step=lambda users: progress.update(task, advance=users),
        )
    if as_json:
        print_json(exported.told())
    else:
        _show(exported, output)
    if exported.degraded:
        raise SystemExit(REJECTED)


def _show(exported: Exported, output: str) -> None:
    """Tell what became of an export."""
    from xlrec_es.interactions.likes import warning_of

    echo(f"{output}: lists of {exported.lists} of {exported.users} users, {exported.rows} rows")
    for reason, users in exported.searched.items():
        echo(f"{users} lists were searched for: {reason}")
    for reason, users in exported.without.items():
        echo(f"{users} users have no list: {reason}")
    if exported.unknown_items:
        echo(f"{exported.unknown_items} items of users are not in the index")
    for reason, rows in exported.report.items():
        if reason != "rows":
            echo(f"{rows} {reason}")
    if warning := warning_of(exported.report):
        echo(warning, err=True)
    for sentence, users in exported.degraded.items():
        echo(f"{users} lists: {sentence}", err=True)
