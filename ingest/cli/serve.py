"""`xlrec-ingest serve`."""

from __future__ import annotations

import contextlib

import click

from ingest.cli.options.encoder import encoder_options
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.options import sections
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
    help="0: any.",
)
@click.option(
    "--token",
    envvar="XLREC_SERVE_TOKEN",
    show_envvar=True,
    metavar="TOKEN",
    help="What callers must know; needed on any address but the loopback one.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Texts a second that one address may have encoded, and ten seconds' worth at once; more "
    "is answered 429.",
    show_default="no limit",
)
@encoder_options
def serve(
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

    Query sides without torch use it.
    """
    from ingest.encode.http_server import EncoderServer
    from ingest.encode.sentence_transformer import load_encoder

    loaded = load_encoder(model, options=encoder)
    with EncoderServer(loaded, host=host, port=port, token=token, rate=rate) as server:
        echo(f"encoding with {loaded.model} at {server.url}; Ctrl-C stops it")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
