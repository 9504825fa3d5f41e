"""`xlrec-ingest`: the worker.

What needs torch is imported where it is used: `--help` and a mistake in the options are quick.
"""

from __future__ import annotations

import click

from ingest.adapt_cli import adapt
from ingest.compress_cli import compress
from ingest.distil_cli import distil
from ingest.finetune_cli import finetune
from ingest.indicators_cli import indicators
from ingest.pairs_cli import pairs
from ingest.reindex_cli import reindex
from ingest.rollback_cli import rollback
from ingest.run_cli import replay, run
from ingest.serve_cli import serve
from xlrec_es import __version__
from xlrec_es.options import XlrecGroup, config_option


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
