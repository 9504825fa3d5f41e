"""`xlrec-es role`: what a key must be allowed."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.recommend import events_index_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster import kibana_role, roles
from xlrec_es.errors import UsageError

KIBANA = "kibana"
"""The kind of those who look at dashboards, or install them."""

FORGET = "forget"
"""The kind of those who delete rows of users."""

_REQUESTS = {"role": roles.role_request, "api-key": roles.api_key_request}


def _listed() -> str:
    """What each kind allows, in lines that fit 80 columns."""
    allowed = {kind: one.allows for kind, one in roles.ROLES.items()}
    allowed[KIBANA] = "xlrec-es kibana install, and to look at what it installs"
    allowed[FORGET] = "xlrec-es forget, on the indices of --events-index and --data-index"
    indent = " " * (max(map(len, allowed)) + 2)
    return "\n".join(
        textwrap.fill(
            f"{kind.ljust(len(indent))}{allows}",
            76,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        for kind, allows in allowed.items()
    )


_HELP = f"""Print the minimum privileges of a key.

\b
Examples:
  xlrec-es role reader --index shop --format api-key > key.json
  xlrec-es role writer --index shop --deletes
  xlrec-es role kibana --index shop --space shop --console
  xlrec-es role forget --index shop --events-index clicks --data-index shown
  curl --json @key.json -u elastic https://search.example:9200/_security/api_key

Nothing is sent. What each kind allows:

\b
{_listed()}
"""


@sections.command(help=_HELP)
@click.argument("kind", type=click.Choice([*roles.ROLES, KIBANA, FORGET]))
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
@click.option(
    "--space",
    "spaces",
    multiple=True,
    default=("default",),
    show_default=True,
    metavar="ID",
    help="Of kibana: identifier of the space that the dashboards are in. Repeatable.",
)
@click.option(
    "--data-index",
    "data",
    multiple=True,
    metavar="INDEX",
    help="Of kibana: index that dashboards read too, of evaluations for one. Of forget: index of "
    "impressions or clicks, whose rows it deletes. Repeatable.",
)
@click.option(
    "--view-only",
    "views_only",
    is_flag=True,
    help="Of kibana: for those who look at dashboards, and install none.",
)
@renamed_option(
    "--format",
    "-F",
    "form",
    old=("-f",),
    type=click.Choice(["role", "api-key"]),
    default="role",
    show_default=True,
    help="Form: body of PUT /_security/role/<name> (of kibana: of its own API), or of POST "
    "/_security/api_key.",
)
@click.option("--console", is_flag=True, help="Print the whole request, for Kibana's console.")
def role(
    kind: str,
    names: tuple[str, ...],
    events_index: str | None,
    source: str | None,
    placements_index: str | None,
    deletes: bool,
    spaces: tuple[str, ...],
    data: tuple[str, ...],
    views_only: bool,
    form: str,
    console: bool,
) -> None:
    """Print a role, or an API key."""
    if kind == KIBANA:
        if events_index or source or placements_index or deletes:
            raise UsageError("a role of kibana reads other indices by --data-index alone")
        described = kibana_role.kibana_role(names, data=data, spaces=spaces, views_only=views_only)
        line, body = _of_kibana(form, names, described)
        _print(line, body, console=console)
        return
    if views_only or spaces != ("default",) or (data and kind != FORGET):
        raise UsageError(
            "--space and --view-only are for the kind kibana, and --data-index for kibana and "
            "forget"
        )
    if kind == FORGET:
        if source or placements_index or deletes:
            raise UsageError("a role of forget has --events-index and --data-index alone")
        logs = tuple(filter(None, (events_index, *data)))
        line, body = _REQUESTS[form](
            roles.role_name(kind, names), roles.forget_descriptor(names, logs)
        )
        _print(line, body, console=console)
        return
    described = roles.descriptor(
        kind,
        names,
        events=events_index,
        source=source,
        placements=placements_index,
        deletes=deletes,
    )
    line, body = _REQUESTS[form](roles.role_name(kind, names), described)
    _print(line, body, console=console)


def _of_kibana(
    form: str, names: tuple[str, ...], role: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The request that makes a role of Kibana, or an API key for it."""
    name = roles.role_name(KIBANA, names)
    if form == "api-key":
        return roles.api_key_request(name, kibana_role.elasticsearch_role(role))
    return kibana_role.kibana_role_request(name, role)


def _print(line: str, body: dict[str, Any], *, console: bool) -> None:
    if console:
        echo(line)
    echo(json.dumps(body, ensure_ascii=False, indent=2))
