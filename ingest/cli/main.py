"""`xlrec-ingest`: the worker.

Commands are imported when they are called, and what needs torch where it is used: `--help` and a
mistake in the options are quick.
"""

from __future__ import annotations

import click

from xlrec_es import __version__
from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import config_option

SECTIONS = {
    "Ingest": {
        "run": LazyCommand("ingest.cli.run:run", "Encode INPUT and write it into an index."),
        "replay": LazyCommand("ingest.cli.run:replay", "Index the records that a run rejected."),
        "serve": LazyCommand("ingest.cli.serve:serve", "Encode free texts over HTTP."),
    },
    "Learn": {
        "learn": LazyCommand(
            "ingest.cli.learn:learn", "Learn item-to-item associations from INPUT."
        ),
    },
    "Train an encoder": {
        "pairs": LazyCommand("ingest.cli.pairs:pairs", "Make training pairs from INTERACTIONS."),
        "finetune": LazyCommand("ingest.cli.finetune:finetune", "Fine-tune an encoder on PAIRS."),
        "adapt": LazyCommand("ingest.cli.adapt:adapt", "Train an encoder on the texts of PAIRS."),
        "distill": LazyCommand("ingest.cli.distill:distill", "Teach an encoder more languages."),
        "compress": LazyCommand(
            "ingest.cli.compress:compress", "Make an encoder smaller or faster."
        ),
        "compare-encoders": LazyCommand(
            "ingest.cli.compare_encoders:compare_encoders",
            "Compare encoders on your own INTERACTIONS.",
        ),
    },
    "Change the encoder": {
        "reencode": LazyCommand("ingest.cli.reencode:reencode", "Encode an index again, and swap."),
        "reencode-back": LazyCommand(
            "ingest.cli.reencode_back:reencode_back", "Go back to the previous encoder."
        ),
    },
}

RENAMED = {
    "distil": "distill",
    "indicators": "learn",
    "reindex": "reencode",
    "rollback": "reencode-back",
}
"""Present names of commands by old ones."""


@click.group(
    cls=XlrecGroup,
    lazy=SECTIONS,
    renamed=RENAMED,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Documentation: ingest/README.md, ingest/INTERACTIONS.md, ingest/FINETUNING.md\n\n"
    'Completion in bash: eval "$(_XLREC_INGEST_COMPLETE=bash_source xlrec-ingest)"\n\n'
    "XLREC_DEBUG=1 shows the traceback of an error in place of its sentence.",
)
@click.version_option(__version__, prog_name="xlrec-ingest")
@config_option
def main() -> None:
    """Encode a catalog and write it into Elasticsearch.

    \b
    Examples:
      xlrec-ingest run items.jsonl --index shop
      xlrec-ingest learn clicks.tsv --index shop
    """
