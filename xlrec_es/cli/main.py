"""`xlrec-es`: query and administration. Commands are imported when they are called."""

from __future__ import annotations

import click

from xlrec_es import __version__
from xlrec_es.cli.options.command_group import LazyCommand, XlrecGroup
from xlrec_es.cli.options.config_file import config_option

SECTIONS = {
    "Start": {
        "demo": LazyCommand(
            "xlrec_es.cli.local.demo:run_demo", "Run a demo on a local Elasticsearch."
        ),
        "init": LazyCommand("xlrec_es.cli.init:init", "Write a configuration file for a CATALOG."),
        "node": LazyCommand(
            "xlrec_es.cli.local.node:node", "Run a local Elasticsearch for testing."
        ),
        "doctor": LazyCommand(
            "xlrec_es.cli.doctor:doctor", "Check the cluster, the key and the index."
        ),
    },
    "Recommend": {
        "recommend": LazyCommand(
            "xlrec_es.cli.recommend:recommend", "Recommend items for a list of liked IDs."
        ),
        "similar": LazyCommand("xlrec_es.cli.recommend:similar", "Show items similar to one item."),
        "trending": LazyCommand(
            "xlrec_es.cli.trending:trending", "List what trends, by an index of events."
        ),
        "buy-again": LazyCommand(
            "xlrec_es.cli.trending:buy_again", "List what a user may buy again now."
        ),
        "query": LazyCommand(
            "xlrec_es.cli.recommend:print_query", "Print the searches that recommend sends."
        ),
        "serve": LazyCommand(
            "xlrec_es.cli.service.serve:serve", "Serve recommendations over HTTP."
        ),
        "export": LazyCommand(
            "xlrec_es.cli.export:export", "Write the lists of all users of INTERACTIONS."
        ),
        "inspect": LazyCommand(
            "xlrec_es.cli.inspect:inspect", "Show the learned associations of an item."
        ),
    },
    "Measure": {
        "evaluate": LazyCommand(
            "xlrec_es.cli.evaluate:evaluate", "Measure quality on held-out INTERACTIONS."
        ),
        "report": LazyCommand(
            "xlrec_es.cli.report:report", "Make an HTML report of an EVALUATION."
        ),
        "tune": LazyCommand("xlrec_es.cli.tune:tune", "Learn fusion weights from INTERACTIONS."),
        "compare-logs": LazyCommand(
            "xlrec_es.cli.logs.compare_logs:compare_logs",
            "Compare two variants by a LOG of clicks.",
        ),
    },
    "Operate": {
        "index": LazyCommand("xlrec_es.cli.index:index", "Manage the versions of an index."),
        "placement": LazyCommand(
            "xlrec_es.cli.service.placement:placement", "Manage the placements of an index."
        ),
        "kibana": LazyCommand(
            "xlrec_es.cli.kibana.kibana:kibana",
            "Make, check and install Kibana dashboards.",
        ),
        "log-templates": LazyCommand(
            "xlrec_es.cli.logs.log_templates:log_templates",
            "Print index templates for logs.",
        ),
        "forget": LazyCommand(
            "xlrec_es.cli.logs.forget:forget",
            "Delete USERS, and learn no more from them.",
        ),
        "role": LazyCommand("xlrec_es.cli.role:role", "Print the minimum privileges of a key."),
    },
}

RENAMED = {"indicators show": "inspect", "reindex": "index reindex"}
"""Present names of commands by old ones."""


@click.group(
    cls=XlrecGroup,
    lazy=SECTIONS,
    renamed=RENAMED,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Documentation: xlrec_es/README.md, xlrec_es/OPERATIONS.md, xlrec_es/EVALUATION.md\n\n"
    'Completion in bash: eval "$(_XLREC_ES_COMPLETE=bash_source xlrec-es)"\n\n'
    "XLREC_DEBUG=1 shows the traceback of an error in place of its sentence.",
)
@click.version_option(__version__, prog_name="xlrec-es")
@config_option
def main() -> None:
    """Cross-language recommendations inside Elasticsearch.

    \b
    Examples:
      xlrec-es demo
      xlrec-es recommend -i shop -l ja -l de 7 8
      xlrec-es evaluate clicks.tsv -i shop
    """
