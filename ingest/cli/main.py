"""`xlrec-ingest`: the worker.

What needs torch is imported where it is used: `--help` and a mistake in the options are quick.
"""

from __future__ import annotations

import click

from ingest.cli.adapt import adapt
from ingest.cli.compress import compress
from ingest.cli.distil import distil
from ingest.cli.finetune import finetune
from ingest.cli.indicators import indicators
from ingest.cli.pairs import pairs
from ingest.cli.reindex import reindex
from ingest.cli.rollback import rollback
from ingest.cli.run import replay, run
from ingest.cli.serve import serve
from xlrec_es import __version__
from xlrec_es.cli.options.shared import XlrecGroup, config_option


@click.group(cls=XlrecGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xlrec-ingest")
@config_option
def main() -> None:
    """Encode a catalogue and write it into Elasticsearch."""


for command in (
    run,
    replay,
    indicators,
    pairs,
    adapt,
    distil,
    finetune,
    compress,
    reindex,
    rollback,
    serve,
):
    main.add_command(command)
