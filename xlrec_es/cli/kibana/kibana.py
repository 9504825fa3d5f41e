"""`xlrec-es kibana`: the group of its commands."""

from __future__ import annotations

import click

from xlrec_es.cli.kibana.check import check
from xlrec_es.cli.kibana.export import export
from xlrec_es.cli.kibana.install import install
from xlrec_es.cli.kibana.preview import preview
from xlrec_es.cli.options import sections


@click.group(cls=sections.SectionedGroup)
def kibana() -> None:
    """Make, check and install Kibana dashboards.

    \b
    Examples:
      xlrec-es kibana export -i shop -o shop.ndjson
      xlrec-es kibana check shop.ndjson
      xlrec-es kibana preview shop.ndjson -o preview.html
      xlrec-es kibana install shop.ndjson --space shop

    All but the last work without Kibana.
    """


for command in (export, check, preview, install):
    kibana.add_command(command)
