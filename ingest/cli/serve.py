"""`xlrec-ingest serve`."""

from __future__ import annotations

import contextlib
import logging
import sys
from dataclasses import replace

import click

from ingest.cli.options.encoder import encoder_options
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.secret_files import warn_of_exposed
from xlrec_es.cli.options.serving import address_options, caller_options
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.errors import MissingExtra


@sections.command()
@address_options(9600)
@click.option(
    "--token",
    envvar="XLREC_SERVE_TOKEN",
    show_envvar=True,
    metavar="TOKEN",
    help="Token that callers must send; needed on any address but localhost.",
)
@caller_options
@click.option(
    "--rate",
    type=NumberRange(min=0, min_open=True),
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
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    max_requests: int,
    rate: float | None,
    model: str,
    encoder: EncoderOptions,
) -> None:
    """Encode free texts over HTTP.

    \b
    Examples:
      xlrec-ingest serve --model embedded
      xlrec-es recommend -i shop --text "board games" --encoder-url http://127.0.0.1:9600
      curl http://127.0.0.1:9600/v1/embeddings -d '{"input": ["board games"]}'

    Query sides without torch use it, and so does whatever speaks OpenAI's /v1/embeddings. Texts of
    callers that ask at the same time are encoded together. --port 0 takes any free port.
    """
    warn_of_exposed(ctx, "token", "XLREC_SERVE_TOKEN")
    try:
        from ingest.encode.server.application import LIMITS, Application, access_rules
        from xlrec_es.service.web import server
    except ImportError as error:
        raise MissingExtra.named("ingest", "the encoder's HTTP service") from error
    from ingest.encode.any_encoder import find_encoder
    from ingest.encode.checkpoint.license import license_note, license_warning

    access = access_rules(host, token, hosts, origins)
    loaded = find_encoder(model, encoder)
    if warned := license_warning(loaded):
        echo(f"Warning: {warned}.", err=True)
    limits = replace(LIMITS, requests=max_requests)
    application = Application(loaded, access, limits, rate)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("xlrec_es.service", "uvicorn"):  # a line for each request; none of the model's
        logging.getLogger(name).setLevel(logging.INFO)
    listening = server.Address(host, port).listen()
    license_ = "".join(f" ({name})" for name in license_note(loaded).values())
    echo(f"encoding with {loaded.model}{license_} at {server.url_of(listening)}; Ctrl-C stops it")
    with contextlib.suppress(KeyboardInterrupt):
        server.serve(application, listening)
