"""`xlrec-es init`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.secret_files import STANDARD_INPUT
from xlrec_es.cli.options.shared import connection_options, files_read, index_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.configuration.presets import preset_names
from xlrec_es.errors import ConfigError
from xlrec_es.output_files import refuse_inputs, writing

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.configuration.columns import CatalogSample
    from xlrec_es.configuration.field_proposal import Proposal, Reading
    from xlrec_es.configuration.interactions_sample import InteractionsSample
    from xlrec_es.configuration.toml_file import Setting

FILE = "xlrec.toml"
_SHOWN = 2  # records
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_.-]+")


@sections.command()
@click.argument("catalog", required=False, metavar="[CATALOG]")
@click.option(
    "--interactions",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File of interactions to look at: its columns, events and their weights.",
)
@click.option(
    "--preset",
    type=click.Choice(preset_names()),
    help="Settings for a kind of catalog: weights of events, half-lives, filters, caps, boosts.",
    show_default="the commands' own",
)
@index_option(required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(FILE),
    show_default=True,
    metavar="FILE",
    help="File to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@connection_options
@click.pass_context
def init(
    ctx: click.Context,
    catalog: str | None,
    interactions: Path | None,
    preset: str | None,
    index: str | None,
    output: Path,
    overwrite: bool,
    connection: Connection,
) -> None:
    """Write a configuration file for a CATALOG.

    \b
    Examples:
      xlrec-es init items.jsonl --interactions clicks.tsv --preset shop
      xlrec-es init index:products --preset news --output news.toml
      xlrec-es init --preset media

    CATALOG is a file of JSON Lines, a JSON array, CSV or TSV, plain or gzipped, or index:NAME. The
    file that is written says for each field and setting why; no key and no password goes into it.
    """
    from xlrec_es.configuration import presets
    from xlrec_es.configuration.catalog_sample import sample_file, sample_index
    from xlrec_es.configuration.field_proposal import propose, read
    from xlrec_es.configuration.interactions_sample import sample_interactions
    from xlrec_es.configuration.toml_file import Plan, text_of
    from xlrec_es.interactions.row_reader import INDEX

    # The configuration that is written may be the one that is read: it is what is made anew.
    inputs = (catalog, interactions, *files_read(ctx, config=False))
    refuse_inputs(output, inputs, option="--output")
    if output.exists() and not overwrite:
        raise ConfigError(f"{output} exists; give --overwrite to replace it, or --output FILE")
    client = connect(connection)
    sample = proposal = told = chosen = None
    if catalog is not None and catalog.startswith(INDEX):
        sample = sample_index(client, catalog.removeprefix(INDEX))
    elif catalog is not None:
        sample = sample_file(catalog)
    if sample is not None:
        proposal = propose(sample)
        _show(sample, proposal, read(sample, proposal.fields))
    if interactions is not None:
        told = sample_interactions(interactions)
        _show_events(told, presets.load(preset).events if preset else None)
    if preset is not None:
        chosen = presets.bound(presets.load(preset), sample.columns if sample else {})
    companion = None
    if sample is not None and sample.is_index:
        lines = chosen.lines if chosen else ()
        companion = list(dict.fromkeys(field for line in lines for field in line.fields))
    plan = Plan(
        command=shlex.join(_called(catalog, interactions, preset)),
        connection=tuple(_connection(ctx, index or _index_name(catalog))),
        fields=proposal,
        looked_at=f"the first {len(sample.records)} of {catalog}" if sample else "",
        companion=companion,
        interactions=told,
        preset=chosen,
    )
    _write(output, text_of(plan), overwrite=overwrite)
    echo(f"\nWrote {output}: read it, change what you know better. Next:")
    for line in _next(output, catalog, interactions, sample, proposal):
        echo(f"  {line}")


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    if path.is_file() and not overwrite:  # it came while the catalog was looked at
        raise ConfigError(f"cannot write {path}: it is there already")
    with writing(path) as file:
        file.write_text(text, "utf-8")


def _called(catalog: str | None, interactions: Path | None, preset: str | None) -> Iterator[str]:
    yield from ("xlrec-es", "init")
    if catalog is not None:
        yield catalog
    if interactions is not None:
        yield from ("--interactions", str(interactions))
    if preset is not None:
        yield from ("--preset", preset)


def _index_name(catalog: str | None) -> str:
    """A name for the index, of what Elasticsearch allows in one."""
    from xlrec_es.interactions.row_reader import INDEX

    if catalog is None:
        return "items"
    if catalog.startswith(INDEX):
        return f"{catalog.removeprefix(INDEX)}-xlrec"
    stem = Path(catalog).name.partition(".")[0].lower()
    return _NOT_IN_A_NAME.sub("-", stem).strip("-_.") or "items"


def _connection(ctx: click.Context, index: str) -> Iterator[Setting]:
    """What is no secret of the options of a connection."""
    from xlrec_es.configuration.toml_file import Setting

    given = ctx.params
    yield Setting("url", given["url"], "Elasticsearch's address")
    yield Setting("index", index, "alias of the index: of every command, unless it says another")
    if given["username"]:
        yield Setting("username", given["username"], "the password: in XLREC_PASSWORD")
    for name in ("ca_certs", "ca_fingerprint"):
        if given[name]:
            yield Setting(name, given[name], "whom the cluster's certificate is checked by")
    if given["insecure"]:
        yield Setting("insecure", True, "for testing alone: the certificate is not checked", False)
    files = [n for n in ("api_key_file", "password_file") if given[n] not in (None, STANDARD_INPUT)]
    for name in files:
        yield Setting(name, given[name], "its first line is the secret")
    if not files and not given["username"]:
        yield Setting(
            "api_key_file", "key.txt", "or XLREC_API_KEY, if the cluster wants one", False
        )


def _show(sample: CatalogSample, proposal: Proposal, reading: Reading) -> None:
    """The field map, and two records as they are read with it."""
    documents = sum(len(drafts) for _, drafts in reading.drafts)
    echo(
        f"{sample.source}: of the first {len(sample.records)} records, {len(reading.drafts)} make "
        f"{documents} documents."
    )
    if sample.unread:
        echo(f"  lines that are no records: {sample.unread}")
    for reason, count in sorted(reading.refused.items(), key=lambda one: -one[1])[:_SHOWN]:
        echo(f"  rejected: {count}, {reason}")
    for name, path in proposal.paths.items():
        shown = ", ".join(path) if isinstance(path, list) else path
        echo(f"  {name:<12} {shown}  ({proposal.why[name]})")
    for name, consequence in proposal.missing.items():
        echo(f"  {name:<12} not found: {consequence}")
    echo("")
    for line in _records(reading, proposal):
        echo(line)


def _records(reading: Reading, proposal: Proposal) -> Iterator[str]:
    from xlrec_es.configuration.field_proposal import shortened
    from xlrec_es.records.drafts import paths_in, texts_at
    from xlrec_es.records.field_map import lookup

    fields = proposal.fields
    for record, drafts in reading.drafts[:_SHOWN]:
        yield f"Record {drafts[0].id}"
        for draft in drafts[:_SHOWN]:
            title = [p for p in draft.paths[:1] if p in paths_in(record.fields, fields.title)]
            first = " ".join(texts_at(draft.texts, title or draft.paths[:1]))
            rest = " ".join(texts_at(draft.texts, draft.paths[1:]))
            yield f"  language {draft.tag or 'to be detected'}"
            yield f"    title {shortened(first, 60)}" if first else "    no title"
            if rest:
                yield f"    text  {shortened(rest, 60)}"
        more = len(drafts) - _SHOWN
        if more > 0:
            yield f"  and {more} more languages"
        if (popularity := lookup(record.fields, fields.popularity)) is not None:
            yield f"  popularity {popularity}"
        yield f"  kept as they are: {', '.join(record.fields)}"


def _show_events(told: InteractionsSample, weights: dict[str, float] | None) -> None:
    """The columns of a file of interactions, and its events."""
    columns = ", ".join(f"{name} is {at}" for name, at in told.columns.items())
    echo(
        f"\n{told.source}: {told.rows} rows of {told.users} users with {told.items} items; "
        f"{columns}."
    )
    found = told.weights(weights) if weights else told.weights()
    for event, weight in found.items():
        says = "unknown: give it a weight" if weight is None else f"weighs {weight:g}"
        echo(f"  {event:<20} rows: {told.events[event]}, {says}")


def _next(
    output: Path,
    catalog: str | None,
    interactions: Path | None,
    sample: CatalogSample | None,
    proposal: Proposal | None,
) -> Iterator[str]:
    """The commands that come after."""
    yield shlex.join(("export", f"XLREC_CONFIG={output}"))
    yield shlex.join(("xlrec-ingest", "run", catalog or "items.jsonl"))
    if interactions is not None:
        yield shlex.join(("xlrec-ingest", "learn", str(interactions)))
    if sample is not None and proposal is not None:
        yield shlex.join(("xlrec-es", "recommend", *_liked(sample, proposal)))


def _liked(sample: CatalogSample, proposal: Proposal) -> Iterator[str]:
    """Ids to try; and a language, where they have all that there are."""
    from xlrec_es.configuration.field_proposal import read

    drafts = [drafts for _, drafts in read(sample, proposal.fields).drafts]
    if not drafts:
        return
    first = {draft.tag for draft in drafts[0]}
    if proposal.languages and first >= set(proposal.languages):
        yield from ("--language", proposal.languages[0])
    alike = [one for one in drafts if {draft.tag for draft in one} == first]
    yield from (one[0].id for one in alike[:_SHOWN])
