"""`xlrec-ingest`: the worker.

What needs torch is imported where it is used: `--help` and a mistake in the options are quick.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import orjson
from rich.console import Console

from ingest.indicators_cli import indicators
from ingest.options import Duplicates, EncoderOptions, duplicate_options, encoder_options
from ingest.serve_cli import serve
from xlrec_es import __version__
from xlrec_es.calibration import METHODS
from xlrec_es.client import Connection
from xlrec_es.options import XlrecGroup, config_option, connection_options, index_option

REJECTED = 3
"""Exit code of a run that came to its end and set something aside."""


@click.group(cls=XlrecGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xlrec-ingest")
@config_option
def main() -> None:
    """Encode a catalogue and write it into Elasticsearch."""


main.add_command(indicators)
main.add_command(serve)


@main.command()
@click.argument("source", metavar="INPUT")
@index_option("Alias of the index; it is made where there is none.")
@click.option(
    "--field",
    "-f",
    "assignments",
    multiple=True,
    metavar="NAME=FIELD",
    help="Which field of a record is its id, language, title, text (several: text=a,b), work, "
    "popularity, or translations. Dotted for objects in objects; title=title_{language} stands for "
    "title_en, title_de ... Repeatable; a TOML file has a table [fields].  [default: fields of "
    "these names; text=summary,description,text]",
)
@click.option(
    "--query",
    default="",
    metavar="JSON",
    help="Which documents of index:NAME, as an Elasticsearch query; @FILE reads it from a file.",
)
@duplicate_options
@click.option(
    "--calibration",
    type=click.Choice(METHODS),
    help="How the languages are brought together.  [default: the index's own; centre if new]",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for what cannot be indexed, written anew by each run.  [default: "
    "INPUT.rejects.jsonl]",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@encoder_options
@connection_options
@click.pass_context
def run(
    ctx: click.Context,
    source: str,
    index: str,
    assignments: tuple[str, ...],
    query: str,
    duplicates: Duplicates,
    calibration: str | None,
    rejects: Path | None,
    quiet: bool,
    as_json: bool,
    model: str,
    encoder: EncoderOptions,
    connection: Connection,
) -> None:
    """Encode INPUT and write it into an index.

    INPUT is a file of JSON Lines, plain or gzipped, or - for standard input: one object a line with
    an id, a text, and whatever else; all of it is kept. A record in several languages has them in
    an object: {"id": 1, "translations": {"en": {"title": ...}, "fr": {"title": ...}}}; or in fields
    of their own: --field title=title_{language}.

    INPUT may be a Parquet file, or a folder of them, a record each row; or index:NAME, an index of
    the same cluster, whose ids, fields and mapping are kept.

    Documents that are in the index already, unchanged, are passed over. Exit code 3: done, but some
    records were set aside.

    \b
    Example: xlrec-ingest run items.jsonl.gz --index catalogue --field title=name
    """
    from ingest.fields import FieldMap, parse_assignments
    from ingest.job import Job
    from ingest.run import run as run_job
    from ingest.summary import table

    declared = (ctx.default_map or {}).get("fields", {})
    job = Job(
        index=index,
        source=source,
        fields=FieldMap.from_mapping({**declared, **parse_assignments(assignments)}),
        query=query,
        duplicates=duplicates,
        calibration=calibration,
        model=model,
        encoder=encoder,
        rejects=rejects,
    )
    with _stoppable():
        done = run_job(job, connection, show_progress=not quiet)
    for warning in done["warnings"]:
        click.echo(f"Warning: {warning}.", err=True)
    if as_json:
        click.echo(orjson.dumps(done, option=orjson.OPT_INDENT_2))
    else:
        Console().print(table(done))
    if done["rejected"]:
        ctx.exit(REJECTED)


class _Stopped(BaseException):
    """A signal asked the run to end; not an Exception, so that nothing takes it for a failure."""


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """End on Ctrl-C and SIGTERM with one sentence."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise _Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Stopped as error:
        number = signal.Signals(error.args[0])
        click.echo(
            f"Stopped by {number.name}. What was acknowledged is in the index; "
            "the same command goes on from there.",
            err=True,
        )
        sys.exit(128 + number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
