"""`xlrec-ingest reencode-back`."""

from __future__ import annotations

import contextlib

import click
from click.core import ParameterSource

from ingest.cli.options.encoder import encoder_options, sparse_options
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.index import show_rollback, show_rollback_plan
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.shared import (
    connection_options,
    dry_run_option,
    json_option,
    quiet_option,
)
from xlrec_es.cli.reindex import progress
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UsageError


@sections.command("reencode-back")
@click.argument("name", envvar="XLREC_INDEX")
@dry_run_option
@quiet_option
@json_option
@encoder_options
@sparse_options
@connection_options
@click.pass_context
def reencode_back(
    ctx: click.Context,
    name: str,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    model: str,
    encoder: EncoderOptions,
    connection: Connection,
) -> None:
    """Go back to the previous encoder.

    \b
    Examples:
      xlrec-ingest reencode-back shop --model intfloat/multilingual-e5-small

    It switches the alias NAME back to the previous version, keeping later writes: texts that
    changed are encoded for it. MODEL is the encoder of the previous version.

    xlrec-es index rollback needs no encoder, and leaves documents whose text changed without a
    vector until the next run.
    """
    if ctx.get_parameter_source("model") is ParameterSource.DEFAULT:
        raise UsageError("name the encoder of the previous version with --model")
    from ingest.encode.any_encoder import find_encoder
    from ingest.versions.rollback import prepare_rollback
    from xlrec_es.cluster.capabilities import probe
    from xlrec_es.cluster.retry import Cluster
    from xlrec_es.versions.inventory import read_versions

    with contextlib.closing(connect(connection)) as client:
        cluster = Cluster(client, probe(client))
        versions = read_versions(client, name)
        loaded = find_encoder(model, encoder)
        with progress(shown=not quiet) as observe:
            work = prepare_rollback(cluster, versions, encoder, encoder=loaded, observe=observe)
            if dry_run:
                show_rollback_plan(client, work.plan, as_json=as_json)
            else:
                show_rollback(work.run(), name, as_json=as_json)
