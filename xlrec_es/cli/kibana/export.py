"""`xlrec-es kibana export`: data views, saved searches and dashboards as a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from xlrec_es.cli.kibana.contents import Contents, contents_options
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import connection_options, files_read, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection
from xlrec_es.output_files import refuse_inputs, refuse_others, writing

_NAMES = {"index-pattern": "data views", "search": "saved searches", "dashboard": "dashboards"}


@sections.command()
@contents_options(required=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    show_default="INDEX.ndjson",
    help="File to write.",
)
@json_option
@connection_options
def export(contents: Contents, output: Path | None, as_json: bool, connection: Connection) -> None:
    """Write data views, saved searches and dashboards for Kibana.

    \b
    Examples:
      xlrec-es kibana export -i shop -o shop.ndjson
      xlrec-es kibana export -i shop --evaluations quality --runs runs
      xlrec-es kibana export -i shop --link url --image picture

    Ids stay the same, so that what is imported again takes the place of what is there. A panel
    whose index you do not name says which command makes its data. An earlier export is replaced;
    any other file is not.
    """
    from xlrec_es.kibana.saved_objects import is_export, ndjson

    path = output or Path(f"{contents.index}.ndjson")
    refuse_inputs(path, files_read(click.get_current_context()), option="--output")
    refuse_others(path, is_export, kind="export of Kibana's saved objects")
    objects = contents.objects(connection)
    with writing(path) as file:
        file.write_bytes(ndjson(objects))
    counts = Counter(one.type for one in objects)
    if as_json:
        print_json({"file": str(path), "objects": dict(counts)})
        return
    parts = ", ".join(f"{counts[kind]} {name}" for kind, name in _NAMES.items())
    echo(f"{path}: {parts}")
