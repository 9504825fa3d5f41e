"""`xlrec-es kibana`: the group of its commands."""

from __future__ import annotations

import click

from xlrec_es.cli.kibana.check import check
from xlrec_es.cli.kibana.export import export
from xlrec_es.cli.kibana.preview import preview
from xlrec_es.cli.options import sections


@click.group(cls=sections.SectionedGroup)
def kibana() -> None:
    """Dashboards for Kibana, of the catalog, the quality and the traffic.

    \b
    Examples:
      xlrec-es kibana export -i shop -o shop.ndjson
      xlrec-es kibana check shop.ndjson
      xlrec-es kibana preview shop.ndjson -o preview.html

    All but the last step work without Kibana: there, import the file under Stack Management, Saved
    Objects.
    """


for command in (export, check, preview):
    kibana.add_command(command)
