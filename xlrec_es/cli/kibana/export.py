"""`xlrec-es kibana export`: data views, saved searches and dashboards as a file."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import (
    connection_options,
    files_read,
    index_option,
    json_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.output_files import refuse_inputs

_NAMES = {"index-pattern": "data views", "search": "saved searches", "dashboard": "dashboards"}


@sections.command()
@index_option("Alias of the catalog.")
@click.option("--evaluations", metavar="INDEX", help="Index that evaluate --write-to adds to.")
@click.option("--shown", metavar="INDEX", help="Index of the lists that users were shown.")
@click.option("--clicks", metavar="INDEX", help="Index of what users did.")
@click.option(
    "--runs",
    metavar="INDEX",
    help="Index that xlrec-ingest run --write-to adds to; INDEX-rejects has the rejected records.",
)
@click.option(
    "--link",
    "links",
    multiple=True,
    metavar="FIELD[=TEMPLATE]",
    help="Your field with an item's address, shown as a link; or with a part of it, which a "
    "TEMPLATE such as https://shop.example/{{value}} completes. Repeatable.",
)
@click.option(
    "--image",
    "pictures",
    multiple=True,
    metavar="FIELD[=TEMPLATE]",
    help="Your field with a picture's address, shown as a picture; as --link. Repeatable.",
)
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
def export(
    index: str,
    evaluations: str | None,
    shown: str | None,
    clicks: str | None,
    runs: str | None,
    links: tuple[str, ...],
    pictures: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Write data views, saved searches and dashboards for Kibana.

    \b
    Examples:
      xlrec-es kibana export -i shop -o shop.ndjson
      xlrec-es kibana export -i shop --evaluations quality --runs runs
      xlrec-es kibana export -i shop --link url --image picture

    Ids stay the same, so that what is imported again takes the place of what is there. A panel
    whose index you do not name says which command makes its data.
    """
    from xlrec_es.kibana import bundle
    from xlrec_es.kibana.data_views import Address
    from xlrec_es.kibana.indices import Indices
    from xlrec_es.kibana.saved_objects import ndjson

    path = output or Path(f"{index}.ndjson")
    refuse_inputs(path, files_read(click.get_current_context()), option="--output")
    addresses = [
        *(Address.parse(text) for text in links),
        *(Address.parse(text, is_picture=True) for text in pictures),
    ]
    with contextlib.closing(connect(connection)) as client:
        found = bundle.read_catalog(client, index, addresses)
        rejects = bundle.rejects_of(client, runs)
    names = Indices(index, evaluations, shown, clicks, runs, rejects)
    objects = bundle.objects(names, found)
    path.write_bytes(ndjson(objects))
    counts = Counter(one.type for one in objects)
    if as_json:
        print_json({"file": str(path), "objects": dict(counts)})
        return
    parts = ", ".join(f"{counts[kind]} {name}" for kind, name in _NAMES.items())
    echo(f"{path}: {parts}")
