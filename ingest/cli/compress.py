"""`xlrec-ingest compress`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ingest.cli.options.encoder import own_encoder_options
from ingest.cli.options.training import refuse_replaced, show_results
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import json_option, seed_option

METHODS = ("pca", "matryoshka", "int8", "static")


@sections.command()
@click.argument("pairs", metavar="PAIRS", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--output",
    "-o",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder for the smaller model.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    required=True,
    help="Fewer dimensions: pca, or matryoshka for a model trained for truncation. A faster model "
    "for CPUs: int8, or static, which runs no transformer.",
)
@click.option(
    "--dims",
    type=click.IntRange(1),
    metavar="N",
    help="Dimensions to keep.",
    show_default="of static, 256",
)
@seed_option
@json_option
@own_encoder_options
def compress(
    pairs: Path,
    folder: Path,
    method: str,
    dims: int | None,
    seed: int,
    as_json: bool,
    model: str,
    encoder: EncoderOptions,
) -> None:
    """Make an encoder smaller or faster.

    \b
    Examples:
      xlrec-ingest compress pairs --method pca --dims 128 -o small

    The loss of quality is measured and printed.

    PAIRS is a folder that xlrec-ingest pairs wrote. Its texts show which directions matter, and its
    held-out interactions what is lost. Methods can follow each other, int8 last.
    """
    from ingest.finetune.compression.compress import CompressJob
    from ingest.finetune.compression.compress import compress as make

    refuse_replaced(folder, pairs, model)
    job = CompressJob(pairs, folder, method, model=model, dims=dims, options=encoder, seed=seed)
    done = make(job)
    if as_json:
        print_json(done)
    else:
        _show(done)


def _show(done: Mapping[str, Any]) -> None:
    console = Console()
    show_results(console, done["results"])
    change = done["change"]
    console.print(
        f"recall@{done['k']} of {done['users']} users changes by {change['mean']:+.3f} "
        f"[{change['low']:+.3f}, {change['high']:+.3f}]; {done['folder']} in {done['seconds']} s"
    )
