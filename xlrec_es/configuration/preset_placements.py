"""The placements of a preset, as `xlrec-es placement set` takes them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xlrec_es.configuration.presets import RECOMMEND, Line, Preset, Shelf


@dataclass(frozen=True, slots=True)
class PresetPlacement:
    """A placement of a preset.

    Attributes:
        name: Of the placement.
        definition: As JSON or TOML would have it.
        left_out: What is not in it, and why, in sentences.
    """

    name: str
    definition: dict[str, Any]
    left_out: tuple[str, ...] = ()


def placements_of(preset: Preset) -> list[PresetPlacement]:
    """The placements of a preset, each with the rules of all lists and its own.

    Args:
        preset: With the fields of an index; see `presets.bound`.
    """
    shared = [line for line in preset.lines if line.table == RECOMMEND]
    return [_placement(shelf, shared) for shelf in preset.shelves]


def _placement(shelf: Shelf, shared: Sequence[Line]) -> PresetPlacement:
    options: dict[str, Any] = {}
    lines = [*shared, *shelf.lines]
    for line in lines:
        if not line.missing:
            _add(options, line)
    definition = {"note": shelf.about, "size": shelf.size, "options": options}
    return PresetPlacement(shelf.name, definition, tuple(_left_out(lines)))


def _left_out(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        if line.missing:
            kinds = " and ".join(line.missing)
            yield f"without {line.option} {line.value}: no field was found for {kinds}"


def _add(options: dict[str, Any], line: Line) -> None:
    """A setting as a placement names it; of caps and others the later one holds."""
    value = line.value
    if line.option == "filter":
        options.setdefault("filters", []).append(json.loads(str(value)))
    elif line.option == "cap":
        field, _, most = str(value).rpartition("=")
        options.setdefault("caps", {})[field] = int(most)
    elif line.option == "boost":
        factor, _, query = str(value).partition("=")
        boost = {"query": json.loads(query), "factor": float(factor)}
        options.setdefault("boosts", []).append(boost)
    elif line.option == "recent":
        field, _, half_life = str(value).rpartition("=")
        options["recent"] = {"field": field, "half_life": half_life}
    else:
        options[line.option] = value
