"""Files of a catalog: which reader a file's content or name asks for."""

from __future__ import annotations

from pathlib import Path

from xlrec_es.records.delimited import DelimitedSource, is_delimited
from xlrec_es.records.json_array import JsonArraySource, is_json_array
from xlrec_es.records.jsonl import BYTE_ORDER_MARK, JsonlSource, open_file

_PARQUET, _PARQUET_MAGIC = ".parquet", b"PAR1"
_BLOCK_BYTES = 64 * 1024


def open_text(
    path: str, *, follow: bool = False
) -> JsonlSource | DelimitedSource | JsonArraySource:
    """The reader of a file that is no Parquet, or of standard input.

    Args:
        path: CSV or TSV, told by its name; JSON Lines or a JSON array, told apart by their content;
            `-` for JSON Lines on standard input.
        follow: Wait for more at the end; only JSON Lines can grow.

    Raises:
        SourceError: It cannot be read.
    """
    source = JsonlSource(path, follow=follow)
    if not follow and source.path is not None and source.path.is_file():
        if is_delimited(path):
            return DelimitedSource(path)
        if is_json_array(path):
            return JsonArraySource(path)
    if source.rereadable:
        with source.open():  # fails now rather than after the model has been loaded
            pass
    return source


def has_content(path: str) -> bool:
    """Whether a file, compressed by gzip or not, has anything but white space.

    Raises:
        SourceError: It cannot be read.
    """
    with open_file(Path(path), path) as file:
        while block := file.read(_BLOCK_BYTES):
            if block.removeprefix(BYTE_ORDER_MARK).strip():
                return True
    return False


def is_parquet(path: str) -> bool:
    """Whether this is a Parquet file, by its content or its name, or a folder that has some."""
    found = Path(path)
    if found.is_dir():
        return any(found.rglob(f"*{_PARQUET}"))
    if path == "-" or not found.is_file():
        return False
    if found.suffix == _PARQUET:  # one that is cut short is to be told of, not read as lines
        return True
    try:
        with found.open("rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False  # whoever opens it next says why
