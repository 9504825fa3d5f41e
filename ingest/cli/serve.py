"""`xlrec-ingest serve`."""

from __future__ import annotations

import contextlib

import click

from ingest.cli.options.encoder import encoder_options
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.secret_files import warn_of_exposed
from xlrec_es.cli.options.terminal import echo


@sections.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen on."
)
@click.option(
    "--port",
    default=9600,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="HTTP port to listen on.",
)
@click.option(
    "--token",
    envvar="XLREC_SERVE_TOKEN",
    show_envvar=True,
    metavar="TOKEN",
    help="Token that callers must send; needed on any address but localhost.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Texts a second that one address may send, and ten times as many at once; beyond that the "
    "answer is 429.",
    show_default="no limit",
)
@encoder_options
@click.pass_context
def serve(
    ctx: click.Context,
    host: str,
    port: int,
    token: str | None,
    rate: float | None,
    model: str,
    encoder: EncoderOptions,
) -> None:
    """Encode free texts over HTTP.

    \b
    Examples:
      xlrec-ingest serve --model embedded
      xlrec-es recommend -i shop --text "board games" --encoder-url http://127.0.0.1:9600

    Query sides without torch use it. --port 0 takes any free port.
    """
    warn_of_exposed(ctx, "token", "XLREC_SERVE_TOKEN")
    from ingest.encode.http_server import EncoderServer
    from ingest.encode.sentence_transformer import load_encoder

    loaded = load_encoder(model, options=encoder)
    with EncoderServer(loaded, host=host, port=port, token=token, rate=rate) as server:
        echo(f"encoding with {loaded.model} at {server.url}; Ctrl-C stops it")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
