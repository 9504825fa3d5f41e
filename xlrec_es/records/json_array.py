"""Records in one JSON array, as programs write it that have all of a catalog in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, SourceError
from xlrec_es.records.jsonl import open_file, parse
from xlrec_es.records.record import Record, Rejection

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
    if not first.startswith(b"[") or first[1:].lstrip().startswith(b"["):  # a list of lists
        return False
    try:
        exact_json.loads(first)
    except InvalidJson:
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
            elements = exact_json.loads_all(text.removeprefix(b"\xef\xbb\xbf"))
        except InvalidJson as error:
            raise SourceError(
                f"cannot read {self.name} as one JSON array: it is {error}; as JSON Lines, what is "
                "wrong is rejected and the others are read"
            ) from error
        for number, element in enumerate(elements, 1):
            if number > after:
                yield _record(element, number)


def _record(element: object, number: int) -> Record | Rejection:
    """What a line with the same element would be."""
    try:
        return parse(exact_json.dumps_readable(element), number)
    except InvalidJson as error:
        return Rejection(number, "read", str(error), exact_json.as_text(element))
