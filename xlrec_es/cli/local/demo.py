"""`xlrec-es demo`."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.table import Column, Table
from rich.text import Text

from xlrec_es import node
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.shared import DEFAULT_URL, connection_options, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.recommend import reasons_of
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.node.folder import default_folder
from xlrec_es.recommend.recommendations import Recommendation

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.demo import Scene

WIDTH = 80
"""Columns of the narrowest terminal that the demo is made for."""

_REPEATED = (
    "url",
    "username",
    "api_key_file",
    "password_file",
    "ca_certs",
    "ca_fingerprint",
    "insecure",
)


@sections.command("demo")
@connection_options
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder of the local Elasticsearch's data.",
    show_default="as `node start`",
)
@renamed_option(
    "--keep-running",
    "keep",
    old=("--keep",),
    is_flag=True,
    help="Leave the Elasticsearch that was started running.",
)
@json_option
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the sample into FOLDER, as items.jsonl and interactions.tsv, and run nothing.",
)
@click.option(
    "--open",
    "opens",
    is_flag=True,
    help="Then show the page of xlrec-es serve in a browser, with these users to try.",
)
@click.pass_context
def run_demo(
    ctx: click.Context,
    connection: Connection,
    folder: Path | None,
    keep: bool,
    as_json: bool,
    export: Path | None,
    opens: bool,
) -> None:
    """Run a demo on a local Elasticsearch.

    \b
    Examples:
      xlrec-es demo
      xlrec-es demo --open
      xlrec-es demo --keep-running
      xlrec-es demo --export .

    It shows what three users would like in other languages: by text alone, and with taste learned
    from interactions.

    Starts one on this machine, or uses the one that --url names, with the sample catalog in the
    index `xlrec-demo`. The last lines are commands to try next.
    """
    from xlrec_es import demo
    from xlrec_es.cli.local.demo_page import page_server

    if opens and (as_json or export is not None):
        raise click.UsageError("--open shows a page: leave it out with --json or --export")
    if export is not None:
        _tell_files(demo.export(export), as_json)
        return
    show_page = page_server() if opens else None
    # So that a stopped demo stops its worker too; the node goes by itself (see `node.running`).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    given = ctx.get_parameter_source("url") is not ParameterSource.DEFAULT
    with contextlib.ExitStack() as stack:
        if not given:
            echo("starting Elasticsearch on this machine ...", err=True)
            place = folder or default_folder()
            keep = keep or node.status(place).state != "stopped"  # of an earlier --keep-running
            info = node.start(place) if keep else stack.enter_context(node.running(place))
            connection = Connection(info.url)
        client = stack.enter_context(connect(connection))
        live = demo.prepare_index(client, {**os.environ, **connection.as_environment()})
        scenes = demo.play(client)
        if as_json:
            shown = {"url": connection.url, "index": live.name, "scenes": scenes}
            print_json(shown)
            return
        _show(scenes)
        waits = not (given or keep) and (opens or sys.stdout.isatty())
        stops = not (given or keep or waits)
        reach = _options_given(ctx) if given or stops else _address(connection.url)
        if waits or stops:
            until = "runs until you press Ctrl-C" if waits else "stops now"
            echo(f"\nElasticsearch {until}; with --keep-running, it stays.")
        else:
            echo(f"\nElasticsearch has the sample: {connection.url}/{demo.INDEX}/_search")
        if given and (secrets := _secrets_given(ctx)):
            echo(f"These commands need your secret in {' and '.join(secrets)}.")
        echo("Try next, in another terminal:" if waits or opens else "Try next:")
        steps = [_wrapped(command) for command in demo.next_steps(scenes[0], reach)]
        for text in [_start(folder), *steps[:2]] if stops else steps:
            echo(text)
        if show_page is not None:
            show_page(connection, {scene.user: scene.history for scene in scenes})
        elif waits:
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()


def _tell_files(written: Sequence[Path], as_json: bool) -> None:
    paths = [str(path) for path in written]
    if as_json:
        print_json({"files": paths})
    else:
        echo("\n".join(paths))


def _options_given(ctx: click.Context) -> list[str]:
    """The connection's options as they were given; what the environment says, it says again.

    No secret is among them: a screen is no place for one.
    """
    words = []
    for name in _REPEATED:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option, value = f"--{name.replace('_', '-')}", ctx.params[name]
            words += [option] if value is True else [option, value]
    return words


def _secrets_given(ctx: click.Context) -> list[str]:
    """The variables of the secrets that were given as options, which no command may repeat."""
    return [
        f"XLREC_{name.upper()}"
        for name in ("api_key", "password")
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]


def _address(url: str) -> list[str]:
    return [] if url == DEFAULT_URL else ["--url", url]


def _start(folder: Path | None) -> str:
    """The command that starts the demo's own node again, for the commands after it.

    Its port may be another one then, so they take the address from the environment.
    """
    if folder is None and "XLREC_NODE_FOLDER" in os.environ:
        folder = default_folder()
    place = [] if folder is None else ["--folder", str(folder)]
    command = ["xlrec-es", "node", "start", *place]
    return _wrapped(command, before='export XLREC_URL="$(', after=')"')


def _wrapped(command: Sequence[str], *, before: str = "", after: str = "") -> str:
    """A command for a shell, over several lines where one is too short for it.

    Args:
        command: Its words, not quoted.
        before: What its first word stands right behind.
        after: What stands right behind its last word.
    """
    words = [shlex.quote(word) for word in command]
    words[0], words[-1] = before + words[0], words[-1] + after
    whole = f"  {' '.join(words)}"
    if len(whole) <= WIDTH:
        return whole
    lines = [""]
    for word in words:
        if lines[-1] and len(f"    {lines[-1]} {word} \\") > WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "  " + " \\\n    ".join(lines)


def _show(scenes: list[Scene]) -> None:
    from xlrec_es import demo

    console = Console()
    lesson = demo.taught()
    echo("\nLeft: what the texts alone find. Right: with the taste that was learned from")
    echo(
        f"{lesson.interactions:,} interactions of {lesson.users:,} users; "
        "+ marks what the left does not list."
    )
    for scene in scenes:
        liked = ", ".join(
            title or item for item, title in zip(scene.history, scene.titles, strict=True)
        )
        console.print(Text.assemble("\n", (f"Who {scene.user}", "bold"), f", liked: {liked}"))
        console.print(_side_by_side(scene))


def _side_by_side(scene: Scene) -> Table:
    """Both lists, place by place, with the reasons of the second."""
    left, right = scene.text_alone.items, scene.learned.items
    known = {item.id for item in left}
    table = Table(
        Column("text alone", no_wrap=True, max_width=22),
        Column("with learned taste", no_wrap=True, max_width=24),
        "because of",
    )
    for before, after in itertools.zip_longest(left, right):
        mark = "  " if after is None or after.id in known else "+ "
        reasons = reasons_of(after, most=2) if after else ""
        table.add_row(_named(before), mark + _named(after), reasons)
    return table


def _named(item: Recommendation | None) -> str:
    return f"{item.language} {item.title or item.id}" if item else ""
