"""`xlrec-ingest run` and `replay`."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingest.cli.options.duplicates import duplicate_options
from ingest.cli.options.encoder import centering_option, encoder_options, sparse_options
from ingest.cli.options.images import image_options
from ingest.cli.options.record_fields import parse_language_map, parse_paths
from ingest.cli.options.target import (
    Engine,
    WrittenIndex,
    engine_options,
    mode_options,
    shard_option,
)
from ingest.documents.duplicate_policy import Duplicates
from ingest.encode.options import EncoderOptions
from ingest.images.options import ImageOptions
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import REJECTED, print_json
from xlrec_es.cli.options.reindex import vector_index_options
from xlrec_es.cli.options.shared import (
    connection_options,
    index_option,
    json_option,
    quiet_option,
    write_to_option,
)
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import XlrecError

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from ingest.run.counts import Observer
    from ingest.run.job import RunJob
    from xlrec_es.records.field_map import FieldMap

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


def run_options(command: F) -> F:
    """Give a command the options that every way of indexing has."""
    options: list[Callable[[Any], Any]] = [
        FIELD,
        LANGUAGE_MAP,
        quiet_option,
        click.option(
            "--log-json",
            is_flag=True,
            help="Log events as JSON Lines on standard error, in place of the progress bar.",
        ),
        json_option,
        encoder_options,
        sparse_options,
        connection_options,
        click.pass_context,
    ]
    for option in reversed(options):
        command = option(command)
    return command


INDEX = index_option

FIELD = click.option(
    "--field",
    "-f",
    "assignments",
    multiple=True,
    metavar="NAME=FIELD",
    help="Which field of a record is its id, language, title, text (several: text=a,b), work, "
    "popularity, translations, or version. Dots lead into objects; title=title_{language} stands "
    "for title_en, title_de ... Repeatable; a TOML file has a table [fields].",
    show_default="fields of these names; text=summary,description,text",
)


LANGUAGE_MAP = click.option(
    "--language-map",
    multiple=True,
    metavar="VALUE=LANG",
    help="Language that a value in the records stands for (cn=yue). Repeatable.",
    show_default="tags, locales and names of languages are recognized; "
    "for xx, x-default or a country code, the language is detected",
)


@sections.command()
@click.argument("source", metavar="INPUT")
@click.option(
    "--query",
    default="",
    metavar="JSON",
    help="Elasticsearch query for the documents of index:NAME to read, as JSON or @FILE.",
)
@click.option(
    "--slices",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    metavar="N",
    help="Parts of index:NAME to read at the same time, if it is spread over nodes.",
)
@index_option(required=False)
@mode_options
@image_options
@duplicate_options
@vector_index_options
@centering_option("the index's own; if new, what measured best for a fine-tuned model, else center")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for records that cannot be indexed; each run replaces it.",
    show_default="INPUT.INDEX.rejects.jsonl; of a shard INPUT.INDEX.I-of-N.rejects.jsonl",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue from the last checkpoint.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that holds how far a run has come.",
    show_default="beside the reject file, INPUT.INDEX.checkpoint.json",
)
@click.option(
    "--max-rejects",
    type=click.IntRange(min=0),
    metavar="N",
    help="Largest number of rejected records; the run fails beyond it.",
    show_default="any number, if not all of the first 100",
)
@shard_option
@click.option(
    "--wait",
    "wait_s",
    type=NumberRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Seconds to wait for Elasticsearch at the start.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Wait for more at the end, until Ctrl-C.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port of localhost that serves metrics to Prometheus.",
)
@write_to_option
@engine_options
@run_options
def run(
    ctx: click.Context,
    source: str,
    target: WrittenIndex,
    engine: Engine | None,
    keep: tuple[str, ...] | None,
    assignments: tuple[str, ...],
    language_map: tuple[str, ...],
    query: str,
    slices: int,
    duplicates: Duplicates,
    centering: str | None,
    vectors: dict[str, Any],
    images: ImageOptions | None,
    rejects: Path | None,
    resume: bool,
    checkpoint: Path | None,
    max_rejects: int | None,
    shard: str,
    wait_s: float,
    follow: bool,
    metrics_port: int | None,
    write_to: str | None,
    quiet: bool,
    log_json: bool,
    as_json: bool,
    model: str,
    encoder: EncoderOptions,
    connection: Connection,
) -> None:
    """Encode INPUT and write it into an index.

    \b
    Examples:
      xlrec-ingest run items.jsonl --index shop
      xlrec-ingest run items.csv.gz --index shop --field title=name --resume
      xlrec-ingest run index:products --companion --keep-field price
      xlrec-ingest run index:products --in-place
      xlrec-ingest run items/ --index shop --engine ray --address auto

    INPUT is a file of JSON Lines, plain or gzipped, or - for standard input: one object a line with
    an id, a text, and any other fields; all of them are kept. A record in several languages has
    them in an object: {"id": 1, "translations": {"en": {"title": ...}, "fr": {"title": ...}}}; or
    in fields of their own: --field title=title_{language}.

    INPUT may also be a JSON array; a CSV or TSV file (by its name), whose header names the fields;
    a Parquet file, or a folder of them; or index:NAME, an index of the same cluster, whose IDs,
    fields and mapping are kept. --in-place and --companion need no copy of such an index. In a dump
    with {"_id": ..., "_source": {...}}, _source is the record and _id its ID, also MongoDB's
    {"$oid": ...}.

    With --engine ray, INPUT may also be a folder of such files or a pattern; it is divided among
    workers on one or more machines, which read it by the same path.

    With --follow the run waits for more at the end of a file that grows, or of index:NAME.
    --write-to RUNS adds the summary to an index, and to RUNS-rejects why records were rejected.

    With --image FIELD the pictures of items are encoded, too. A picture that cannot be used is
    rejected, and its document indexed with its text.

    The index is created if it does not exist. Unchanged documents are skipped; where only other
    fields have changed, the vector is kept. {"_op": "delete", "id": 1} deletes. Exit code 3: done,
    but some records were rejected.
    """
    from ingest.run.job import RunJob
    from ingest.shard import Shard

    job = RunJob(
        index=target.name,
        mode=target.mode,
        keep=keep,
        source=source,
        fields=_fields(ctx, assignments),
        language_map=parse_language_map(language_map),
        query=query,
        slices=slices,
        duplicates=duplicates,
        centering=centering,
        vectors=vectors,
        images=images,
        model=model,
        encoder=encoder,
        rejects=rejects,
        resume=resume,
        checkpoint=checkpoint,
        max_rejects=max_rejects,
        shard=Shard.parse(shard),
        wait_s=wait_s,
        follow=follow,
        metrics_port=metrics_port,
    )
    shown = _Shown(quiet, log_json, as_json)
    if _execute(job, connection, shown=shown, write_to=write_to, engine=engine)["rejected"]:
        ctx.exit(REJECTED)


@sections.command()
@click.argument("rejects", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@index_option()
@image_options
@write_to_option
@run_options
def replay(
    ctx: click.Context,
    rejects: Path,
    index: str,
    images: ImageOptions | None,
    write_to: str | None,
    assignments: tuple[str, ...],
    language_map: tuple[str, ...],
    quiet: bool,
    log_json: bool,
    as_json: bool,
    model: str,
    encoder: EncoderOptions,
    connection: Connection,
) -> None:
    """Index the records that a run rejected.

    \b
    Examples:
      xlrec-ingest replay items.jsonl.shop.rejects.jsonl --index shop

    Run it once the cause is fixed.

    FILE is the reject file of a run, which you may edit. Records that are rejected again stay in
    it; it is removed when none is left.
    """
    from ingest.run.job import RunJob
    from ingest.run.reject_file import replaced
    from ingest.sources.rejects import SCHEME

    with replaced(rejects) as still:
        job = RunJob(
            index=index,
            source=f"{SCHEME}{rejects}",
            fields=_fields(ctx, assignments),
            language_map=parse_language_map(language_map),
            images=images,
            model=model,
            encoder=encoder,
            rejects=still,
        )
        shown = _Shown(quiet, log_json, as_json, rejects=rejects)
        done = _execute(job, connection, shown=shown, write_to=write_to)
    if done["rejected"]:
        ctx.exit(REJECTED)


def _fields(ctx: click.Context, assignments: tuple[str, ...]) -> FieldMap:
    from xlrec_es.records.field_map import FieldMap

    declared = (ctx.default_map or {}).get("fields", {})
    return FieldMap.from_mapping({**declared, **parse_paths(assignments)})


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown of a run: see the options of these names.

    Attributes:
        rejects: What the reject file is called after a run that came to its end; None for the name
            that it was written by.
    """

    quiet: bool
    log_json: bool
    as_json: bool
    rejects: Path | None = None


def _execute(
    job: RunJob,
    connection: Connection,
    *,
    shown: _Shown,
    write_to: str | None = None,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """Run the job, and print its summary; a signal ends the process here."""
    from ingest.encode.model_record import refusal
    from ingest.run.observe.progress_bar import ProgressBar
    from ingest.run.observe.run_record import recorded
    from ingest.run.observe.summary import table
    from ingest.run.signals import end, stoppable, tell

    with contextlib.ExitStack() as around:
        log = around.enter_context(_log()) if shown.log_json else None
        bar = ProgressBar(shown=not shown.quiet and log is None)
        with stoppable(logger.warning if log else tell) as stop, bar:
            if refused := refusal(job.model):
                stop.say(f"Warning: {refused}.")
            with recorded(job, connection, index=write_to, tell=stop.say) as record:
                done = _engine(engine)(job, connection, observe=log or bar, stop=stop)
                record(done)
        if shown.rejects and done["complete"] and done["rejects"]:
            done["rejects"] = str(shown.rejects)
        for warning in done["warnings"]:
            stop.say(f"Warning: {warning}.")
        if log:
            logger.info("finished", extra=done)
        if shown.as_json:
            print_json(done)
        elif not log:
            Console().print(table(done))
        if not done["complete"]:
            end(stop, "; all that was encoded is written")
    return done


def _engine(engine: Engine | None) -> Callable[..., dict[str, Any]]:
    """What runs the job.

    Raises:
        MissingExtra: Ray is not installed.
    """
    if engine is None:
        from ingest.run.assemble import run

        return run
    from ingest.on_ray import engine as ray_engine
    from ingest.on_ray.session import RayOptions

    options = RayOptions(engine.address, engine.workers)
    return functools.partial(ray_engine.run, options=options)


@contextlib.contextmanager
def _log() -> Iterator[Observer]:
    """The JSON log; an error is a line of it, too, and no other sentence ends the command."""
    from ingest.run.observe.json_log import json_log

    with json_log() as observe:
        try:
            yield observe
        except XlrecError as error:
            logger.error(str(error), extra={"error": type(error).__name__})
            raise SystemExit(error.exit_code) from error
