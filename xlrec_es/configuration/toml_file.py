"""The text of a first configuration file, with a reason beside each line.

Nothing secret is in it: what a connection needs of that is named by a variable or a file.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xlrec_es.configuration.field_proposal import Proposal
from xlrec_es.configuration.interactions_sample import InteractionsSample
from xlrec_es.configuration.presets import EVENT, LEARN, Line, Preset
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, event_weight
from xlrec_es.visible_text import visible

_WIDTH = 96
_ROLES = ("id", "language", "title", "text", "work", "popularity", "translations")
_MEASURED = ("evaluate", "tune")
"""Commands that must count the same interactions as the one that learns."""

_COMMENTED = {
    "popularity": "a number of uses, views or sales, for users without history",
    "work": "where each language has a record of its own: the id that they share",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A connection's option that is no secret.

    Attributes:
        option: As the TOML file calls it.
        value: Of it.
        why: A remark.
        active: Whether it holds; else it is a comment.
    """

    option: str
    value: str | float | bool
    why: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes into the file.

    Attributes:
        command: That makes the file.
        connection: Where the cluster is, and which index.
        fields: Which field is which; None: nothing was looked at.
        looked_at: What, for people.
        companion: Fields that an index beside the source keeps; None: there is no such index.
        interactions: What users did; None: nothing was looked at.
        preset: Bound to the catalog; None: the defaults of all commands.
    """

    command: str
    connection: Sequence[Setting]
    fields: Proposal | None = None
    looked_at: str = ""
    companion: Sequence[str] | None = None
    interactions: InteractionsSample | None = None
    preset: Preset | None = None


def text_of(plan: Plan) -> str:
    """The file."""
    parts = [_head(plan), _connection(plan), _fields(plan), _run(plan), *_learning(plan)]
    parts += [_history(plan), _recommend(plan)]
    text = "\n\n".join("\n".join(part) for part in parts if part) + "\n"
    return "\n".join(map(visible, text.split("\n")))  # TOML has no control characters


def _head(plan: Plan) -> list[str]:
    about = f" Preset {plan.preset.name}: {plan.preset.about}" if plan.preset else ""
    return _comment(
        f"Defaults for xlrec-es and xlrec-ingest; made by: {plan.command}\n"
        "Used by --config, or by the variable XLREC_CONFIG. The command line and the environment "
        f"win over this file. Each table is a command, each key one of its options.{about}"
    )


def _connection(plan: Plan) -> list[str]:
    lines = ["[connection]"]
    for one in plan.connection:
        mark = "" if one.active else "# "
        lines.append(f"{mark}{one.option} = {_value(one.value)}{_remark(one.why)}")
    return lines


def _fields(plan: Plan) -> list[str]:
    found = plan.fields
    if found is None:
        return [
            *_comment("Which field of a record is which; these are the defaults."),
            "[fields]",
            '# id = "id"',
            '# language = "language"',
            '# title = "title"',
            '# text = ["summary", "description", "text"]',
        ]
    lines = [
        *_comment(f"Which field of a record is which, as {plan.looked_at} has them."),
        "[fields]",
    ]
    for role in _ROLES:
        if role in found.paths:
            lines.append(f"{role} = {_value(found.paths[role])}{_remark(found.why[role])}")
        elif role in found.why:
            lines.append(f"# {role}: {found.why[role]}")
        elif role in found.missing:
            lines.append(f"# {role}: {found.missing[role]}")
        elif role in _COMMENTED:
            lines.append(f'# {role} = "NAME"  # not found; {_COMMENTED[role]}')
    if "version" in found.paths:
        at = _value(found.paths["version"])
        lines += _comment(
            f"{found.why['version']}; without the mark before it, an older state of a record never "
            "overwrites a newer one:"
        )
        lines.append(f"# version = {at}")
    return lines


def _run(plan: Plan) -> list[str]:
    if plan.companion is None:
        return []
    lines = [
        *_comment(
            "Vectors and what is learned go into an index beside yours, which is only read. For "
            "your index itself, write in_place = true in place of companion, and index = its name "
            "in [connection]."
        ),
        "[run]",
        "companion = true",
    ]
    if plan.companion:
        lines.append(
            f"keep-field = {_value(list(plan.companion))}  # what filters, caps and boosts ask"
        )
    return lines


def _learning(plan: Plan) -> Iterator[list[str]]:
    """The tables of the commands that read interactions."""
    preset = plan.preset.lines if plan.preset else ()
    mine = [line for line in preset if line.table == LEARN]
    told = plan.interactions
    events = _events(plan, [line for line in mine if line.option == EVENT])
    columns = [f"field = {_value(told.assignments)}"] if told and told.assignments else []
    head = _told(told) if told else _comment("How much interactions count.")
    rest = list(_options([line for line in mine if line.option != EVENT]))
    extra = _ratings(told) if told else []
    if events or columns or rest or extra:
        yield [*head, f"[{LEARN}]", *columns, *events, *extra, *rest]
    weights = [line.partition(",  #")[0].strip() for line in events if line.startswith('    "')]
    short = [f"{EVENT} = [{', '.join(weights)}]"] if weights else []
    if short or columns:
        for table in _MEASURED:
            yield [f"[{table}]  # counts what [{LEARN}] counts", *columns, *short]


def _told(told: InteractionsSample) -> list[str]:
    return _comment(
        f"{told.source}: {told.rows} rows of {told.users} users with {told.items} items. Columns: "
        + ", ".join(f"{name} is {at}" for name, at in told.columns.items())
        + "."
    )


def _ratings(told: InteractionsSample) -> list[str]:
    if told.ratings is None:
        return []
    low, high = told.ratings
    return [
        *_comment(f"Ratings are {low:g} to {high:g}; one below this means: not liked."),
        f"# min_rating = {low + (high - low) / 2:g}",
    ]


def _events(plan: Plan, preset: Sequence[Line]) -> list[str]:
    """What each event weighs: of the preset, and of the file."""
    told = plan.interactions
    weights = plan.preset.events if plan.preset else EVENT_WEIGHTS
    # What a preset does not name weighs what it does without one.
    seen = told.weights({**EVENT_WEIGHTS, **weights}) if told else {}
    counts = told.events if told else {}
    lines = [f"    {_value(line.value)},  # {line.why}" for line in preset]
    known = {str(line.value).rpartition("=")[0] for line in preset}
    for event, weight in seen.items():
        times = f"rows: {counts[event]}"
        if weight is None:
            lines.append(f"    # {_value(f'{event}=?')},  # {times}; unknown, so they do not count")
        elif not preset or event_weight(event, weights) is None:
            lines.append(f"    {_value(f'{event}={weight:g}')},  # {times}")
        elif event not in known:
            lines.append(f"    # {_value(event)}, {times}, is one of these by another name")
    if not any(not line.lstrip().startswith("#") for line in lines):
        return [line.strip() for line in lines]
    why = "Weight of each event; one that is not named does not count. Below zero: not liked."
    return [*_comment(why), f"{EVENT} = [", *lines, "]"]


def _history(plan: Plan) -> list[str]:
    return [
        *_comment(
            "Where recommend --user finds what a user did: an index of events, if you have one."
        ),
        "# [history]",
        '# index = "events"',
        '# user = "user"',
        '# item = "item"',
        '# event = "event"',
        '# time = "time"',
    ]


def _recommend(plan: Plan) -> list[str]:
    lines = [line for line in plan.preset.lines if line.table == "recommend"] if plan.preset else []
    return ["[recommend]", "size = 10  # recommendations in a list", *_options(lines)]


def _options(lines: Sequence[Line]) -> Iterator[str]:
    """Keys and values; those of an option that may be repeated as a list."""
    by_option: dict[str, list[Line]] = {}
    for line in lines:
        by_option.setdefault(line.option, []).append(line)
    for option, several in by_option.items():
        if option in REPEATED:
            yield from _list(option, several)
        else:
            for line in several:
                yield from _comment(_why(line))
                mark = "# " if line.missing else ""
                yield f"{mark}{option} = {_value(line.value)}"


def _list(option: str, lines: Sequence[Line]) -> Iterator[str]:
    whole = "" if any(not line.missing for line in lines) else "# "
    yield f"{whole}{option} = ["
    for line in lines:
        mark = "# " if line.missing and not whole else ""
        for remark in _comment(_why(line)):
            yield f"{whole}    {remark}"
        yield f"{whole}    {mark}{_value(line.value)},"
    yield f"{whole}]"


def _why(line: Line) -> str:
    if not line.missing:
        return line.why
    kinds = " and ".join(line.missing)
    return f"{line.why} Not in use: no field was found for {kinds}; put its name in."


REPEATED = (
    "filter",
    "cap",
    "boost",
    "event",
    "field",
    "keep-field",
    "weight",
    "language",
    "include-field",
)
"""Options that take several values: arrays in TOML."""


def _value(value: str | float | bool | list[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        plain = "'" not in value and value.isprintable() and ('"' in value or "\\" in value)
        quoted = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        return f"'{value}'" if plain else quoted
    return f"{value:g}"


def _remark(text: str) -> str:
    """A comment behind a value, which is one line."""
    return f"  # {' '.join(text.split())}"


def _comment(text: str) -> list[str]:
    return [
        f"# {line}"
        for paragraph in text.splitlines()
        for line in textwrap.wrap(paragraph, _WIDTH, break_on_hyphens=False)
    ]
