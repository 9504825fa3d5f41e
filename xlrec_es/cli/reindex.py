"""`xlrec-es index reindex`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import versioned
from xlrec_es.cli.options.reindex import _DEFAULTS, How, reindex_options
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    parse_assignments,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import GateFailed, XlrecError
from xlrec_es.recommend.request.query_forms import request_object, request_text

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.versions.gate_checks import Check
    from xlrec_es.versions.reindex import Observe, Reindexer, ReindexPlan, ReindexReport


@sections.command()
@click.argument("name", envvar="XLREC_INDEX")
@field_option(f"{COLUMNS_OF_LIKES} of --interactions")
@reindex_options(_DEFAULTS.overlap)
@connection_options
def reindex(name: str, assignments: tuple[str, ...], how: How, connection: Connection) -> None:
    """Copy an index into a new version, and swap.

    \b
    Examples:
      xlrec-es index reindex shop --shards 4 --dry-run
      xlrec-es index reindex shop --shards 4
      xlrec-es index reindex shop --quantization bbq

    It changes shards, settings, mappings or how vectors are indexed, with no downtime. Vectors are
    copied, not computed; xlrec-ingest reencode computes them.

    Searches go on, and so do writes, which are replayed. Writes are refused (403,
    cluster_block_exception) for about a second before the swap. A command that was stopped goes on
    when it is repeated. Exit code 4: refused by a gate, and NAME stays as it is. --write-to adds
    what the gate decided to an index, either way.
    """
    from xlrec_es.cluster.capabilities import probe
    from xlrec_es.versions import reindex as reindexing
    from xlrec_es.versions.copier import copied_as_is
    from xlrec_es.versions.inventory import read_versions

    columns = parse_assignments(assignments)
    with contextlib.closing(connect(connection)) as client:
        packed = probe(client).packed_vectors
        versions = read_versions(client, name)
        plan = reindexing.plan(versions, changes=how.of(versions).changes)
        if how.dry_run:
            show_plan(plan, how)
            return
        with progress(shown=not how.quiet) as observe:
            transform = copied_as_is(packed=packed)
            work = reindexing.Reindexer(client, plan, transform, limits=how.limits, observe=observe)
            carry_out(work, how, columns, command="index reindex")


def show_plan(plan: ReindexPlan, how: How) -> None:
    """Print what would be sent: for people abridged, in JSON whole."""
    new, swap = plan.new, plan.swap.body
    if how.as_json:
        requests = [] if plan.exists else [request_object("PUT", new.index, new.body)]
        requests += [request_object("POST", "_aliases", swap)] * how.swap
        told = {"index": new.index, "source": plan.live.index, "resumes": plan.exists}
        echo(json.dumps(versioned({**told, "requests": requests}), ensure_ascii=False, indent=2))
        return
    echo(request_text("goes on with" if plan.exists else "PUT", new.index, new.body))
    if how.swap:
        echo(f"copies {plan.live.index}, verifies, then: {request_text('POST', '_aliases', swap)}")
    else:
        echo(f"copies {plan.live.index} and verifies")


def carry_out(work: Reindexer, how: How, columns: Mapping[str, str], *, command: str) -> None:
    """Do it, and print the report; a failed gate prints what it found, too.

    Args:
        work: What.
        how: And how.
        columns: Of the file of interactions, by their own names.
        command: As people call it.
    """
    if how.write_to is not None:
        from xlrec_es.cluster.result_index import prepare
        from xlrec_es.evaluate.result_rows import TYPES

        prepare(work.client, how.write_to, TYPES)
    if how.interactions is not None:
        from xlrec_es.evaluate.dataset import EvaluationJob
        from xlrec_es.versions.gate_evaluation import Comparison

        live = work.plan.live.described()
        job = EvaluationJob(how.interactions, live.name, fields=columns)
        comparison = Comparison.of(work.client, live, job, max_loss=how.max_loss)
        work.more_checks.append(comparison.check)
    try:
        report = work.run(swap=how.swap)
    except GateFailed as error:
        refused = _decision(work, error.checks, swapped=False)
        _record(work, how, {"command": command, **refused})
        if how.as_json:
            echo(json.dumps(versioned(refused), ensure_ascii=False, indent=2))
        else:
            Console(stderr=True).print(_checks(error.checks))
        raise
    decided = _decision(work, report.checks, swapped=report.swapped)
    _record(work, how, {"command": command, **decided})
    if how.as_json:
        echo(json.dumps(versioned(dataclasses.asdict(report)), ensure_ascii=False, indent=2))
        return
    Console().print(_checks(report.checks))
    _show(report, work.plan.versions.name)


def _decision(work: Reindexer, checks: Sequence[Check], *, swapped: bool) -> dict[str, Any]:
    """What the gate decided, ready for JSON; keys are those of the report of a reindex."""
    return {
        "index": work.plan.new.index,
        "source": work.plan.live.index,
        "swapped": swapped,
        "checks": [dataclasses.asdict(check) for check in checks],
    }


def _record(work: Reindexer, how: How, decided: Mapping[str, Any]) -> None:
    """Add the decision to the index that was asked for; it stands, whether or not this works."""
    if how.write_to is None:
        return
    from xlrec_es.cluster.result_index import add
    from xlrec_es.evaluate import result_rows

    digest = work.plan.new.meta.fingerprint.digest
    rows = result_rows.rows_of_gate({**decided, "fingerprint": digest}, datetime.now(UTC))
    try:
        add(work.client, how.write_to, rows, types=result_rows.TYPES)
    except XlrecError as error:
        echo(
            f"Warning: what the gate decided is done, and is not in {how.write_to}: {error}.",
            err=True,
        )


def _show(report: ReindexReport, name: str) -> None:
    echo(
        f"{report.index}: {report.copied} copied, {report.unchanged} were there, {report.deleted} "
        f"deleted; {report.seconds:.1f} s"
    )
    if report.swapped:
        echo(
            f"{name} is {report.index} now; it was {report.source}. "
            f"Writes were refused for {report.blocked_s:.1f} s"
        )
    else:
        echo(f"{name} is still {report.source}; the same command without --no-swap goes on")


def _checks(checks: tuple[Check, ...]) -> Table:
    table = Table("check", "", "found")
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "FAILED", check.message)
    return table


@contextlib.contextmanager
def progress(*, shown: bool) -> Iterator[Observe]:
    """An observer that shows on standard error, where that is a terminal, how far it is."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    disabled = not (shown and console.is_terminal)
    with Progress(*columns, console=console, disable=disabled, transient=True) as bar:
        task = bar.add_task("")

        def observe(phase: str, count: int) -> None:
            bar.update(task, description=f"{phase}: {count} documents")

        yield observe
