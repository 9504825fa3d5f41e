"""`xlrec-es serve`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.recommend import (
    encoder_url_option,
    event_source,
    events_index_option,
    how_options,
)
from xlrec_es.cli.options.serving import (
    address_options,
    caller_options,
    placements_index_option,
    read_samples,
    samples_option,
)
from xlrec_es.cli.options.shared import connection_options
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import MissingExtra
from xlrec_es.recommend.options import Options

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.service.web.access import Token


@sections.command()
@click.option(
    "--index",
    "-i",
    "indices",
    multiple=True,
    required=True,
    envvar="XLREC_INDEX",
    show_envvar=True,
    metavar="INDEX",
    help="Alias or index to answer for; the first where a request names none. Repeatable.",
)
@address_options(9700)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes that answer.",
)
@click.option(
    "--tokens-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="TOML file with [[token]] tables: name, scopes (read, events, admin), and token or "
    "sha256. XLREC_API_TOKEN is one token for everything.",
)
@caller_options
@events_index_option
@click.option(
    "--impressions-index",
    metavar="INDEX",
    help="Index for what users are shown; made if it is missing.",
)
@placements_index_option
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder where events wait until Elasticsearch has them.",
    show_default="one for each cluster in ~/.local/state/xlrec-es",
)
@click.option(
    "--max-spool-mb",
    default=256,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Size that the spool may reach; beyond it, events are answered 503.",
)
@samples_option
@encoder_url_option
@how_options
@connection_options
def serve(
    connection: Connection,
    indices: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    tokens_file: Path | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    events_index: str | None,
    impressions_index: str | None,
    placements_index: str,
    spool: Path | None,
    max_spool_mb: int,
    max_requests: int,
    samples: Path | None,
    encoder_url: str | None,
    options: Options,
) -> None:
    """Serve recommendations over HTTP.

    \b
    Examples:
      xlrec-es serve -i shop
      xlrec-es serve -i shop --events-index clicks --impressions-index shown
      XLREC_API_TOKEN=... xlrec-es serve -i shop --host 0.0.0.0 --workers 4

    The page is at /, the reference at /docs, Prometheus's numbers at /metrics. Without a token it
    listens on this machine alone.
    """
    try:
        from xlrec_es.service.application import SCOPES, UNLIMITED, Application
        from xlrec_es.service.feedback.spool import Spool
        from xlrec_es.service.settings import Settings
        from xlrec_es.service.web import processes, server
        from xlrec_es.service.web.access import AccessRules
        from xlrec_es.service.web.limits import Limits
        from xlrec_es.vectors.open_encoder import access_of_environment
    except ImportError as error:
        raise MissingExtra.named("serve", "the HTTP service") from error
    events = event_source(events_index)
    keeps = events is not None or impressions_index is not None
    settings = Settings(
        indices=tuple(dict.fromkeys(indices)),
        connection=connection,
        access=AccessRules(host, _tokens(tokens_file), hosts, origins, SCOPES),
        limits=Limits(requests=max_requests, unlimited=UNLIMITED),
        options=options,
        events=events,
        impressions=impressions_index,
        placements=placements_index,
        spool=(spool or _default_spool(connection.url)) if keeps else None,
        spool_bytes=max_spool_mb * 2**20,
        encoder_url=encoder_url,
        encoder_access=access_of_environment(),
        timeout_s=connection.timeout_s,
        samples=read_samples(samples),
    )
    processes.log_to_stderr()
    if settings.spool is not None:
        # Its folder is at fault here, before each process finds out.
        Spool(settings.spool, cluster=connection.url)
    listening = server.Address(host, port).listen()
    echo(f"serving {', '.join(settings.indices)} at {server.url_of(listening)}; Ctrl-C stops it")
    server.serve(Application(settings), listening, workers=workers)


def _tokens(path: Path | None) -> tuple[Token, ...]:
    from xlrec_es.service.web.access import Token, read_tokens

    tokens = read_tokens(path) if path is not None else ()
    if plain := os.environ.get("XLREC_API_TOKEN"):
        tokens = (*tokens, Token.of("XLREC_API_TOKEN", plain))
    return tokens


def _default_spool(url: str) -> Path:
    """A folder of what must outlive a program, as of the XDG base directory specification."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    cluster = hashlib.sha256(url.encode()).hexdigest()[:12]
    return Path(base) / "xlrec-es" / f"spool-{cluster}"
