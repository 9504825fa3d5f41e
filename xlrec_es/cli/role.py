"""`xlrec-es role`: what a key must be allowed."""

from __future__ import annotations

import json
import textwrap

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.recommend import events_index_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster import roles

_REQUESTS = {"role": roles.role_request, "api-key": roles.api_key_request}


def _listed() -> str:
    """What each kind allows, in lines that fit 80 columns."""
    indent = " " * (max(map(len, roles.ROLES)) + 2)
    return "\n".join(
        textwrap.fill(
            f"{kind.ljust(len(indent))}{one.allows}",
            76,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        for kind, one in roles.ROLES.items()
    )


_HELP = f"""Print the minimum privileges of a key.

\b
Examples:
  xlrec-es role reader --index shop --format api-key > key.json
  xlrec-es role writer --index shop --deletes
  curl --json @key.json -u elastic https://search.example:9200/_security/api_key

Nothing is sent. What each kind allows:

\b
{_listed()}
"""


@sections.command(help=_HELP)
@click.argument("kind", type=click.Choice(list(roles.ROLES)))
@click.option(
    "--index",
    "-i",
    "names",
    multiple=True,
    required=True,
    envvar="XLREC_INDEX",
    show_envvar=True,
    metavar="INDEX",
    help="Alias of the index, or a pattern for several (shop-*). Repeatable.",
)
@events_index_option
@renamed_option(
    "--source-index",
    "source",
    old=("--source",),
    metavar="INDEX",
    help="Index that a companion belongs to, which is read.",
)
@click.option(
    "--placements-index",
    metavar="INDEX",
    help="Index where placements are kept.",
)
@click.option(
    "--deletes",
    is_flag=True,
    help='Allow a writer to delete documents, for records with {"_op": "delete"} and companions.',
)
@renamed_option(
    "--format",
    "-F",
    "form",
    old=("-f",),
    type=click.Choice(["role", "api-key"]),
    default="role",
    show_default=True,
    help="Form: body of PUT /_security/role/<name>, or of POST /_security/api_key.",
)
@click.option("--console", is_flag=True, help="Print the whole request, for Kibana's console.")
def role(
    kind: str,
    names: tuple[str, ...],
    events_index: str | None,
    source: str | None,
    placements_index: str | None,
    deletes: bool,
    form: str,
    console: bool,
) -> None:
    """Print a role, or an API key."""
    described = roles.descriptor(
        kind,
        names,
        events=events_index,
        source=source,
        placements=placements_index,
        deletes=deletes,
    )
    line, body = _REQUESTS[form](roles.role_name(kind, names), described)
    if console:
        echo(line)
    echo(json.dumps(body, ensure_ascii=False, indent=2))
