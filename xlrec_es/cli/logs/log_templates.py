"""`xlrec-es log-templates`: index templates for logs of what users were shown and did."""

from __future__ import annotations

import json
import shlex

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.recommend import event_source, events_index_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.errors import UsageError

CONSOLE, CURL, JSON = "console", "curl", "json"


@sections.command("log-templates")
@events_index_option
@click.option(
    "--impressions-index", metavar="INDEX", help="Name or pattern of the index of what was shown."
)
@click.option(
    "--keep-days",
    type=click.IntRange(1),
    metavar="DAYS",
    help="Days to keep a row at least: the index is a data stream, which Elasticsearch empties.",
    show_default="rows are kept for ever",
)
@click.option(
    "--format",
    "-F",
    "form",
    type=click.Choice([CONSOLE, CURL, JSON]),
    default=CONSOLE,
    show_default=True,
    help="Form of the requests: for Kibana's console, curl, or JSON.",
)
def log_templates(
    events_index: str | None, impressions_index: str | None, keep_days: int | None, form: str
) -> None:
    """Print index templates for logs.

    \b
    Examples:
      xlrec-es log-templates --impressions-index shown --events-index clicks
      xlrec-es log-templates --impressions-index shown --keep-days 90 --format curl | sh

    Nothing is sent. Put a template before the index is made: it gives the fields the types that the
    dashboards, compare-logs and serve need, whatever program writes the rows. Impressions have the
    names of User Behavior Insights (UBI) too. Events have those of the table [history] of the TOML
    file.

    Putting a template needs the privilege manage_index_templates.
    """
    from xlrec_es.service.feedback.log_mappings import templates

    made = [*templates(event_source(events_index), impressions_index, keep_days=keep_days)]
    if not made:
        raise UsageError("no index is named: give --events-index, or --impressions-index")
    if form == JSON:
        rows = [{"method": "PUT", "path": one.path, "body": one.body} for one in made]
        print_json({"requests": rows})
        return
    for one in made:
        body = json.dumps(one.body, ensure_ascii=False, indent=2)
        if form == CURL:
            url = f'"${{XLREC_URL:-http://127.0.0.1:9200}}"{shlex.quote(one.path)}'
            echo(f"curl -fsS -X PUT --json {shlex.quote(body)} {url}")
        else:
            echo(f"PUT {one.path}\n{body}\n")
