"""`xlrec-es node`: a local Elasticsearch without Docker."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import UNWELL, versioned
from xlrec_es.cli.options.shared import DEFAULT_URL, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.errors import UsageError
from xlrec_es.node import NodeInfo, lifecycle
from xlrec_es.node.distribution import SERVERS

F = TypeVar("F", bound=Callable[..., Any])
_FIRST_PAGE = "/_cat/indices?v"
"""The stripped server lacks the module that answers at `/`, and says 405 there."""


def _folder_option(command: F) -> F:
    return click.option(
        "--folder",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="XLREC_NODE_FOLDER",
        show_envvar=True,
        metavar="FOLDER",
        help="Folder of the local Elasticsearch's data.",
        show_default="your own data folder",
    )(command)


@click.group(cls=sections.SectionedGroup)
def node() -> None:
    """Run a local Elasticsearch for testing.

    It needs no Docker, but Java 17 or newer.
    """


@node.command()
@_folder_option
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    envvar="XLREC_NODE_PORT",
    show_envvar=True,
    metavar="N",
    help="HTTP port to listen on.",
    show_default="the first free one from 9200",
)
@renamed_option(
    "--es-version",
    "version",
    old=("--version",),
    type=click.Choice([server.version for server in SERVERS]),
    envvar="XLREC_NODE_VERSION",
    show_envvar=True,
    help="Version of Elasticsearch.",
    show_default="the newest that the Java found can run",
)
@click.option(
    "--heap",
    default=lifecycle.HEAP,
    show_default=True,
    envvar="XLREC_NODE_HEAP",
    show_envvar=True,
    metavar="SIZE",
    help="Memory of the server's heap, such as 512m or 2g.",
)
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Elasticsearch setting to start with. Repeatable.",
)
@renamed_option(
    "--start-timeout",
    "start_timeout_s",
    old=("--timeout", "--timeout-s"),
    type=NumberRange(min=1),
    default=lifecycle.START_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="Seconds until the node must answer.",
)
@json_option
def start(
    folder: Path | None,
    port: int | None,
    version: str | None,
    heap: str,
    settings: tuple[str, ...],
    start_timeout_s: float,
    as_json: bool,
) -> None:
    """Start the node and print its URL; one that runs already is left as it is.

    \b
    Examples:
      xlrec-es node start --folder /tmp/try --heap 512m
    """
    with _progress():
        info = lifecycle.start(
            folder,
            port=port,
            version=version,
            heap=heap,
            settings=_parse_settings(settings),
            timeout_s=start_timeout_s,
        )
    if not info.language_analyzers:
        echo(
            f"The Java in {info.java} has no compiler, so this node lacks the language analyzers; "
            "install a JDK to get them.",
            err=True,
        )
    if info.username and not as_json:
        echo(
            f"Log in as {info.username}; the password and the certificate's path are printed by: "
            "xlrec-es node status --json",
            err=True,
        )
    if info.url != os.environ.get("XLREC_URL", DEFAULT_URL) and not as_json:
        echo(f"Other commands find this node by: export XLREC_URL={info.url}", err=True)
    if not as_json:
        echo(f"In a browser, begin at {info.url}{_FIRST_PAGE}: this server has none at /", err=True)
    echo(_as_json(info) if as_json else info.url)


@node.command()
@_folder_option
def stop(folder: Path | None) -> None:
    """Stop the node. Its data stay; delete its folder to remove them.

    \b
    Examples:
      xlrec-es node stop
    """
    ran = lifecycle.stop(folder)
    echo("stopped" if ran else "it was not running")


@node.command()
@_folder_option
@json_option
@click.pass_context
def status(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Say whether the node runs; the exit code is 0 if it answers and 5 if not.

    \b
    Examples:
      xlrec-es node status --json
    """
    found = lifecycle.status(folder)
    if as_json:
        details = json.loads(_as_json(found.info)) if found.info else {}
        echo(json.dumps(versioned({"state": found.state, **details})))
    elif found.info:
        info = found.info
        echo(f"running at {info.url} (Elasticsearch {info.version}, process {info.pid})")
    else:
        echo(found.state)
    if found.info is None:
        ctx.exit(UNWELL)


@node.command()
@_folder_option
@renamed_option(
    "--lines",
    old=("-n",),
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="Number of last lines to print.",
)
@renamed_option(
    "--follow", old=("-f",), is_flag=True, help="Wait for more at the end, until Ctrl-C."
)
def logs(folder: Path | None, lines: int, follow: bool) -> None:
    """Print the end of what the server logged since its last start.

    \b
    Examples:
      xlrec-es node logs --lines 20
    """
    if follow:
        for text in lifecycle.follow(folder, lines=lines):
            echo(text, nl=False)
        return
    for line in lifecycle.logs(folder, lines=lines):
        echo(line)


def _parse_settings(pairs: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{pair!r} is not a setting; write it as NAME=VALUE")
        settings[name] = value
    return settings


def _as_json(info: NodeInfo) -> str:
    return json.dumps(versioned(asdict(info)), default=str)


@contextmanager
def _progress() -> Iterator[None]:
    """Show what the installation logs (downloads take a while) to people, on standard error."""
    logger = logging.getLogger("xlrec_es.node")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
