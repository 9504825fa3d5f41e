"""`xlrec-ingest`: the worker."""

import click

from xlrec_es import __version__
from xlrec_es.options import XlrecGroup, config_option


@click.group(cls=XlrecGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xlrec-ingest")
@config_option
def main() -> None:
    """Encode a catalogue and write it into Elasticsearch."""
