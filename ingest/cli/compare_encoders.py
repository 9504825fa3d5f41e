"""`xlrec-ingest compare-encoders`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingest.cli.options.encoder import device_option
from ingest.cli.options.record_fields import parse_language_map, parse_paths
from ingest.cli.reencode import split_columns
from ingest.cli.run import LANGUAGE_MAP
from ingest.encode.options import DTYPES, MAX_TOKENS, EncoderOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import (
    json_option,
    max_users_option,
    quiet_option,
    seed_option,
)

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from ingest.finetune.release.encoder_comparison import Told

_SHOWN_PAIRS = 12


@sections.command("compare-encoders")
@click.argument(
    "interactions", metavar="INTERACTIONS", type=click.Path(path_type=Path, dir_okay=False)
)
@click.option(
    "--items",
    required=True,
    metavar="FILE",
    help="Catalog, as for run.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="MODEL[@DIMS]",
    help="Encoder, as for run, optionally cut to so many dimensions; others are compared with the "
    "first. Repeatable.",
)
@click.option(
    "--field",
    "-f",
    "assignments",
    multiple=True,
    metavar="NAME=FIELD",
    help="Which field is what, as for run; also user, item ... for the columns of INTERACTIONS. "
    "Repeatable.",
)
@LANGUAGE_MAP
@like_options
@seed_option
@max_users_option()
@click.option(
    "--max-tokens",
    type=click.IntRange(min=8),
    default=MAX_TOKENS,
    show_default=True,
    metavar="N",
    help="Tokens of a text that are encoded; BM25 still indexes the whole text.",
)
@device_option(click.option)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="auto",
    show_default=True,
    help="Data type of computation; auto takes bfloat16 where it is faster.",
)
@quiet_option
@json_option
def compare_encoders(
    interactions: Path,
    items: str,
    models: tuple[str, ...],
    assignments: tuple[str, ...],
    language_map: tuple[str, ...],
    events: Mapping[str, float] | None,
    min_rating: float | None,
    time_format: str | None,
    seed: int,
    max_users: int,
    max_tokens: int,
    device: str,
    dtype: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare encoders on your own INTERACTIONS.

    \b
    Examples:
      xlrec-ingest compare-encoders interactions.tsv --items items.jsonl --model a --model b

    No index and no cluster is needed: all texts of the catalog are encoded by each model, in
    memory.

    Interactions are held out, and looked for in other languages, as by xlrec-es evaluate: by the
    texts alone, and, for items without interactions, by what they inherit from items near to them.
    The recommended model is the one with the fewest dimensions that is not significantly worse than
    another. Nothing else of a recommender is measured: associations often matter more than texts.
    """
    from ingest.finetune.data.catalog_likes import CatalogJob, read_catalog_likes
    from ingest.finetune.release.encoder_comparison import Candidate
    from ingest.finetune.release.encoder_comparison import compare_encoders as compare
    from xlrec_es.records.field_map import FieldMap

    columns, others = split_columns(assignments)
    declared = (click.get_current_context().default_map or {}).get("fields", {})
    job = CatalogJob(
        items,
        interactions,
        fields=FieldMap.from_mapping({**declared, **parse_paths(tuple(others))}),
        language_map=parse_language_map(language_map),
        columns=columns,
        min_rating=min_rating,
        events=events,
        time_format=time_format,
        seed=seed,
        max_users=max_users,
    )
    options = EncoderOptions(max_tokens=max_tokens, device=device, dtype=dtype)
    with _progress(shown=not quiet) as told:
        candidates = [Candidate.parse(model) for model in models]
        done = compare(read_catalog_likes(job), candidates, options, seed=seed, told=told)
    if as_json:
        print_json(done)
    else:
        _show(done)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Told]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    disabled = not (shown and console.is_terminal)
    with Progress(*columns, console=console, disable=disabled, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def told(name: str, part: float) -> None:
            bar.update(task, description=f"encoding with {name}", completed=part)

        yield told


def _show(done: Mapping[str, Any]) -> None:
    console = Console()
    k, rows = done["k"], done["models"]
    table = Table(
        "model",
        "dims",
        f"recall@{k}",
        f"less {rows[0]['model']}",
        f"cold start, recall@{done['cold_start_k']}",
        "texts/s",
        "memory, bytes",
        "disk, bytes",
        title="Encoders; bytes of one text in an index",
    )
    for row in rows:
        table.add_row(
            row["model"],
            str(row["dims"]),
            _interval(row["recall"]),
            _interval(row["change"], sign="+"),
            _interval(row["cold_start_recall"]),
            f"{row['texts_per_s']:,.0f}",
            f"{row['memory_bytes']:,}",
            f"{row['disk_bytes']:,}",
        )
    console.print(table)
    names = [row["model"] for row in rows]
    pairs = Table("languages", "users", *names, title=f"recall@{k} by language pair")
    for row in done["pairs"][:_SHOWN_PAIRS]:
        recalls = [_interval(row["recall"][name]) for name in names]
        pairs.add_row(row["pair"], str(row["users"]), *recalls)
    console.print(pairs)
    told = done["recommended"]
    console.print(
        f"{done['users']} users, {done['items']} items, {done['documents']} texts; "
        f"recommended: {told['model']} ({told['why']})"
    )


def _interval(values: list[float] | None, sign: str = "") -> str:
    if values is None:
        return ""
    mean, low, high = values
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
