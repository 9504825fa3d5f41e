"""`xlrec-es kibana install`: objects into a space of Kibana."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from xlrec_es.cli.kibana.contents import Contents, contents_options
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import connection_options, dry_run_option, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import KibanaError, UsageError

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.kibana.installation import Installation
    from xlrec_es.kibana.server import Kibana

DEFAULT_KIBANA_URL = "http://127.0.0.1:5601"

_SAID = {"new": "would be created", "there": "would be overwritten"}


@sections.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@contents_options(required=False)
@click.option(
    "--kibana-url",
    envvar="XLREC_KIBANA_URL",
    show_envvar=True,
    default=DEFAULT_KIBANA_URL,
    show_default=True,
    metavar="URL",
    help="Kibana's address.",
)
@click.option(
    "--space",
    default="default",
    show_default=True,
    metavar="ID",
    help="ID of the space in Kibana; it must exist.",
)
@click.option(
    "--kibana-ca-certs",
    envvar="XLREC_KIBANA_CA_CERTS",
    show_envvar=True,
    metavar="FILE",
    help="Certificate authority (PEM file) that signed Kibana's certificate.",
    show_default="that of --ca-certs",
)
@connection_options
@dry_run_option
@json_option
def install(
    file: Path | None,
    contents: Contents | None,
    connection: Connection,
    kibana_url: str,
    space: str,
    kibana_ca_certs: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write dashboards into Kibana: those of FILE, or new ones of an index.

    \b
    Examples:
      xlrec-es kibana install -i shop
      xlrec-es kibana install shop.ndjson --dry-run
      xlrec-es kibana install shop.ndjson --kibana-url https://kibana.example --space shop

    FILE is of `kibana export`, or an export of Kibana's own. Without it, the options of `kibana
    export` say what is made. An object with the same ID is overwritten. It is shown what became of
    each object; the exit code is 1 if one was not written.

    Kibana takes the API keys and users of its Elasticsearch. `xlrec-es role kibana` prints what
    they must be allowed; --dry-run does not try that.
    """
    from xlrec_es.kibana import installation
    from xlrec_es.kibana.saved_objects import ndjson, read_ndjson
    from xlrec_es.kibana.server import Kibana

    kibana = Kibana(_to_kibana(connection, kibana_url, kibana_ca_certs), space=space)
    if file is not None:
        objects, content = read_ndjson(file), file.read_bytes()
    elif contents is not None:
        objects = contents.objects(connection)
        content = ndjson(objects)
    else:
        raise UsageError("give FILE, or the index with --index")
    if dry_run:
        done = installation.rehearse(kibana, objects)
    else:
        done = installation.install(kibana, objects, content)
    _tell(kibana, done, dry_run=dry_run, as_json=as_json)
    if done.unwritten:
        raise KibanaError(
            f"{len(done.unwritten)} of {len(done.outcomes)} objects {_not_done(done, dry_run)}"
        )


def _to_kibana(connection: Connection, url: str, ca_certs: str | None) -> Connection:
    """The connection to Kibana, as that to Elasticsearch but for what is given."""
    if ca_certs is None:
        return dataclasses.replace(connection, url=url)
    return dataclasses.replace(connection, url=url, ca_certs=ca_certs, ca_fingerprint=None)


def _not_done(done: Installation, dry_run: bool) -> str:
    if dry_run:
        return "cannot be looked at; the list says why"
    written = len(done.outcomes) - len(done.unwritten)
    rest = f"the other {written} were" if written else "nothing was"
    return f"were not written, {rest}; the list says why"


def _tell(kibana: Kibana, done: Installation, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        outcomes = [dataclasses.asdict(one) for one in done.outcomes]
        print_json(
            {
                "kibana": kibana.url,
                "space": kibana.space,
                "dry_run": dry_run,
                "objects": [one | {"became": said(one["became"])} for one in outcomes],
            }
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("object", "title", "became"):
        table.add_column(heading)
    for one in done.outcomes:
        why = f": {one.why}" if one.why else ""
        table.add_row(one.type, one.title, f"{said(one.became)}{why}")
    Console().print(table)
    for one in done.outcomes:
        if one.stands_as is not None:
            echo(f"{one.title} has the ID {one.stands_as} in this space.")
    if not dry_run and not done.unwritten:
        echo(f"Open {kibana.address('/app/dashboards')}")


def said(became: str) -> str:
    """What became of an object, in words."""
    return _SAID.get(became, became)
