"""`xlrec-es report`: an evaluation as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from xlrec_es import exact_json
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.shared import files_read
from xlrec_es.cli.options.terminal import echo
from xlrec_es.errors import InvalidJson, UsageError
from xlrec_es.output_files import beginning, explained, refuse_inputs, refuse_others, writing

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.report.charts import Chart

_STDIN = "<stdin>"
_PNG, _OF_VEGA = b"\x89PNG\r\n\x1a\n", b'class="marks"'
_LOOKED_AT = 300  # bytes


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
    from xlrec_es.report.html_page import PAGE, is_page

    name = getattr(evaluation, "name", _STDIN)
    inputs = ("-" if name == _STDIN else name, *files_read(click.get_current_context()))
    refuse_inputs(output, inputs, option="--output")
    refuse_others(output, is_page, kind=PAGE)
    try:
        found = exact_json.loads(evaluation.read(), exact=False)
    except InvalidJson as error:
        raise UsageError(f"{evaluation.name} is {error}") from error
    page = render(found)
    charts = charts_by_path(found, folder, kind) if folder is not None else {}
    for path in charts:
        refuse_inputs(path, inputs, option="--figures")
        if path.exists():
            refuse_others(path, _is_picture, kind="chart of xlrec-es report")
    with writing(output) as file:
        file.write_text(page, "utf-8")
    echo(output)
    for path in write_charts(charts, kind):
        echo(path)


def charts_by_path(evaluation: Mapping[str, Any], folder: Path, kind: str) -> dict[Path, Chart]:
    """Every picture of a report by the file that it goes into, `svg` or `png`."""
    from xlrec_es.report.figures import figures

    return {
        folder / f"{one.name}.{kind}": one.chart
        for pool in evaluation["pools"]
        for one in figures(evaluation, pool)
    }


def write_charts(charts: Mapping[Path, Chart], kind: str) -> Iterator[Path]:
    """Write what `charts_by_path` gave; folders are made if need be."""
    from xlrec_es.report.charts import as_png, as_svg

    for path, chart in charts.items():
        picture = as_png(chart) if kind == "png" else as_svg(chart).encode()
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as file:
            file.write_bytes(picture)
        yield path


def _is_picture(path: Path) -> bool:
    """Whether a file is a picture as `write_charts` writes them: what Vega draws, or any PNG."""
    first = beginning(path, _LOOKED_AT)
    return first.startswith(_PNG) or (first.startswith(b"<svg ") and _OF_VEGA in first)
