"""`xlrec-es demo`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from click.core import ParameterSource
from rich.text import Text

from xlrec_es import node
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.shared import connection_options
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.node.folder import default_folder

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.demo import Scene


@sections.command("demo")
@connection_options
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the Elasticsearch that is started keeps its data.",
    show_default="as `node start`",
)
@click.option("--keep", is_flag=True, help="Leave the Elasticsearch that was started running.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON; then stop.")
@click.pass_context
def run_demo(
    ctx: click.Context, connection: Connection, folder: Path | None, keep: bool, as_json: bool
) -> None:
    """Run a demo on a local Elasticsearch.

    \b
    Examples:
      xlrec-es demo
      xlrec-es demo --keep

    It shows three users what they would like in other languages.

    Starts one on this machine, or uses the one that --url names, with the sample catalogue in the
    index `xlrec-demo`.
    """
    from xlrec_es import demo

    # So that a stopped demo stops its worker too; the node goes by itself (see `node.running`).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    given = ctx.get_parameter_source("url") is not ParameterSource.DEFAULT
    with contextlib.ExitStack() as stack:
        if not given:
            echo("starting Elasticsearch on this machine ...", err=True)
            folder = folder or default_folder()
            keep = keep or node.status(folder).state != "stopped"  # of an earlier --keep
            info = node.start(folder) if keep else stack.enter_context(node.running(folder))
            connection = Connection(info.url)
        client = stack.enter_context(connect(connection))
        live = demo.prepare_index(client, {**os.environ, **connection.as_environment()})
        scenes = demo.play(client)
        if as_json:
            shown = {"url": connection.url, "index": live.name, "scenes": scenes}
            echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
            return
        _show(scenes, connection.url)
        if not (given or keep) and sys.stdout.isatty():
            echo("\nElasticsearch runs until you press Ctrl-C; --keep would leave it running.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
        elif not (given or keep):
            echo("\nElasticsearch is stopped now; xlrec-es node start starts it again.")


def _show(scenes: list[Scene], url: str) -> None:
    from xlrec_es import demo
    from xlrec_es.cli.recommend import recommendations_table

    console = Console()
    for scene in scenes:
        liked = ", ".join(
            title or work for work, title in zip(scene.likes, scene.titles, strict=True)
        )
        console.print(Text.assemble("\n", (f"Who {scene.person}", "bold"), f", liked: {liked}"))
        console.print(recommendations_table(scene.result))
    echo("\nTry next:")
    for line in demo.next_steps(url, scenes[0]):
        echo(f"  {line}")
