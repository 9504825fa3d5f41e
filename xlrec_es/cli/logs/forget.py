"""`xlrec-es forget`: users who ask for it leave no rows behind."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.config_file import table_of_service
from xlrec_es.cli.options.outcome import UNWELL, print_json
from xlrec_es.cli.options.recommend import event_source, events_index_option
from xlrec_es.cli.options.shared import (
    connection_options,
    dry_run_option,
    index_option,
    json_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ConfigError, UsageError
from xlrec_es.visible_text import visible

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.privacy.forget import Forgot
    from xlrec_es.privacy.traces import Trace


@sections.command()
@click.argument("users", nargs=-1)
@index_option("Alias whose versions leave the users out of all that is learned from now on.")
@click.option(
    "--users-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="File with an ID in each line, or - for standard input: the list of processes shows IDs "
    "that are arguments.",
)
@events_index_option
@click.option(
    "--impressions-index",
    metavar="INDEX",
    help="Index of what users were shown.",
    show_default="that of [serve] in the TOML file",
)
@click.option("--clicks-index", metavar="INDEX", help="Index of clicks, if it is another one.")
@click.option(
    "--user-field",
    default="user",
    show_default=True,
    metavar="FIELD",
    help="Field with the user's ID in impressions and clicks; that of events is in [history].",
)
@click.option("--verify", is_flag=True, help="Only see that no row is left.")
@dry_run_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@json_option
@connection_options
@click.pass_context
def forget(
    ctx: click.Context,
    users: tuple[str, ...],
    users_file: Path | None,
    index: str,
    events_index: str | None,
    impressions_index: str | None,
    clicks_index: str | None,
    user_field: str,
    verify: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    connection: Connection,
) -> None:
    """Delete USERS, and learn no more from them.

    \b
    Examples:
      xlrec-es forget ann -i shop --events-index clicks --impressions-index shown
      xlrec-es forget --users-file asked.txt -i shop --yes
      xlrec-es forget ann -i shop --verify

    The index notes salted digests of the IDs, so that learn, pairs, tune, evaluate and export leave
    these users out even where a source still has their rows. It prints what was learned with their
    rows before, and the commands that renew it. --verify exits with code 5 where a row is left.
    `xlrec-es role forget` prints what a key needs.
    """
    from xlrec_es.privacy.forget import ELSEWHERE, look
    from xlrec_es.privacy.forget import forget as carry_out

    named = tuple(dict.fromkeys([*users, *_of_file(users_file)]))
    if any(not user or _is_broken(user) for user in named):
        raise UsageError("an ID is empty, or no text in UTF-8")
    if not named:
        raise UsageError("no user to forget: give IDs, or --users-file FILE")
    places = [*_traces(ctx, events_index, impressions_index, clicks_index, user_field)]
    only_looks = verify or dry_run
    if only_looks and not places:
        raise UsageError(
            "no index of rows is named, so there is nothing to look at: give --events-index, "
            "--impressions-index or --clicks-index, or a TOML file that names them"
        )
    with contextlib.closing(connect(connection)) as client:
        if not (only_looks or yes):
            where = ", ".join(f"{place.what} in {place.index}" for place in places)
            question = f"Forget {len(named)} users ({where or 'no index of rows is named'})?"
            click.confirm(visible(question), abort=True)
        found = (look if only_looks else carry_out)(client, index, named, places)
    if as_json:
        print_json(_as_json(found, ELSEWHERE, looked=only_looks))
    else:
        _show(found, looked=only_looks)
        echo(f"Not looked at: {ELSEWHERE}.", err=True)
    if verify and found.total:
        raise SystemExit(UNWELL)


def _is_broken(user: str) -> bool:
    """Whether an argument of the command line had bytes that are no text."""
    try:
        user.encode()
    except UnicodeEncodeError:
        return True
    return False


def _of_file(path: Path | None) -> Iterator[str]:
    if path is None:
        return
    try:
        read = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = read.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot read {path}: {why}") from error
    # An id is as it stands there: it may have spaces, and what Python takes for the end of a line.
    yield from (line for line in (one.removesuffix("\r") for one in text.split("\n")) if line)


def _traces(
    ctx: click.Context,
    events_index: str | None,
    impressions_index: str | None,
    clicks_index: str | None,
    user_field: str,
) -> Iterator[Trace]:
    """Where rows are, by the options and by what the configuration names for other commands."""
    from xlrec_es.privacy.traces import Trace

    served = table_of_service(ctx)
    events = event_source(events_index or served.get("events_index"))
    if events is not None:
        yield Trace("events", events.index, events.user)
    for what, name in (
        ("impressions", impressions_index or served.get("impressions_index")),
        ("clicks", clicks_index),
    ):
        if name is not None:
            yield Trace(what, str(name), user_field)


def _as_json(found: Forgot, elsewhere: str, *, looked: bool) -> dict[str, Any]:
    return {
        "index": found.index,
        "users": found.users,
        "rows": {what: dict(by_index) for what, by_index in found.rows.items()},
        "deleted": not looked,
        "noted in": list(found.noted),
        "closed versions": list(found.unread),
        "remembers": list(found.remembers),
        "not looked at": elsewhere,
    }


def _show(found: Forgot, *, looked: bool) -> None:
    did = "found" if looked else "deleted"
    for line in _counted(found.rows, did):
        echo(line)
    if not looked:
        echo(f"{', '.join(found.noted)} leaves {found.users} users out of what is learned")
    for version in found.unread:
        echo(
            f"Warning: {version} is closed and does not know of it; open it and do the same again, "
            "or delete it",
            err=True,
        )
    for sentence in found.remembers:
        echo(f"Still: {sentence}")


def _counted(rows: Mapping[str, Mapping[str, int]], did: str) -> Sequence[str]:
    if not rows:
        return ["no index of rows was named: see --events-index and --impressions-index"]
    lines = []
    for what, by_index in rows.items():
        each = ", ".join(f"{count} in {name}" for name, count in by_index.items() if count)
        lines.append(f"{what}: {did} {each}" if each else f"{what}: none")
    return lines
