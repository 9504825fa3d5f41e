"""`xlrec-es report`: an evaluation as a page for people."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click
import orjson

from xlrec_es.errors import UsageError
from xlrec_es.report import render


@click.command()
@click.argument("evaluation", type=click.File("rb"))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="The HTML file.",
)
def report(evaluation: BinaryIO, output: Path) -> None:
    """Make one HTML file of EVALUATION, the JSON that xlrec-es evaluate --json printed.

    Pictures with their tables, lists of some persons with reasons, and how to repeat it. The file
    needs no network.

    \b
    Example: xlrec-es evaluate likes.tsv -i shop --json > evaluation.json
             xlrec-es report evaluation.json -o report.html
    """
    try:
        found = orjson.loads(evaluation.read())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{evaluation.name} is not JSON: {error}") from error
    output.write_text(render(found), "utf-8")
    click.echo(output)
