"""Settings that fit a kind of catalog, as TOML files of `presets/` have them, each with its reason.

A line may name a kind of field, such as `<published>`; `presets/roles.toml` says what catalogs call
it. Which options there are is the commands' own affair: a preset says nothing else than they take.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from xlrec_es.configuration.columns import KEYWORD, NUMBER, TEXT, Column
from xlrec_es.configuration.field_proposal import find
from xlrec_es.errors import UsageError

_ROLES = "roles"
_ROLE = re.compile(r"<(\w+)>")
LEARN, EVENT = "learn", "event"
"""The table and the option with the weights of events."""

RECOMMEND = "recommend"
"""The table of what holds for lists."""


@dataclass(frozen=True, slots=True)
class Line:
    """One setting.

    Attributes:
        table: Of the TOML file, which is a command's name.
        option: Of that command, without its dashes.
        value: One value; options that may be repeated have several lines.
        why: For people.
        missing: Kinds of fields that it needs and the catalog lacks: then it is a comment.
        fields: The catalog's fields that it asks.
    """

    table: str
    option: str
    value: str | float
    why: str
    missing: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The kinds of fields that it names."""
        return tuple(_ROLE.findall(str(self.value)))


@dataclass(frozen=True, slots=True)
class Shelf:
    """A placement that a kind of catalog has.

    Attributes:
        name: Of the placement.
        about: What it is for, and how it is asked for.
        size: Of its lists.
        lines: Settings of `recommend`, over those of the preset; filters add up.
    """

    name: str
    about: str
    size: int
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Preset:
    """The settings for a kind of catalog.

    Attributes:
        name: As `--preset` calls it.
        about: Which catalogs it is for.
        lines: In their order.
        shelves: Its placements.
    """

    name: str
    about: str
    lines: Sequence[Line]
    shelves: Sequence[Shelf] = ()

    @property
    def events(self) -> dict[str, float]:
        """What each event weighs."""
        texts = [str(one.value) for one in self.lines if one.option == EVENT]
        pairs = (text.rpartition("=") for text in texts)
        return {name: float(weight) for name, _, weight in pairs}


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of field that lines of presets name.

    Attributes:
        kind: What it holds, as in `columns`.
        names: What catalogs call it, the likeliest first.
    """

    kind: str
    names: Sequence[str]


def load(name: str) -> Preset:
    """Read a preset.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in preset_names():
        raise UsageError(f"there is no preset {name!r}; use {', '.join(preset_names())}")
    table = _table(name)
    shelves = [
        Shelf(
            one["name"],
            one["about"],
            one["size"],
            [Line(RECOMMEND, **line) for line in one["lines"]],
        )
        for one in table["placements"]
    ]
    return Preset(name, table["about"], [Line(**line) for line in table["lines"]], shelves)


def preset_names() -> tuple[str, ...]:
    """What `--preset` can be."""
    found = (path.name.removesuffix(".toml") for path in _folder().iterdir())
    return tuple(sorted(name for name in found if name != _ROLES))


def roles() -> dict[str, Role]:
    """The kinds of fields, by name."""
    return {name: Role(**table) for name, table in _table(_ROLES).items()}


def bound(preset: Preset, columns: Mapping[str, Column]) -> Preset:
    """The preset with the fields of a catalog; a line whose fields it lacks says so.

    Args:
        preset: As it is for all catalogs.
        columns: What the catalog has; none if nothing is known of it.
    """
    known = roles()
    places = {name: next(_fitting(role, columns), None) for name, role in known.items()}

    def bind(lines: Sequence[Line]) -> list[Line]:
        return [_bound(line, places, known) for line in lines]

    shelves = [replace(shelf, lines=bind(shelf.lines)) for shelf in preset.shelves]
    return replace(preset, lines=bind(preset.lines), shelves=shelves)


def _bound(line: Line, places: Mapping[str, Column | None], known: Mapping[str, Role]) -> Line:
    value = line.value
    if not isinstance(value, str):
        return line
    found = {role: places[role] for role in line.roles}
    for role, column in found.items():
        path = known[role].names[0] if column is None else column.exact
        value = value.replace(f"<{role}>", str(path))
    missing = tuple(role for role, column in found.items() if column is None)
    fields = tuple(column.path for column in found.values() if column is not None)
    return replace(line, value=value, missing=missing, fields=fields)


def _fitting(role: Role, columns: Mapping[str, Column]) -> Iterator[Column]:
    """The columns that can be searched as this kind of field."""
    kinds = (KEYWORD, TEXT, NUMBER) if role.kind == KEYWORD else (role.kind,)
    named = find(columns, role.names)
    return (column for column in named if column.kind in kinds and column.exact is not None)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8"))


def _folder() -> Any:  # noqa: ANN401 - a folder, or a part of an archive
    return files("xlrec_es.configuration") / "presets"
