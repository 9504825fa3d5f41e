"""`xlrec-es kibana preview`: dashboards drawn without Kibana."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from xlrec_es.cli.kibana.check import file_argument, other_index_option
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.shared import connection_options, files_read
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UsageError
from xlrec_es.output_files import refuse_inputs, refuse_others, writing


@sections.command()
@file_argument
@other_index_option
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default="preview.html",
    show_default=True,
    metavar="FILE",
    help="HTML file to write.",
)
@connection_options
def preview(file: Path, index: str | None, output: Path, connection: Connection) -> None:
    """Draw the dashboards of FILE as a page, without Kibana.

    \b
    Examples:
      xlrec-es kibana preview shop.ndjson -o preview.html

    FILE is what `kibana export` wrote. Each panel is drawn from the live index by Vega, as in
    Kibana, with its numbers below it. The page needs no network, and has a light and a dark mode.
    """
    from xlrec_es.kibana.check import send
    from xlrec_es.kibana.preview import render
    from xlrec_es.kibana.saved_objects import read_ndjson
    from xlrec_es.kibana.searches import dashboards_of, with_catalog
    from xlrec_es.report.html_page import PAGE, is_page

    refuse_inputs(output, (file, *files_read(click.get_current_context())), option="--output")
    refuse_others(output, is_page, kind=PAGE)
    found = dashboards_of(with_catalog(read_ndjson(file), index))
    if not found:
        raise UsageError(f"{file} holds no dashboard")
    with contextlib.closing(connect(connection)) as client:
        html = render(found, lambda name, body: send(client, name, body))
    with writing(output) as file_written:
        file_written.write_text(html, "utf-8")
    echo(output)
