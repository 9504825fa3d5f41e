"""What a file of interactions holds: its columns, its events, and what they weigh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from xlrec_es.configuration.field_proposal import fold
from xlrec_es.errors import SourceError
from xlrec_es.interactions.likes import COLUMNS, USUAL_COLUMNS
from xlrec_es.interactions.row_reader import column_names, read_rows, text_of
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, event_weight

ROWS = 1_000_000
"""So many rows are counted."""

_MOST_EVENTS = 30  # that are named; ids in the wrong column would be millions


@dataclass(frozen=True, slots=True)
class InteractionsSample:
    """The rows of a file.

    Attributes:
        source: Its path.
        columns: The file's name of each column of `COLUMNS` that it has.
        rows: How many were counted, at most `ROWS`.
        users: How many different ones.
        items: How many different ones.
        events: How many rows have each event, the most frequent first.
        ratings: The lowest and the highest, or None.
    """

    source: str
    columns: Mapping[str, str]
    rows: int
    users: int
    items: int
    events: Mapping[str, int]
    ratings: tuple[float, float] | None

    @property
    def assignments(self) -> list[str]:
        """`--field` of each column that has another name than its own."""
        return [f"{name}={at}" for name, at in self.columns.items() if name != at]

    def weights(self, known: Mapping[str, float] = EVENT_WEIGHTS) -> dict[str, float | None]:
        """What each event weighs; None where nothing says it."""
        return {event: event_weight(event, known) for event in self.events}


def sample_interactions(path: Path) -> InteractionsSample:
    """Read a file.

    Raises:
        SourceError: It cannot be read, or has no column of users or of items.
    """
    columns = _columns(path)
    events: Counter[str] = Counter()
    users: set[str] = set()
    items: set[str] = set()
    ratings: list[float] = []
    rows = 0
    fields = {name: at for name, at in columns.items() if name != at}
    for row in islice(read_rows(path, COLUMNS, fields, needed=("user", "item")), ROWS):
        rows += 1
        users.add(text_of(row["user"]))
        items.add(text_of(row["item"]))
        if event := text_of(row["event"]):
            events[event] += 1
        if (rating := _number(text_of(row["rating"]))) is not None:
            ratings = [min([rating, *ratings]), max([rating, *ratings])]
    if not rows:
        raise SourceError(f"{path} has no interactions")
    span = (ratings[0], ratings[1]) if ratings else None
    most = dict(events.most_common(_MOST_EVENTS))
    return InteractionsSample(str(path), columns, rows, len(users), len(items), most, span)


def _columns(path: Path) -> dict[str, str]:
    names = column_names(path)
    found: dict[str, str] = {}
    for column, usual in USUAL_COLUMNS.items():
        alike = (name for other in usual for name in names if fold(name) == fold(other))
        if (name := next((n for n in alike if n not in found.values()), None)) is not None:
            found[column] = name
    for column in ("user", "item"):
        if column not in found:
            raise SourceError(
                f"{path} has no column that is called like {column}, but {', '.join(names)}; write "
                f'field = ["{column}=NAME"] into the file that is made without --interactions'
            )
    return found


def _number(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
