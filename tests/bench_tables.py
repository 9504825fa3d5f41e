"""Tables of measurements in the documents: each is rendered from a file of `results`.

    python tests/bench_tables.py

Between `<!-- table:NAME -->` and `<!-- /table -->` a document has the table NAME, with a line that
says how it was measured; by `<!-- table:NAME columns=model,mean -->`, some of its columns alone.
tests/unit/project/test_bench_tables.py fails where a document is behind.

A file holds one table: `columns`, each with an id, a title, and the digits of its numbers; `rows`,
whose cells are texts, numbers, `[mean, low, high]`, `{"change": ...}` of one of these (rendered
with a sign), or null; `bold`, the labels of rows that stand out; and of the measurement `command`,
`data`, `machine`, `commit` (which recorded it) and `date`, null where they were not recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "bench" / "results"
Value = float | list[float]
Cell = None | str | Value | dict[str, Value]

MEASUREMENT = ("command", "data", "machine", "commit", "date")
_BLOCK = re.compile(
    r"(<!-- table:(?P<name>[\w-]+)(?: columns=(?P<columns>[\w,-]+))? -->\n).*?(<!-- /table -->)",
    re.S,
)


@dataclass(frozen=True)
class Column:
    id: str
    title: str
    digits: int = 0
    unit: str = ""

    def cell(self, cell: Cell) -> str:
        """A cell as it is read."""
        if cell is None or isinstance(cell, str):
            return cell or ""
        if isinstance(cell, dict):
            return self._value(cell["change"], sign="+")
        return self._value(cell, sign="")

    def _value(self, value: Value, *, sign: str) -> str:
        if not isinstance(value, list):
            return self._number(value, sign)
        mean, low, high = value
        return f"{self._number(mean, sign)} [{self._number(low)}, {self._number(high)}]"

    def _number(self, value: float, sign: str = "") -> str:
        rounded = round(value, self.digits) or 0.0  # never minus zero
        return f"{rounded:{sign if rounded else ''},.{self.digits}f}{self.unit}"


@dataclass(frozen=True)
class Result:
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bold: tuple[str, ...]
    measurement: Mapping[str, str | None]

    @classmethod
    def read(cls, path: Path) -> Result:
        told = json.loads(path.read_text("utf-8"))
        columns = tuple(Column(**column) for column in told["columns"])
        rows = tuple(map(tuple, told["rows"]))
        if wrong := [row for row in rows if len(row) != len(columns)]:
            raise SystemExit(f"{path.name} has {len(columns)} columns, and a row {wrong[0]}")
        measurement = {name: told[name] for name in MEASUREMENT}
        return cls(columns, rows, tuple(told.get("bold", ())), measurement)

    def table(self, ids: Sequence[str] = ()) -> str:
        """The table as Markdown; of some columns alone, if they are named."""
        known = [column.id for column in self.columns]
        places = [known.index(id_) for id_ in ids] or list(range(len(known)))
        lines = [[self.columns[place].title for place in places], ["---"] * len(places)]
        lines += [[self._cell(row, place) for place in places] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def label(self, row: Sequence[Cell]) -> str:
        """What a row begins with."""
        return self.columns[0].cell(row[0])

    def _cell(self, row: Sequence[Cell], place: int) -> str:
        text = self.columns[place].cell(row[place])
        return f"**{text}**" if place == 0 and text in self.bold else text

    def how(self) -> str:
        """How it was measured, in a line."""
        told = {name: value or "not recorded" for name, value in self.measurement.items()}
        command = f"`{told['command']}`" if self.measurement["command"] else told["command"]
        commit = f"`{told['commit']}`" if self.measurement["commit"] else told["commit"]
        return (
            f"Data: {told['data']}. Machine: {told['machine']}. Command: {command}. "
            f"Commit: {commit}. Date: {told['date']}."
        )


def render(text: str) -> str:
    """A document's text with its tables as the results have them."""

    def block(found: re.Match[str]) -> str:
        result = Result.read(RESULTS / f"{found['name']}.json")
        if found["columns"]:
            content = result.table(found["columns"].split(","))
        else:
            content = f"{result.table()}\n\n{result.how()}"
        return f"{found[1]}{content}\n{found[4]}"

    return _BLOCK.sub(block, text)


def tables(text: str) -> list[str]:
    """The names of the tables of a document, in their order."""
    return [found["name"] for found in _BLOCK.finditer(text)]


def documents() -> list[Path]:
    """All that may have tables."""
    folders = (ROOT, *(ROOT / name for name in ("xlrec_es", "ingest", "mappings", "tests")))
    return sorted(path for folder in (*folders, RESULTS.parent) for path in folder.glob("*.md"))


if __name__ == "__main__":
    for document in documents():
        document.write_text(render(document.read_text("utf-8")), "utf-8")
