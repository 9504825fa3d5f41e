"""`xlrec-es placement`: the placements that a service serves."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import getpass
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.table import Table

from xlrec_es import exact_json
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import print_json
from xlrec_es.cli.options.recommend import event_source, events_index_option
from xlrec_es.cli.options.serving import placements_index_option, read_samples, samples_option
from xlrec_es.cli.options.shared import (
    connection_options,
    dry_run_option,
    index_option,
    json_option,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.configuration import presets
from xlrec_es.errors import ConfigError, InvalidJson, UsageError
from xlrec_es.recommend.options import Options

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from xlrec_es.interactions.event_source import EventSource
    from xlrec_es.placements.checks import Report
    from xlrec_es.placements.preview import Preview, PreviewUser
    from xlrec_es.placements.store import Store, Stored, Version

F = TypeVar("F", bound=Callable[..., Any])

_file = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=sections.SectionedGroup)
def placement() -> None:
    """Manage the placements of an index."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Which placements a command works on."""

    client: Elasticsearch
    index: str
    store: Store


def _on_placements(command: F) -> F:
    """Give a command its `target`."""

    @index_option()
    @placements_index_option
    @connection_options
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        connection: Connection,
        index: str,
        placements_index: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from xlrec_es.placements.store import Store

        with contextlib.closing(connect(connection)) as client:
            target = Target(client, index, Store(client, placements_index))
            return command(*args, target=target, **kwargs)

    return wrapper  # type: ignore[return-value]


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """Who changes a placement, and which version of it; None: whatever is there."""

    author: str
    expected: int | None


def _change_options(command: F) -> F:
    """Give a command its `edit`."""

    @click.option(
        "--if-version",
        "expected",
        type=click.IntRange(min=0),
        metavar="N",
        help="Change it only if this is its version, 0: only if there is none.",
    )
    @click.option(
        "--author",
        metavar="USER",
        help="Who makes the change.",
        show_default="the user's login name",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        expected: int | None,
        author: str | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return command(*args, edit=Edit(_named(author), expected), **kwargs)

    return wrapper  # type: ignore[return-value]


@placement.command("set")
@click.argument("name", required=False)
@click.argument("file", type=_file, required=False)
@click.option(
    "--preset",
    type=click.Choice(presets.preset_names()),
    help="Kind of catalog whose placements are written, in place of FILE; NAME is one of them.",
    show_default="none",
)
@_on_placements
@_change_options
@dry_run_option
@json_option
def set_placement(
    name: str | None,
    file: Path | None,
    preset: str | None,
    target: Target,
    edit: Edit,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Check the placement NAME, and write it from a TOML or JSON FILE, or from a preset.

    \b
    Examples:
      xlrec-es placement set home-row home-row.toml -i shop --dry-run
      xlrec-es placement set home-row home-row.toml -i shop
      xlrec-es placement set --preset shop -i shop

    All that is wrong with it is told at once, and nothing is written. Running services have it
    within five seconds. Of a preset, rules without a field in the index are left out, and
    placements that are there already stay as they are, unless you name one.
    """
    from xlrec_es.placements.placement import check_name

    change = Change(target, edit, dry_run)
    if preset is not None and file is None:
        if name is not None:
            check_name(name)
        _set_preset(change, preset, name, as_json=as_json)
        return
    if name is None or file is None or preset is not None:
        raise UsageError("give NAME and FILE, or --preset")
    check_name(name)
    stored, report = change.make(name, _read_definition(file))
    if as_json:
        print_json(_written(stored, report))
    else:
        _tell(name, stored, report)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """How placements are written."""

    target: Target
    edit: Edit
    dry_run: bool

    def make(self, name: str, definition: dict[str, Any]) -> tuple[Stored | None, Report]:
        """Check a placement, and write it."""
        from xlrec_es.placements.checks import examine

        target = self.target
        report = examine(target.client, target.index, definition, Options())
        report.refuse_faults()
        stored = None
        if not self.dry_run:
            stored = target.store.put(
                target.index,
                name,
                definition,
                author=self.edit.author,
                expected=self.edit.expected,
            )
        return stored, report


def _set_preset(change: Change, preset: str, name: str | None, *, as_json: bool) -> None:
    """Write the placements of a preset, or one of them, with the fields of the index."""
    from xlrec_es.configuration.catalog_sample import sample_index
    from xlrec_es.configuration.preset_placements import placements_of

    target = change.target
    columns = sample_index(target.client, target.index).columns
    found = placements_of(presets.bound(presets.load(preset), columns))
    if name is not None and name not in (names := [one.name for one in found]):
        raise UsageError(
            f"the preset {preset} has no placement {name!r}; it has {', '.join(names)}"
        )
    written = {}
    for one in found:
        if name is None:
            there = target.store.read(target.index, one.name)
            if there is not None and not there.is_deleted:
                echo(f"{one.name} is there already; to write it again, name it", err=True)
                continue
        elif name != one.name:
            continue
        stored, report = change.make(one.name, one.definition)
        report = dataclasses.replace(report, warnings=(*report.warnings, *one.left_out))
        written[one.name] = _written(stored, report)
        if not as_json:
            _tell(one.name, stored, report)
    if as_json:
        print_json({"placements": written})


def _tell(name: str, stored: Stored | None, report: Report) -> None:
    for language, count in report.documents.items():
        echo(f"{language}: the filters leave {count} documents")
    _warn(report.warnings)
    if stored is None:
        echo(f"{name} can be written; nothing was (--dry-run)")
    else:
        echo(f"{name} has version {stored.current.number}")


@placement.command("list")
@_on_placements
@json_option
def list_placements(target: Target, as_json: bool) -> None:
    """List the placements of an index.

    \b
    Examples:
      xlrec-es placement list -i shop
    """
    found = target.store.all_of(target.index)
    if as_json:
        print_json({"placements": [_told(stored) for stored in found]})
        return
    table = Table("placement", "version", "time", "author")
    for stored in found:
        version = stored.current
        table.add_row(stored.name, str(version.number), version.time, version.author)
    Console().print(table)


@placement.command()
@click.argument("name")
@_on_placements
@json_option
def show(name: str, target: Target, as_json: bool) -> None:
    """Show the placement NAME, and its last versions.

    \b
    Examples:
      xlrec-es placement show home-row -i shop
    """
    stored = target.store.found(target.index, name)
    if as_json:
        print_json(_told(stored))
        return
    echo(json.dumps(stored.current.definition, ensure_ascii=False, indent=2))
    table = Table("version", "time", "author", "change")
    for version in reversed(stored.versions):
        table.add_row(str(version.number), version.time, version.author, _change(version))
    Console().print(table)


def _change(version: Version) -> str:
    if version.definition is None:
        return "deleted"
    return "written" if version.restores is None else f"version {version.restores} brought back"


@placement.command()
@click.argument("name")
@_on_placements
@_change_options
@dry_run_option
@json_option
def delete(name: str, target: Target, edit: Edit, dry_run: bool, as_json: bool) -> None:
    """Delete the placement NAME; a rollback brings it back.

    \b
    Examples:
      xlrec-es placement delete home-row -i shop
    """
    stored = target.store.found(target.index, name)
    if not dry_run:
        stored = target.store.put(
            target.index, name, None, author=edit.author, expected=edit.expected
        )
    if as_json:
        print_json(_told(stored))
    elif dry_run:
        echo(f"{name} would be deleted; nothing was (--dry-run)")
    else:
        echo(f"{name} is deleted; bring it back with: xlrec-es placement rollback {name}")


@placement.command()
@click.argument("name")
@_on_placements
@click.option(
    "--to-version",
    "to",
    type=click.IntRange(min=1),
    metavar="N",
    help="Version that is brought back.",
    show_default="the one before",
)
@click.option("--force", is_flag=True, help="Bring it back even if it does not fit the index.")
@_change_options
@json_option
def rollback(
    name: str, target: Target, to: int | None, force: bool, edit: Edit, as_json: bool
) -> None:
    """Bring back an earlier version of the placement NAME, if it fits the index as it is now.

    \b
    Examples:
      xlrec-es placement rollback home-row -i shop
      xlrec-es placement rollback home-row -i shop --to-version 3
    """
    from xlrec_es.placements.rollback import Rollback, roll_back

    asked = Rollback(author=edit.author, to=to, expected=edit.expected, force=force)
    stored, report = roll_back(
        target.client, target.store, (target.index, name), asked, base=Options()
    )
    if as_json:
        print_json(_written(stored, report))
        return
    _warn(report.warnings)
    restored = stored.current.restores
    echo(f"{name} has version {stored.current.number}, which is version {restored} again")


@placement.command("preview")
@click.argument("name")
@click.argument("file", type=_file, required=False)
@_on_placements
@samples_option
@events_index_option
@click.option(
    "--size", "-n", type=click.IntRange(1, 100), metavar="N", help="Number of results to list."
)
@json_option
def preview_placement(
    name: str,
    file: Path | None,
    target: Target,
    samples: Path | None,
    events_index: str | None,
    size: int | None,
    as_json: bool,
) -> None:
    """Show what ten users get by the placement NAME, before and after a change.

    \b
    Examples:
      xlrec-es placement preview home-row home-row.toml -i shop --events-index clicks
      xlrec-es placement preview home-row -i shop --samples samples.json

    With FILE, it is compared with what is stored; without, the last change is shown. Users are
    those of --samples, else drawn from the index of events. Nothing is written.
    """
    from xlrec_es.placements.checks import examine
    from xlrec_es.placements.placement import read_placement
    from xlrec_es.placements.preview import Serving, Side, preview, sides_of
    from xlrec_es.recommend.recommender import Recommender
    from xlrec_es.relations.counted import CountedLists

    stored = target.store.read(target.index, name)
    if file is None:
        sides = sides_of(stored, target.index, name)
    else:
        definition = _read_definition(file)
        examine(target.client, target.index, definition, Options()).refuse_faults()
        after = Side.unwritten(target.index, name, read_placement(definition))
        sides = (Side.of(stored, target.index, name), after)
    users = _users(target.client, read_samples(samples), event_source(events_index))
    recommender = Recommender(target.client, target.index)
    source = event_source(events_index)
    counted = None if source is None else CountedLists(target.client, target.index, source)
    found = preview(Serving(recommender, Options(), counted), sides, users, size=size)
    if as_json:
        print_json({"users": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        _show(one)


def _users(
    client: Elasticsearch, samples: Mapping[str, list[str]], source: EventSource | None
) -> list[PreviewUser]:
    from xlrec_es.placements.preview import of_events, of_samples

    if samples:
        return of_samples(samples)
    if source is None:
        raise UsageError("a preview needs users: give --samples FILE, or --events-index INDEX")
    return of_events(client, source)


def _show(one: Preview) -> None:
    variant = f", variant {one.variant}" if one.variant else ""
    if one.problem is not None:
        echo(f"{one.user}: {one.problem}")
        return
    table = Table("place", "before", "after", title=f"{one.user}{variant}", title_justify="left")
    for place in range(max(len(one.before), len(one.after))):
        cells = (_cell(side, place) for side in (one.before, one.after))
        table.add_row(str(place + 1), *cells)
    console = Console()
    console.print(table)
    console.print(f"{one.added} new, {one.moved} moved")


def _cell(items: Any, place: int) -> str:  # noqa: ANN401 - of items that were seen
    if place >= len(items):
        return ""
    item = items[place]
    pinned = " (pinned)" if item.pinned else ""
    return f"{item.title or item.id} [{item.language}]{pinned}"


def _read_definition(path: Path) -> dict[str, Any]:
    """What a file says of a placement.

    Raises:
        ConfigError: It is neither TOML nor JSON.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".toml":
            found = tomllib.loads(content.decode("utf-8"))
        else:
            found = exact_json.loads(content, exact=False)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except InvalidJson as error:
        raise ConfigError(f"{path} is {error}; name a file .toml, or write JSON") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no object; a placement is one")
    return found


def _named(author: str | None) -> str:
    if author is not None:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have
        return "unknown"


def _warn(warnings: Iterable[str]) -> None:
    for sentence in warnings:
        echo(f"Warning: {sentence}", err=True)


def _told(stored: Stored) -> dict[str, Any]:
    versions = [dataclasses.asdict(version) for version in stored.versions]
    current = dataclasses.asdict(stored.current)
    return {"index": stored.index, "name": stored.name, "current": current, "versions": versions}


def _written(stored: Stored | None, report: Report) -> dict[str, Any]:
    return {
        "placement": None if stored is None else _told(stored),
        "warnings": list(report.warnings),
        "documents": dict(report.documents),
    }
