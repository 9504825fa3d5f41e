"""`xlrec-ingest pairs`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
from rich.table import Table

from ingest.cli.learn import MODELS
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.evaluate import split_options
from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    index_option,
    parse_assignments,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect

# Exact EASE weighs works that nobody likes together, too; a pair must be borne out by a person.
LEARNERS = tuple(name for name in MODELS if name != "ease")
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
    help="Folder for the pairs and what they are measured on; written anew.",
)
@field_option(COLUMNS_OF_LIKES, needed="user and item")
@like_options
@click.option(
    "--learner",
    type=click.Choice(LEARNERS),
    default=LEARNERS[0],
    show_default=True,
    help="What says which works go together; see xlrec-ingest learn --model.",
)
@split_options
@click.option("--seed", default=0, show_default=True, metavar="N", help="Same seed, same pairs.")
@click.option(
    "--max-persons",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="At most so many persons are measured on.",
)
@click.option(
    "--min-persons",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Works liked by fewer persons are paired with their own renditions alone.",
)
@click.option(
    "--max-works",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Of a person who liked more, a robot perhaps, only the latest so many count.",
)
@click.option(
    "--per-work",
    default=50,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="A work begins at most so many pairs, the heaviest.",
)
@click.option(
    "--clicks",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of queries and clicked items: query, item, and language and user if there are any.",
)
@click.option(
    "--negatives",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Give each pair so many texts that the index's vectors find near it and persons do not.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
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
    max_persons: int,
    min_persons: int,
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
      xlrec-ingest pairs likes.tsv --index shop -o pairs

    A pair is of two texts in different languages that the same users like.

    INTERACTIONS is a .csv, .tsv or .jsonl file (also with .gz); texts are read from the index. Two
    works make a pair if the same persons like them; so do renditions of one work, and a query with
    what was clicked. Likes are held out first, as by xlrec-es evaluate with the same --seed, so
    that the gain can be measured.
    """
    from ingest.finetune.data.pairs import PairsJob, make, summary
    from ingest.indicators.learners import LEARNERS as BY_NAME

    start = time.perf_counter()
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
        max_persons=max_persons,
        min_persons=min_persons,
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
        echo(orjson.dumps(done, option=orjson.OPT_INDENT_2))
    else:
        _show(done)


def _show(done: Mapping[str, Any]) -> None:
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{done['index']} ({done['version']})")
    for reason, count in done["interactions"].items():
        grid.add_row(f"  {reason}", str(count))
    parts = done["split"]
    grid.add_row("learned from", f"{done['training likes']} likes")
    held_out = f"{done['held-out likes']} likes, by {parts['method']}"
    grid.add_row("held out", f"{held_out}: {done['cases']} cases of {done['persons measured']}")
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
