"""Records in one JSON array, as programs write it that have all of a catalogue in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

from ingest.sources.jsonl import open_file
from ingest.sources.record import Record, Rejection
from xlrec_es import exact_json
from xlrec_es.errors import SourceError

MAX_BYTES = 256 * 1024 * 1024
"""An array is read as a whole, which takes about ten times its size; larger ones are refused."""

_FIRST_BYTES = 64 * 1024


def is_json_array(path: str) -> bool:
    """Whether a file begins as an array does, and not as JSON Lines of which the first is none."""
    try:
        with open_file(Path(path), path) as file:
            return _begins_an_array(file)
    except SourceError:
        return False  # whoever opens it next says why


def _begins_an_array(file: io.BufferedIOBase) -> bool:
    first = file.readline(_FIRST_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    while not first and (line := file.readline(_FIRST_BYTES)):
        first = line.lstrip()
    if not first.startswith(b"["):
        return False
    try:
        exact_json.loads(first, endless=False)
    except (json.JSONDecodeError, ValueError):
        return True
    return not file.read(_FIRST_BYTES).strip()


class JsonArraySource:
    """A file that is one JSON array of objects, compressed by gzip or not.

    Args:
        path: Of the file. Positions are numbers of elements.
    """

    rereadable = True
    resumable = True
    like = None
    fraction = None

    def __init__(self, path: str) -> None:
        self.name = path
        self.path = Path(path).absolute()

    def records(self, after: int = 0) -> Iterator[Record | Rejection]:
        """See `Source.records`.

        Raises:
            SourceError: It cannot be read, is no JSON, or is too large to be read as a whole.
        """
        with open_file(self.path, self.name) as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise SourceError(
                f"{self.name} is one JSON array of more than {MAX_BYTES // 1024**2} MB, which has "
                "to be read as a whole; make it JSON Lines: "
                f"jq -c '.[]' {self.name} > items.jsonl"
            )
        try:
            elements = exact_json.loads(text.removeprefix(b"\xef\xbb\xbf"), endless=False)
        except (json.JSONDecodeError, ValueError) as error:
            raise SourceError(f"cannot read {self.name} as one JSON array: {error}") from error
        for number, fields in enumerate(elements, 1):
            if number <= after:
                continue
            if isinstance(fields, dict):
                yield Record(fields, number, size=len(text) // len(elements))
            else:
                yield Rejection(
                    number, "read", "not a JSON object", json.dumps(fields, default=str)
                )
