"""`xlrec-ingest reencode`."""

from __future__ import annotations

import contextlib

import click
from click.core import ParameterSource

from ingest.cli.options.encoder import centering_option, encoder_options, sparse_options
from ingest.cli.options.record_fields import parse_paths
from ingest.encode.options import EncoderOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.reindex import How, reindex_options
from xlrec_es.cli.options.shared import connection_options, parse_assignments
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.reindex import carry_out, progress, show_plan
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UsageError

MIN_OVERLAP = 0.1
"""Another encoder recommends other items; nothing but chance in common is a fault."""


def split_columns(assignments: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """The columns of a file of interactions, and the other assignments: no name is in both."""
    from xlrec_es.interactions.likes import COLUMNS  # slow to import

    mine = tuple(text for text in assignments if text.partition("=")[0] in COLUMNS)
    return parse_assignments(mine), [text for text in assignments if text not in mine]


@sections.command()
@click.argument("name", envvar="XLREC_INDEX")
@click.option(
    "--field",
    "-f",
    "assignments",
    multiple=True,
    metavar="NAME=FIELD",
    help="Which field is what, as for `run`; also user, item ... for the columns of "
    "--interactions. Repeatable.",
    show_default="as the active version",
)
@centering_option("what measured best for a fine-tuned model; else as the active version")
@reindex_options(MIN_OVERLAP)
@encoder_options
@sparse_options
@connection_options
@click.pass_context
def reencode(
    ctx: click.Context,
    name: str,
    assignments: tuple[str, ...],
    centering: str | None,
    how: How,
    model: str,
    encoder: EncoderOptions,
    connection: Connection,
) -> None:
    """Encode an index again, and swap.

    \b
    Examples:
      xlrec-ingest reencode shop --model intfloat/multilingual-e5-base

    It brings the active version of NAME to another encoder, recipe or centering, with no downtime.

    The documents of the active version are encoded into a new one. Later writes are replayed, and
    the new version is verified and takes the active one's place. Vectors that fit already are
    copied, and so is what was learned from interactions. Exit code 4: refused by a gate. --write-to
    adds what the gate decided to an index, either way. A change that needs no encoder is quicker
    with xlrec-es index reindex.
    """
    if ctx.get_parameter_source("model") is ParameterSource.DEFAULT:
        raise UsageError("name the encoder with --model, even if it is that of the active version")
    from ingest.encode import model_record
    from ingest.encode.any_encoder import find_encoder
    from ingest.encode.checkpoint.license import license_warnings
    from ingest.versions.reindex import Wanted, prepare
    from xlrec_es.cluster.capabilities import probe
    from xlrec_es.cluster.retry import Cluster
    from xlrec_es.versions.inventory import read_versions

    columns, others = split_columns(assignments)
    fields = parse_paths(others)
    if refused := model_record.refusal(model):
        echo(f"Warning: {refused}.", err=True)
    centering = centering or model_record.measured_centering(model)
    learned_from = model_record.learned_from(model)
    with contextlib.closing(connect(connection)) as client:
        cluster = Cluster(client, probe(client))
        versions = read_versions(client, name)
        loaded = find_encoder(model, encoder)
        for warned in license_warnings(loaded):
            echo(f"Warning: {warned}.", err=True)
        changes = how.of(versions, loaded.dims).changes
        wanted = Wanted(fields, encoder, changes, how.limits, centering, learned_from)
        with progress(shown=not how.quiet) as observe:
            work = prepare(cluster, versions, wanted, encoder=loaded, observe=observe)
            if how.dry_run:
                show_plan(work.plan, how)
            else:
                carry_out(work, how, columns, command="reencode")
