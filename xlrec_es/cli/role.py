"""`xlrec-es role`: what a key must be allowed."""

from __future__ import annotations

import json

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster import roles

_REQUESTS = {"role": roles.role_request, "api-key": roles.api_key_request}


@sections.command()
@click.argument("kind", type=click.Choice(list(roles.ROLES)))
@click.option(
    "--index",
    "-i",
    "names",
    multiple=True,
    required=True,
    envvar="XLREC_INDEX",
    show_envvar=True,
    help="Alias of the index, or a pattern for several (shop-*). Repeatable.",
)
@click.option("--events", metavar="INDEX", help="Index of events that --user reads.")
@click.option("--source", metavar="INDEX", help="Index that a --companion is for: to be read.")
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice(["role", "api-key"]),
    default="role",
    show_default=True,
    help="Body of PUT /_security/role/<name>, or of POST /_security/api_key.",
)
@click.option("--console", is_flag=True, help="The whole request, for Kibana's console.")
def role(
    kind: str,
    names: tuple[str, ...],
    events: str | None,
    source: str | None,
    form: str,
    console: bool,
) -> None:
    """Print the minimum privileges of a key.

    \b
    Examples:
      xlrec-es role reader --index shop --format api-key > key.json
      curl --json @key.json -u elastic https://search.example:9200/_security/api_key

    Nothing is sent.

    \b
    reader  recommend, query, indicators, index list
    writer  and xlrec-ingest run and indicators, on an index that exists
    admin   and index create, status, swap, rollback, prune, adopt; doctor; the first run
    """
    described = roles.descriptor(kind, names, events=events, source=source)
    line, body = _REQUESTS[form](roles.role_name(kind, names), described)
    if console:
        echo(line)
    echo(json.dumps(body, ensure_ascii=False, indent=2))
