"""`xlrec-es report`: an evaluation as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click

from xlrec_es import exact_json
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.terminal import echo
from xlrec_es.errors import InvalidJson, UsageError


@sections.command()
@click.argument("evaluation", type=click.File("rb"))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="HTML file to write.",
)
@click.option(
    "--figures",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder to write the charts into as well, a file each.",
)
@click.option(
    "--format",
    "-F",
    "kind",
    type=click.Choice(["svg", "png"]),
    default="svg",
    show_default=True,
    help="Format of the files of --figures.",
)
def report(evaluation: BinaryIO, output: Path, folder: Path | None, kind: str) -> None:
    """Make an HTML report of an EVALUATION.

    \b
    Examples:
      xlrec-es evaluate interactions.tsv -i shop --json > evaluation.json
      xlrec-es report evaluation.json -o report.html --figures slides --format png

    EVALUATION is the JSON that `xlrec-es evaluate --json` printed.

    The report has charts with their tables, lists of some users with explanations, and the command
    that repeats it. It needs no network.
    """
    from xlrec_es.report.evaluation_page import render

    try:
        found = exact_json.loads(evaluation.read(), exact=False)
    except InvalidJson as error:
        raise UsageError(f"{evaluation.name} is {error}") from error
    output.write_text(render(found), "utf-8")
    echo(output)
    if folder is not None:
        for path in write_figures(found, folder, kind):
            echo(path)


def write_figures(evaluation: Mapping[str, Any], folder: Path, kind: str) -> Iterator[Path]:
    """Write every picture of a report, `svg` or `png`, into a folder that is made if need be."""
    from xlrec_es.report.charts import as_png, as_svg
    from xlrec_es.report.figures import figures

    folder.mkdir(parents=True, exist_ok=True)
    for pool in evaluation["pools"]:
        for one in figures(evaluation, pool):
            path = folder / f"{one.name}.{kind}"
            path.write_bytes(as_png(one.chart) if kind == "png" else as_svg(one.chart).encode())
            yield path
