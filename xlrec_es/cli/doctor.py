"""`xlrec-es doctor`: is the cluster suitable, and is the index healthy?"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.config_file import table_of_service
from xlrec_es.cli.options.outcome import UNWELL, versioned
from xlrec_es.cli.options.recommend import event_source, events_index_option
from xlrec_es.cli.options.shared import connection_options, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.roles import ROLES

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.doctor.checks import Finding

_STYLES: dict[str, dict[str, Any]] = {
    "ok": {"fg": "green"},
    "warning": {"fg": "yellow"},
    "problem": {"fg": "red", "bold": True},
}


@sections.command()
@click.option(
    "--index",
    "-i",
    envvar="XLREC_INDEX",
    show_envvar=True,
    metavar="INDEX",
    help="Alias or index.",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(list(ROLES)),
    default="reader",
    show_default=True,
    help="Role that the key must have; see xlrec-es role.",
)
@click.option(
    "--documents",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of documents that the cluster must have room for.",
    show_default="those of the index, or a million",
)
@events_index_option
@click.option(
    "--impressions-index",
    metavar="INDEX",
    help="Index of what users were shown, to see how long it keeps rows.",
    show_default="that of [serve] in the TOML file",
)
@json_option
@connection_options
@click.pass_context
def doctor(
    ctx: click.Context,
    index: str | None,
    purpose: str,
    documents: int | None,
    events_index: str | None,
    impressions_index: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Check the cluster, the key and the index.

    \b
    Examples:
      xlrec-es doctor --index shop --for admin --documents 5000000

    It says what to do about each problem. Nothing is changed.

    Exit code 5: there is a problem. Warnings leave it at 0.
    """
    from xlrec_es.doctor.examination import Patient, examine

    served = table_of_service(ctx)
    events = event_source(events_index or served.get("events_index"))
    named = {
        "events": None if events is None else events.index,
        "impressions": impressions_index or served.get("impressions_index"),
    }
    logs = {what: str(name) for what, name in named.items() if name is not None}
    with contextlib.closing(connect(connection)) as client:
        findings = examine(Patient(client, index, purpose, documents, logs))
    if as_json:
        rows = [dataclasses.asdict(finding) for finding in findings]
        echo(json.dumps(versioned({"findings": rows}), ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            _show(finding)
    if any(finding.level == "problem" for finding in findings):
        ctx.exit(UNWELL)


def _show(finding: Finding) -> None:
    level = click.style(f"{finding.level:8}", **_STYLES[finding.level])
    echo(f" {finding.topic}: {finding.message}", label=level)
    if finding.advice:
        echo(f"         -> {finding.advice}")
