"""Units of an input: parts that can be read alone, and in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ingest.sources.parquet import row_groups
from xlrec_es.errors import ConfigError, SourceError
from xlrec_es.records.catalog_files import has_content, is_parquet, open_text
from xlrec_es.records.delimited import DelimitedSource
from xlrec_es.records.json_array import JsonArraySource

UNIT_RECORDS = 20_000
"""Records of a unit that is cut out of something larger: losing one costs a minute or two."""
UNIT_BYTES = 64 * 1024 * 1024
"""Bytes of such a unit, where its lines are long."""
MOST_SLICES = 1024
"""Elasticsearch's limit (`index.max_slices_per_pit`)."""

LINES, ROWS, FILE, SLICE, RECORDS = "lines", "rows", "file", "slice", "records"
_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_READ_BYTES = 8 * 1024 * 1024
_GZIP = b"\x1f\x8b"

PlacedRecord = tuple[int, Any, int, str | None]
"""Position of a record in the input; all of it; its line; the file, where there are several."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of an input.

    Attributes:
        number: Its place among the units of the input, from 0.
        kind: `LINES`: bytes of a plain file of JSON Lines; `ROWS`: row groups of a Parquet file;
            `FILE`: a whole file; `SLICE`: a part of an index; `RECORDS`: records that stand here.
        path: Of the file; the name of the index.
        start: First byte or row group; number of the slice.
        end: Byte or row group that it ends before; how many slices there are.
        before: Records of the input before this unit's file.
        within: Lines or rows of its file before it.
        size: Records in it, with empty lines; None: they are not counted.
        records: Of `RECORDS`.
    """

    number: int
    kind: str
    path: str
    start: int = 0
    end: int = 0
    before: int = 0
    within: int = 0
    size: int | None = None
    records: tuple[PlacedRecord, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a note; see `Unit.from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Unit:
        """What `as_json` gave."""
        return cls(**{**stored, "records": tuple(map(tuple, stored["records"]))})


def files_of(source: str) -> list[Path]:
    """The files of an input, in the order of their names.

    Args:
        source: A file, a folder with all that is in it, or a pattern such as `items-*.jsonl`.

    Raises:
        SourceError: There is none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [one for one in path.rglob("*") if one.name.removesuffix(".gz").endswith(_ENDINGS)]
    else:
        found = list(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    # What a run writes beside its input is no part of it.
    files = sorted(one for one in found if one.is_file() and not _is_own(one))
    if not files:
        raise SourceError(
            f"cannot read {source}: there is no such file, and no folder with files of "
            f"{', '.join(_ENDINGS)}"
        )
    return files


def _is_own(path: Path) -> bool:
    return path.name.endswith((".rejects.jsonl", ".checkpoint.json", ".lock"))


def state_of(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """By which an input is known again: of each file its name, size and time of change in ns."""
    stats = ((str(file), file.stat()) for file in files)
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def units_of(files: Sequence[Path], *, records: int = UNIT_RECORDS) -> list[Unit]:
    """The units of these files, in order; of whole files the records are not counted yet.

    Lines of plain JSON Lines are counted on the way, for a reject has the number of its line. Of
    several files, one that is empty has no records: whatever writes in parts may leave some.

    Args:
        files: Of the input.
        records: Of a unit that is cut out of something larger, about.

    Raises:
        SourceError: A file cannot be read.
    """
    if len(files) > 1:
        files = [file for file in files if has_content(str(file))]
    units = [unit for file in files for unit in _of_file(file, records)]
    return _placed([replace(unit, number=number) for number, unit in enumerate(units)])


def with_sizes(units: Sequence[Unit], sizes: dict[int, int]) -> list[Unit]:
    """The units with what has been counted; those that have no record are left out.

    Args:
        units: All of the input.
        sizes: Records of units, by number; those that are known already stay.
    """
    counted = [replace(u, size=sizes.get(u.number) if u.size is None else u.size) for u in units]
    kept = [unit for unit in counted if unit.size != 0 or unit.kind == SLICE]
    return _placed([replace(unit, number=number) for number, unit in enumerate(kept)])


def _placed(units: Sequence[Unit]) -> list[Unit]:
    """Each with the records before its file, as far as they are counted."""
    before, placed = 0, []
    for unit in units:
        placed.append(replace(unit, before=before - unit.within))
        before += unit.size or 0
    return placed


def _of_file(file: Path, records: int) -> Iterator[Unit]:
    name = str(file)
    if is_parquet(name):
        within, first = 0, 0
        sizes = row_groups(name)
        for group, _ in enumerate(sizes, 1):
            rows = sum(sizes[first:group])
            if rows >= records or group == len(sizes):
                yield Unit(0, ROWS, name, first, group, within=within, size=rows)
                within, first = within + rows, group
        return
    if not _is_plain_lines(file):
        yield Unit(0, FILE, name)
        return
    yield from _of_lines(file, records)


def _is_plain_lines(file: Path) -> bool:
    if isinstance(open_text(str(file)), DelimitedSource | JsonArraySource):
        return False
    with file.open("rb") as opened:
        return opened.read(2) != _GZIP


def _of_lines(file: Path, records: int) -> Iterator[Unit]:
    """Ranges of a plain file that end with a line."""
    name, start, within, lines, at, ends_open = str(file), 0, 0, 0, 0, False
    try:
        with file.open("rb") as opened:
            while block := opened.read(_READ_BYTES):
                place = 0
                while (end := block.find(b"\n", place)) >= 0:
                    place, lines = end + 1, lines + 1
                    if lines >= records or at + place - start >= UNIT_BYTES:
                        yield Unit(0, LINES, name, start, at + place, within=within, size=lines)
                        start, within, lines = at + place, within + lines, 0
                at += len(block)
                ends_open = place < len(block)
    except OSError as error:
        raise SourceError(f"cannot read {file}: {error.strerror}") from error
    if at > start:
        yield Unit(0, LINES, name, start, at, within=within, size=lines + ends_open)


def slices_of(index: str, documents: int, *, workers: int, records: int) -> list[Unit]:
    """The units of an index: slices by the hashes of ids.

    Args:
        index: Its name.
        documents: In it.
        workers: Who share the work: each has some slices, so that all end at about the same time.
        records: Of a slice, about.
    """
    wanted = (
        max(1, -(-documents // records))
        if documents < records
        else max(4 * workers, -(-documents // records))
    )
    most = min(wanted, MOST_SLICES)
    return [Unit(number, SLICE, index, number, most) for number in range(most)]


def check_can_be_split(source: str) -> None:
    """See that an input has parts that can be read alone.

    Raises:
        ConfigError: It is read but once.
    """
    if source == "-":
        raise ConfigError(
            "standard input is read once and in order, so it cannot be divided for --engine ray; "
            "give a file, or leave the option out"
        )
