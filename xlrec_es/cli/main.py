"""`xlrec-es`: query and administration. Commands are imported when they are called."""

from __future__ import annotations

import click

from xlrec_es import __version__
from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import config_option

COMMANDS = {
    "compare-logs": LazyCommand(
        "xlrec_es.cli.compare_logs:compare_logs",
        "Compare two variants by a LOG of what was shown and clicked.",
    ),
    "demo": LazyCommand(
        "xlrec_es.cli.demo:run_demo",
        "Show three persons what they would like in other languages, on a real Elasticsearch.",
    ),
    "doctor": LazyCommand(
        "xlrec_es.cli.doctor:doctor",
        "Look at the cluster, the key and the index, and say what to do.",
    ),
    "evaluate": LazyCommand(
        "xlrec_es.cli.evaluate:evaluate",
        "Measure recommendations across languages on INTERACTIONS that are held out.",
    ),
    "index": LazyCommand(
        "xlrec_es.cli.index:index",
        "The versions of an index behind its alias: look, create, swap, roll back, prune, adopt.",
    ),
    "indicators": LazyCommand(
        "xlrec_es.cli.indicators:indicators",
        "Look at what was learned from interactions.",
    ),
    "node": LazyCommand(
        "xlrec_es.cli.node:node",
        "A local Elasticsearch without Docker, for trying and testing; needs Java 17 or newer.",
    ),
    "query": LazyCommand(
        "xlrec_es.cli.recommend:print_query",
        "Print the searches that `recommend` would send.",
    ),
    "recommend": LazyCommand(
        "xlrec_es.cli.recommend:recommend",
        "Recommend documents in other languages to whoever liked these IDs.",
    ),
    "reindex": LazyCommand(
        "xlrec_es.cli.reindex:reindex",
        "Copy the live version of NAME into a new one, verify it, and swap, with no downtime.",
    ),
    "report": LazyCommand(
        "xlrec_es.cli.report:report",
        "Make one HTML file of EVALUATION, the JSON that xlrec-es evaluate --json printed.",
    ),
    "role": LazyCommand(
        "xlrec_es.cli.role:role",
        "Print the least that a key must be allowed.",
    ),
    "similar": LazyCommand(
        "xlrec_es.cli.recommend:similar",
        "Show documents that are like one work or document.",
    ),
    "tune": LazyCommand(
        "xlrec_es.cli.tune:tune",
        "Learn fusion weights from INTERACTIONS, and write them into the index if they are better.",
    ),
}


@click.group(
    cls=XlrecGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="xlrec-es")
@config_option
def main() -> None:
    """Cross-language recommendations inside Elasticsearch."""
