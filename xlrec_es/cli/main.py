"""`xlrec-es`: query and administration."""

from __future__ import annotations

import click

from xlrec_es import __version__
from xlrec_es.cli.compare_logs import compare_logs as compare_logs_command
from xlrec_es.cli.demo import run_demo
from xlrec_es.cli.doctor import doctor as doctor_command
from xlrec_es.cli.evaluate import evaluate as evaluate_command
from xlrec_es.cli.index import index as index_commands
from xlrec_es.cli.indicators import indicators as indicators_commands
from xlrec_es.cli.node import node as node_commands
from xlrec_es.cli.options.shared import XlrecGroup, config_option
from xlrec_es.cli.recommend import print_query, recommend, similar
from xlrec_es.cli.reindex import reindex as reindex_command
from xlrec_es.cli.report import report as report_command
from xlrec_es.cli.role import role as role_command
from xlrec_es.cli.tune import tune as tune_command


@click.group(cls=XlrecGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xlrec-es")
@config_option
def main() -> None:
    """Cross-language recommendations inside Elasticsearch."""


main.add_command(compare_logs_command)
main.add_command(run_demo)
main.add_command(doctor_command)
main.add_command(evaluate_command)
main.add_command(index_commands)
main.add_command(indicators_commands)
main.add_command(node_commands)
main.add_command(print_query)
main.add_command(recommend)
main.add_command(reindex_command)
main.add_command(report_command)
main.add_command(role_command)
main.add_command(similar)
main.add_command(tune_command)
