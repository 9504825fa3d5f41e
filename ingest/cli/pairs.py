"""`xlrec-ingest pairs`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ingest.cli.learn import LEARNER_HELP, NAMES, max_items_option
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.evaluate import split_options
from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    files_read,
    index_option,
    json_option,
    max_users_option,
    parse_assignments,
    seed_option,
)
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.output_files import refuse_inputs

# Exact EASE also relates items that no user has in common; a pair needs such a user.
PAIRING = tuple(name for name in NAMES if name != "ease")
_SHOWN = 60  # characters of a text


@sections.command()
@click.argument(
    "interactions", metavar="INTERACTIONS", type=click.Path(path_type=Path, dir_okay=False)
)
@index_option()
@click.option(
    "--output",
    "-o",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder for the pairs and the data that they are measured on.",
)
@field_option(COLUMNS_OF_LIKES, needed="user and item")
@like_options
@click.option(
    "--learner",
    type=click.Choice(PAIRING),
    default=PAIRING[0],
    show_default=True,
    help=LEARNER_HELP,
)
@split_options
@seed_option
@max_users_option()
@renamed_option(
    "--min-pair-users",
    "min_users",
    old=("--min-persons",),
    default=2,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Fewest users of an item; items with fewer are paired with their own language versions.",
)
@max_items_option
@renamed_option(
    "--max-pairs-per-item",
    "per_work",
    old=("--per-work",),
    default=50,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Most pairs that begin at one item; the heaviest are kept.",
)
@renamed_option(
    "--query-clicks",
    "clicks",
    old=("--clicks",),
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of search queries and clicked items: query, item, and optionally language and user.",
)
@click.option(
    "--negatives",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Hard negatives of each pair: texts that are near it in the index, but not to its users.",
)
@json_option
@connection_options
def pairs(
    interactions: Path,
    index: str,
    folder: Path,
    assignments: tuple[str, ...],
    events: Mapping[str, float] | None,
    min_rating: float | None,
    time_format: str | None,
    learner: str,
    method: str | None,
    part: float,
    cold: float,
    seed: int,
    max_users: int,
    min_users: int,
    max_works: int,
    per_work: int,
    clicks: Path | None,
    negatives: int,
    as_json: bool,
    connection: Connection,
) -> None:
    """Make training pairs from INTERACTIONS.

    \b
    Examples:
      xlrec-ingest pairs interactions.tsv --index shop -o pairs

    A pair is two texts in different languages that the same users like.

    INTERACTIONS is a .csv, .tsv or .jsonl file (also with .gz); texts are read from the index. Two
    items make a pair if the same users like them. So do language versions of one item, and a query
    with a clicked item. Some interactions are held out first, as by xlrec-es evaluate with the same
    --seed, to measure the gain.
    """
    from ingest.finetune.data import training_set
    from ingest.finetune.data.pairs import PairsJob, make, summary
    from ingest.indicators.learners import LEARNERS as BY_NAME

    start = time.perf_counter()
    inputs = (interactions, clicks, *files_read(click.get_current_context()))
    for path in training_set.files_in(folder):
        refuse_inputs(path, inputs, option="--output")
    training_set.check_free(folder)
    job = PairsJob(
        interactions,
        index,
        fields=parse_assignments(assignments, example="item=film_id"),
        min_rating=min_rating,
        events=events,
        time_format=time_format,
        learner=BY_NAME[learner](),
        method=method,
        part=part,
        cold=cold,
        seed=seed,
        max_users=max_users,
        min_users=min_users,
        max_works=max_works,
        per_work=per_work,
        clicks=clicks,
        negatives=negatives,
    )
    with connect(connection) as client:
        data = make(client, job)
    data.write(folder)
    done = {"folder": str(folder), **summary(data, time.perf_counter() - start)}
    if as_json:
        print_json(done)
    else:
        _show(done)


def _show(done: Mapping[str, Any]) -> None:
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{done['index']} ({done['version']})")
    for reason, count in done["interactions"].items():
        grid.add_row(f"  {reason}", str(count))
    parts = done["split"]
    grid.add_row("learned from", f"{done['training likes']} interactions")
    held_out = f"{done['held-out likes']} interactions, by {parts['method']}"
    grid.add_row("held out", f"{held_out}: {done['cases']} cases of {done['users measured']}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in done["kinds"].items())
    grid.add_row("pairs", f"{done['pairs']} ({kinds})")
    top = list(done["languages"].items())[:8]
    grid.add_row("languages", ", ".join(f"{pair} {count}" for pair, count in top))
    grid.add_row("folder", done["folder"])
    grid.add_row("seconds", str(done["seconds"]))
    console.print(grid)
    samples = Table("anchor", "positive", "kind")
    for one in done["examples"]:
        texts = (
            f"{one[f'{side}_language']}: {one[side].replace(chr(10), ' ')[:_SHOWN]}"
            for side in ("anchor", "positive")
        )
        samples.add_row(*texts, one["kind"])
    console.print(samples)
