"""`xlrec-es index`: the versions of an index and its alias."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.filesize import decimal
from rich.table import Table

from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import versioned
from xlrec_es.cli.options.shared import connection_options, dry_run_option, json_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.reindex import reindex
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import IndexNotFound, IndexUnusable
from xlrec_es.recommend.request.query_forms import request_object, request_text
from xlrec_es.visible_text import visible

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from xlrec_es.versions import rollback as rolling_back
    from xlrec_es.versions.aliases import AliasChange
    from xlrec_es.versions.inventory import Versions
    from xlrec_es.versions.status import VersionStatus

F = TypeVar("F", bound=Callable[..., Any])

_yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")


@click.group(cls=sections.SectionedGroup)
def index() -> None:
    """Manage the versions of an index."""


index.add_command(reindex)


def _on_versions(command: F) -> F:
    """Give a command the alias's name and a client."""

    @click.argument("name", envvar="XLREC_INDEX")
    @connection_options
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        connection: Connection,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        with contextlib.closing(connect(connection)) as client:
            return command(*args, client=client, **kwargs)

    return wrapper  # type: ignore[return-value]


def _existing(found: Versions) -> Versions:
    if not found.found:
        raise IndexNotFound(
            f"there is no version of {found.name}, and no index of this name; make it with: "
            f"xlrec-ingest run"
        )
    return found


@index.command("list")
@_on_versions
@json_option
def list_versions(name: str, client: Elasticsearch, as_json: bool) -> None:
    """List the versions of NAME and which one is active.

    \b
    Examples:
      xlrec-es index list shop
    """
    from xlrec_es.versions import inventory

    found = _existing(inventory.read_versions(client, name))
    if as_json:
        rows = [{"index": v.index, "state": found.state(v), "open": v.is_open} for v in found.found]
        echo(json.dumps(versioned({"versions": rows})))
        return
    table = Table("index", "state", "other aliases")
    own = {name, inventory.previous_alias(name)}
    for version in found.found:
        state = found.state(version) if version.is_open else f"{found.state(version)}, closed"
        others = ", ".join(sorted(version.aliases.keys() - own))
        table.add_row(version.index, state, others)
    Console().print(table)


@index.command()
@_on_versions
@json_option
def status(name: str, client: Elasticsearch, as_json: bool) -> None:
    """Show documents, vectors and associations by language, and the size, of each version of NAME.

    \b
    Examples:
      xlrec-es index status shop
    """
    from xlrec_es.versions import inventory
    from xlrec_es.versions.status import measure

    statuses = measure(client, _existing(inventory.read_versions(client, name)))
    if as_json:
        rows = [dataclasses.asdict(status) for status in statuses]
        echo(json.dumps(versioned({"versions": rows}), ensure_ascii=False, indent=2))
        return
    for found in statuses:
        _show_status(found)


def _show_status(found: VersionStatus) -> None:
    made = f"{found.model}, {found.fingerprint}" if found.model else "not made by xlrec-es"
    if found.documents is None:
        echo(f"{found.index}: {found.state}, closed ({made})")
        return
    size = decimal(found.size_bytes or 0)
    echo(f"{found.index}: {found.state}, {found.documents} documents, {size} ({made})")
    if found.strays:
        echo(
            f"Warning: {found.strays} of its documents have vectors of another fingerprint; "
            "bring them in again with: xlrec-ingest run"
        )
    if not found.model:
        return
    # A shop that never learned of baskets has no use for a column of zeros.
    baskets = any(coverage.bought_together for coverage in found.languages.values())
    sparse = any(coverage.sparse is not None for coverage in found.languages.values())
    images = any(coverage.images is not None for coverage in found.languages.values())
    columns = {
        "with vectors": "vectors",
        "with indicators": "indicators",
        **({"bought together": "bought_together"} if baskets else {}),
        **({"with sparse weights": "sparse"} if sparse else {}),
        **({"with pictures": "images"} if images else {}),
    }
    table = Table("language", "documents", *columns)
    for language, coverage in found.languages.items():
        parts = [getattr(coverage, name) or 0 for name in columns.values()]
        cells = [f"{part} ({part / coverage.documents:.0%})" for part in parts]
        table.add_row(language, str(coverage.documents), *cells)
    Console().print(table)


@index.command()
@_on_versions
@click.option(
    "--like",
    metavar="INDEX",
    help="Index whose fields, settings and encoder are taken over.",
    show_default="the active version",
)
@click.option(
    "--shards",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of primary shards.",
    show_default="as --like",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of replicas.",
    show_default="as --like",
)
@dry_run_option
def create(
    name: str,
    client: Elasticsearch,
    like: str | None,
    shards: int | None,
    replicas: int | None,
    dry_run: bool,
) -> None:
    """Create the next version of NAME, empty and without an alias, and print its name.

    \b
    Examples:
      xlrec-es index create shop --shards 4
      xlrec-ingest run items.jsonl --index shop-xlrec-v2
      xlrec-es index swap shop

    The very first version is created by `xlrec-ingest run`, which knows the encoder.
    """
    from xlrec_es.versions import creation, inventory

    found = inventory.read_versions(client, name, also=like)
    model = found.named(like) if like else found.live
    if model is None:
        raise IndexUnusable(
            f"no version of {name} is live, to be taken as the model; name one with --like, or "
            f"make the first with: xlrec-ingest run INPUT --index {name}"
        )
    given = {"number_of_shards": shards, "number_of_replicas": replicas}
    settings = {setting: number for setting, number in given.items() if number is not None}
    new = creation.plan_version(found, model, settings=settings)
    if dry_run:
        _print_request("PUT", new.index, new.body)
        return
    creation.create(client, new)
    echo(new.index)


@index.command()
@_on_versions
@click.option(
    "--to",
    "target",
    metavar="VERSION",
    help="Number of a version (2), or an index of another name.",
    show_default="the newest version",
)
@dry_run_option
def swap(name: str, client: Elasticsearch, target: str | None, dry_run: bool) -> None:
    """Switch the alias NAME to a version, in one atomic step.

    \b
    Examples:
      xlrec-es index swap shop --to 2

    If the alias is switched elsewhere at the same time, one of the two fails and changes nothing.
    """
    from xlrec_es.versions import aliases, inventory

    wanted = inventory.version_named(name, target) if target else None
    found = inventory.read_versions(client, name, also=wanted)
    chosen = found.named(wanted) if wanted else inventory.newest(found)
    if found.previous is not None and chosen.index == found.previous.index and found.live:
        echo(
            f"Warning: {chosen.index} was live before; what was written since is in "
            f"{found.live.index} alone. To take it along: xlrec-es index rollback {name}",
            err=True,
        )
    _carry_out(client, aliases.plan_swap(found, chosen), dry_run)


@index.command()
@_on_versions
@click.option(
    "--without-catching-up",
    is_flag=True,
    help="Switch at once to the version as it was left, without later writes.",
)
@dry_run_option
@json_option
def rollback(
    name: str, client: Elasticsearch, without_catching_up: bool, dry_run: bool, as_json: bool
) -> None:
    """Switch the alias NAME back to the previous version, keeping later writes.

    \b
    Examples:
      xlrec-es index rollback shop

    Later writes are replayed first: new documents, changes, deletions. Vectors of another encoder
    are not taken over: a document keeps the previous version's own if its text is the same. If not,
    it has none until the next xlrec-ingest run; xlrec-ingest reencode-back encodes it at once.
    Searches go on; writes are refused (403, cluster_block_exception) for about a second. A second
    rollback goes forward again.
    """
    from xlrec_es.cluster.capabilities import probe
    from xlrec_es.versions import aliases, inventory
    from xlrec_es.versions import rollback as rolling_back

    found = inventory.read_versions(client, name)
    if without_catching_up:
        _carry_out(client, aliases.plan_rollback(found), dry_run, as_json=as_json)
        return
    plan = rolling_back.plan(found)
    aliases.check_filled(client, plan.change)
    if dry_run:
        show_rollback_plan(client, plan, as_json=as_json)
        return
    packed = probe(client).packed_vectors
    show_rollback(rolling_back.Rollback(client, plan, packed).run(), name, as_json=as_json)


def show_rollback_plan(
    client: Elasticsearch, plan: rolling_back.RollbackPlan, *, as_json: bool
) -> None:
    """Print what would be taken along, and the request."""
    from xlrec_es.versions import swap_note

    count = swap_note.count_since(client, plan.live.index, plan.note.done)
    if as_json:
        told = {"index": plan.previous.index, "source": plan.live.index, "copies": count}
        _print_requests(told | {"deletions": plan.note.same}, plan.change)
        return
    deletions = "" if plan.note.same else " (not what was deleted)"
    echo(
        f"takes {count} documents that were written to {plan.live.index} since along to "
        f"{plan.previous.index}{deletions}, then:"
    )
    _print_request("POST", "_aliases", plan.change.body)


def show_rollback(report: rolling_back.RollbackReport, name: str, *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        echo(json.dumps(versioned(dataclasses.asdict(report)), ensure_ascii=False, indent=2))
        return
    echo(
        f"{name} is {report.index} now; it was {report.source}. {report.copied} documents written "
        f"since were taken along, {report.deleted} deleted; {report.seconds:.1f} s, writes were "
        f"refused for {report.blocked_s:.1f} s"
    )
    if report.without_vector:
        echo(
            f"Warning: {report.without_vector} of them have another text than before, and no "
            "vector of this version's encoder; the next xlrec-ingest run encodes them",
            err=True,
        )
    if not report.deletions:
        echo(
            f"Warning: {report.source} was not a copy of {report.index}, so what was deleted from "
            "it since is not known, and stayed",
            err=True,
        )


def _carry_out(
    client: Elasticsearch, change: AliasChange, dry_run: bool, *, as_json: bool = False
) -> None:
    from xlrec_es.versions import aliases, swap_note

    aliases.check_filled(client, change)
    if dry_run:
        if as_json:
            _print_requests({"index": change.target, "source": change.live}, change)
        else:
            _print_request("POST", "_aliases", change.body)
        return
    swap_note.move_alias(client, change)
    if as_json:
        echo(json.dumps(versioned({"index": change.target, "source": change.live})))
        return
    echo(f"{change.name} is {change.target} now; it was {change.live or 'nothing'}")


@index.command()
@_on_versions
@click.option("--newer", is_flag=True, help="Delete versions newer than the active one, too.")
@dry_run_option
@_yes_option
def prune(name: str, client: Elasticsearch, newer: bool, dry_run: bool, yes: bool) -> None:
    """Delete versions of NAME older than the active one, except for the previous one.

    \b
    Examples:
      xlrec-es index prune shop

    Versions used by another alias are kept, and so are indices that xlrec-es did not create.
    """
    from xlrec_es.versions import aliases, inventory

    change = aliases.plan_prune(inventory.read_versions(client, name), newer=newer)
    if change is None:
        echo("there is nothing to delete")
        return
    if dry_run:
        _print_request("POST", "_aliases", change.body)
        return
    _ask(f"Delete {', '.join(change.deleted)}?", yes)
    aliases.change_aliases(client, change)
    echo(f"deleted {', '.join(change.deleted)}")


@index.command()
@_on_versions
@dry_run_option
@_yes_option
def adopt(name: str, client: Elasticsearch, dry_run: bool, yes: bool) -> None:
    """Turn an index NAME into an alias NAME of it, so that versions can be swapped behind it.

    \b
    Examples:
      xlrec-es index adopt shop

    Its files are linked, not copied, which takes about a second. Searches go on. Writes are refused
    meanwhile (403, cluster_block_exception; in the last moment 404, index_not_found_exception), so
    pause or retry them. If NAME is already an alias of one index, there is nothing to do.
    """
    from xlrec_es.versions import adoption, inventory

    found = inventory.read_versions(client, name)
    if not adoption.check_adoptable(found):
        echo(f"{name} is an alias already; there is nothing to do")
        return
    new = adoption.adopted_name(name)
    if dry_run:
        echo(f"would make {new} of the index {name}, and {name} an alias of it")
        return
    _ask(f"Rename the index {name} to {new}, and make {name} an alias of it?", yes)
    adopted = adoption.adopt(client, found)
    echo(f"{name} is an alias of {adopted.index} now")


def _ask(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(visible(question), abort=True)


def _print_request(method: str, path: str, body: Mapping[str, Any]) -> None:
    echo(request_text(method, path, body))


def _print_requests(told: Mapping[str, Any], change: AliasChange) -> None:
    """What `--dry-run --json` prints of a change of aliases."""
    requests = [request_object("POST", "_aliases", change.body)]
    echo(json.dumps(versioned({**told, "requests": requests}), ensure_ascii=False, indent=2))
