"""`xlrec-es reindex`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    parse_assignments,
)
from xlrec_es.cluster.connection import Connection, connect, probe
from xlrec_es.errors import ConfigError, GateFailed
from xlrec_es.evaluate.dataset import Job
from xlrec_es.versions import reindex as reindexing
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_checks import Check, Limits
from xlrec_es.versions.gate_evaluation import Comparison
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Observe, Plan, Reindexer, Report

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULTS = Limits()


@dataclasses.dataclass(frozen=True, slots=True)
class How:
    """The options that every kind of reindex has.

    Attributes:
        changes: `settings` and `mappings` that win.
        limits: Of the gate.
        interactions: File of interactions that both versions are evaluated on; None: neither is.
        max_loss: Recall that may be lost in that beyond the noise.
        swap: Whether the new version becomes the live one.
        dry_run: Print what would be done.
        as_json: Print JSON.
        quiet: Show no progress.
    """

    changes: dict[str, Any]
    limits: Limits
    interactions: Path | None
    max_loss: float
    swap: bool
    dry_run: bool
    as_json: bool
    quiet: bool


def reindex_options(overlap: float) -> Callable[[F], F]:
    """Give a command the options of a reindex; it receives them as `how`.

    Args:
        overlap: The default limit of that check.
    """

    def decorate(command: F) -> F:
        @click.option("--shards", type=click.IntRange(min=1), help="Primary shards.")
        @click.option("--replicas", type=click.IntRange(min=0), help="Copies.")
        @click.option(
            "--changes",
            "changes_file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="JSON file with an object of settings and mappings, which win over those of the "
            "live version.",
        )
        @click.option(
            "--min-recall",
            type=click.FloatRange(0, 1),
            default=_DEFAULTS.recall,
            show_default=True,
            help="Gate: the share of the exact nearest ten that the approximate search finds, in "
            "each language.",
        )
        @click.option(
            "--min-overlap",
            type=click.FloatRange(0, 1),
            default=overlap,
            show_default=True,
            help="Gate: the share of sampled recommendations that stay.",
        )
        @click.option(
            "--max-missing",
            type=click.FloatRange(0, 1),
            default=_DEFAULTS.missing,
            show_default=True,
            help="Gate: the share of each language's documents that may be missing.",
        )
        @click.option(
            "--interactions",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="Gate: file as for evaluate (columns user, item ...): held-out likes are looked "
            "for in the lists of both versions.",
        )
        @click.option(
            "--max-loss",
            type=click.FloatRange(0, 1),
            default=0.0,
            show_default=True,
            help="Gate: the recall that may be lost in that, beyond the noise.",
        )
        @click.option("--no-swap", is_flag=True, help="Leave the new version beside the live one.")
        @click.option("--dry-run", is_flag=True, help="Print what would be made; change nothing.")
        @click.option("--quiet", "-q", is_flag=True, help="No progress.")
        @click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
        @functools.wraps(command)
        def wrapper(
            *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
            shards: int | None,
            replicas: int | None,
            changes_file: Path | None,
            min_recall: float,
            min_overlap: float,
            max_missing: float,
            interactions: Path | None,
            max_loss: float,
            no_swap: bool,
            dry_run: bool,
            quiet: bool,
            as_json: bool,
            **kwargs: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            changes = _changes(shards, replicas, changes_file)
            limits = Limits(missing=max_missing, recall=min_recall, overlap=min_overlap)
            how = How(
                changes=changes,
                limits=limits,
                interactions=interactions,
                max_loss=max_loss,
                swap=not no_swap,
                dry_run=dry_run,
                as_json=as_json,
                quiet=quiet,
            )
            return command(*args, how=how, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def _changes(shards: int | None, replicas: int | None, file: Path | None) -> dict[str, Any]:
    try:
        changes: Any = json.loads(file.read_bytes()) if file else {}
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}") from error
    if not isinstance(changes, dict) or changes.keys() - {"settings", "mappings"}:
        raise ConfigError(f"{file} must be an object of settings and mappings")
    given = {"number_of_shards": shards, "number_of_replicas": replicas}
    numbers = {name: number for name, number in given.items() if number is not None}
    if numbers:
        settings = changes.get("settings", {})
        changes["settings"] = {**settings, "index": {**settings.get("index", {}), **numbers}}
    return changes


@click.command()
@click.argument("name", envvar="XLREC_INDEX")
@field_option(f"{COLUMNS_OF_LIKES} of --interactions")
@reindex_options(_DEFAULTS.overlap)
@connection_options
def reindex(name: str, assignments: tuple[str, ...], how: How, connection: Connection) -> None:
    """Copy the live version of NAME into a new one, verify it, and swap, with no downtime.

    For other shards, settings or mappings; vectors are copied, not computed. For another encoder:
    xlrec-ingest reindex. Searches go on, and so do writes, which are caught up; they are refused
    (403, cluster_block_exception) for about a second before the swap. If it is stopped, the same
    command goes on. If the new version is not good enough, NAME stays as it is.

    Example: xlrec-es reindex shop --shards 4
    """
    columns = parse_assignments(assignments)
    with contextlib.closing(connect(connection)) as client:
        packed = probe(client).packed_vectors
        plan = reindexing.plan(read_versions(client, name), changes=how.changes)
        if how.dry_run:
            show_plan(plan)
            return
        with progress(shown=not how.quiet) as observe:
            transform = copied_as_is(packed=packed)
            work = Reindexer(client, plan, transform, limits=how.limits, observe=observe)
            carry_out(work, how, columns)


def show_plan(plan: Plan) -> None:
    """Print what would be sent."""
    new = plan.new
    request = "goes on with" if plan.exists else "PUT"
    body = json.dumps(new.body, ensure_ascii=False, indent=2)
    click.echo(f"{request} {new.index}\n{body}")
    click.echo(f"copies {plan.live.index}, verifies, then: POST _aliases")
    click.echo(json.dumps(plan.swap.body, ensure_ascii=False, indent=2))


def carry_out(work: Reindexer, how: How, columns: Mapping[str, str]) -> None:
    """Do it, and print the report; a failed gate prints what it found, too.

    Args:
        work: What.
        how: And how.
        columns: Of the file of interactions, by their own names.
    """
    if how.interactions is not None:
        live = work.plan.live.described()
        job = Job(how.interactions, live.name, fields=columns)
        comparison = Comparison.of(work.client, live, job, max_loss=how.max_loss)
        work.more_checks.append(comparison.check)
    try:
        report = work.run(swap=how.swap)
    except GateFailed as error:
        if not how.as_json:
            Console(stderr=True).print(_checks(error.checks))
        raise
    if how.as_json:
        click.echo(json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2))
        return
    Console().print(_checks(report.checks))
    _show(report, work.plan.versions.name)


def _show(report: Report, name: str) -> None:
    click.echo(
        f"{report.index}: {report.copied} copied, {report.unchanged} were there, {report.deleted} "
        f"deleted; {report.seconds:.1f} s"
    )
    if report.swapped:
        click.echo(
            f"{name} is {report.index} now; it was {report.source}. "
            f"Writes were refused for {report.blocked_s:.1f} s"
        )
    else:
        click.echo(f"{name} is still {report.source}; the same command without --no-swap goes on")


def _checks(checks: tuple[Check, ...]) -> Table:
    table = Table("check", "", "found")
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "FAILED", escape(check.message))
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
