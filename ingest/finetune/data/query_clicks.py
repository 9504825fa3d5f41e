"""What people clicked after a query: the query should be near the text that was clicked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from xlrec_es.errors import SourceError
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.interactions.row_reader import read_rows, text_of
from xlrec_es.languages import UNDETERMINED

COLUMNS = ("query", "item", "language", "user")
QUERY = "query:"
"""Before a query where the id of a work could stand, too."""


@dataclass(frozen=True, slots=True)
class Click:
    """A query, and a work that was clicked after it.

    Attributes:
        query: As it was typed, white space folded.
        language: Of the query; `und` if the file does not say.
        work: Id.
    """

    query: str
    language: str
    work: str


def read_clicks(
    path: Path,
    items: Mapping[str, str],
    held_out: Collection[tuple[str, str]],
    forgotten: Forgotten | None = None,
) -> Counter[Click]:
    """How often each was clicked.

    Args:
        path: .csv, .tsv or .jsonl, plain or gzipped, with `COLUMNS`; language and user may be left
            out.
        items: Work by item; an item is a work or a document. Others are left out.
        held_out: Users and works that nothing may be learned from.
        forgotten: Users whose rows do not count.

    Raises:
        SourceError: The file cannot be read, or none of its items is known.
    """
    found: Counter[Click] = Counter()
    left_out = forgotten or Forgotten()
    rows = 0
    for row in read_rows(path, COLUMNS, {}, needed=("query", "item")):
        rows += 1
        query, work = " ".join(text_of(row["query"]).split()), items.get(text_of(row["item"]))
        user = text_of(row["user"])
        if user in left_out:
            continue
        if query and work is not None and (user, work) not in held_out:
            found[Click(query, text_of(row["language"]) or UNDETERMINED, work)] += 1
    if not found:
        raise SourceError(f"none of the {rows} clicks of {path} is on an item that the index has")
    return found
