"""`xlrec-ingest`: the worker.

Commands are imported when they are called, and what needs torch where it is used: `--help` and a
mistake in the options are quick.
"""

from __future__ import annotations

import click

from xlrec_es import __version__
from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import config_option

COMMANDS = {
    "adapt": LazyCommand(
        "ingest.cli.adapt:adapt",
        "Train an encoder further on the texts of PAIRS, to tell words that are hidden in them.",
    ),
    "compress": LazyCommand(
        "ingest.cli.compress:compress",
        "Make an encoder smaller or faster, and measure what that costs.",
    ),
    "distil": LazyCommand(
        "ingest.cli.distil:distil",
        "Teach an encoder languages that it is weak in, by translations.",
    ),
    "finetune": LazyCommand(
        "ingest.cli.finetune:finetune",
        "Fine-tune an encoder on PAIRS, a folder that xlrec-ingest pairs has written.",
    ),
    "indicators": LazyCommand(
        "ingest.cli.indicators:indicators",
        "Learn from INPUT which works speak for which, and write it into an index's documents.",
    ),
    "pairs": LazyCommand(
        "ingest.cli.pairs:pairs",
        "Make pairs of texts over language borders from INTERACTIONS, to fine-tune an encoder.",
    ),
    "reindex": LazyCommand(
        "ingest.cli.reindex:reindex",
        "Bring the live version of NAME to another encoder, recipe or calibration, with no "
        "downtime.",
    ),
    "replay": LazyCommand(
        "ingest.cli.run:replay",
        "Index what an earlier run has set aside, once the cause is mended.",
    ),
    "rollback": LazyCommand(
        "ingest.cli.rollback:rollback",
        "Go back to the version of NAME that was live before, and encode for it what changed "
        "since.",
    ),
    "run": LazyCommand(
        "ingest.cli.run:run",
        "Encode INPUT and write it into an index.",
    ),
    "serve": LazyCommand(
        "ingest.cli.serve:serve",
        "Encode free texts for query sides without torch, over HTTP.",
    ),
}


@click.group(
    cls=XlrecGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="xlrec-ingest")
@config_option
def main() -> None:
    """Encode a catalogue and write it into Elasticsearch."""
