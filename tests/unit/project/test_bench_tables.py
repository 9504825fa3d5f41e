"""Tables of measurements are those of the recorded results, and every result is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import bench_tables

RESULTS = sorted(bench_tables.RESULTS.glob("*.json"))
DOCUMENTS = bench_tables.documents()
MEASUREMENTS = [
    *bench_tables.RESULTS.parent.glob("*.md"),
    bench_tables.RESULTS.parents[1] / "README.md",  # what is measured of the tests themselves
    # Guides by which one chooses.
    *(bench_tables.ROOT / "ingest" / name for name in ("ENCODERS.md", "SCALE.md")),
]
BEHIND = "is behind: run python3 tests/environment.py python tests/bench_tables.py"


@pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: str(path.relative_to(bench_tables.ROOT))
)
def test_rendering_changes_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text == bench_tables.render(text), f"{path} {BEHIND}"


@pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: str(path.relative_to(bench_tables.ROOT))
)
def test_every_table_that_begins_is_found(path: Path) -> None:
    text = path.read_text("utf-8")
    begun, ended = text.count("<!-- table:"), text.count("<!-- /table -->")
    assert (begun, ended) == (len(bench_tables.tables(text)),) * 2


def test_every_result_is_shown_once() -> None:
    shown = [name for path in MEASUREMENTS for name in bench_tables.tables(path.read_text("utf-8"))]
    assert sorted(shown) == sorted(path.stem for path in RESULTS)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_says_how_it_was_measured(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    assert set(told) == {*bench_tables.MEASUREMENT, "columns", "rows", "bold"}
    assert told["data"]
    assert re.fullmatch(r"[0-9a-f]{7}(, [0-9a-f]{7})*", told["commit"] or "0000000")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["date"] or "2000-01-01")
    assert {len(row) for row in told["rows"]} == {len(told["columns"])}
    assert set(told["bold"]) <= {bench_tables.Result.read(path).label(row) for row in told["rows"]}


RECALL = bench_tables.Column("recall", "recall@50", digits=3)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("half of all", "half of all"),
        (0.58, "0.580"),
        ([0.661, 0.58, 0.744], "0.661 [0.580, 0.744]"),
        ({"change": 0.001}, "+0.001"),
        ({"change": [-0.01, -0.028, 0.009]}, "-0.010 [-0.028, 0.009]"),
        ({"change": [-0.0001, -0.0001, 0]}, "0.000 [0.000, 0.000]"),
    ],
)
def test_cells_are_read_alike_everywhere(cell: bench_tables.Cell, text: str) -> None:
    assert RECALL.cell(cell) == text


def test_units_stand_behind_numbers() -> None:
    assert bench_tables.Column("memory", "memory", unit=" MB").cell(1086) == "1,086 MB"


def test_a_table_is_put_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_tables, "RESULTS", tmp_path)
    result = {
        **dict.fromkeys(bench_tables.MEASUREMENT),
        "data": "apps",
        "command": "xlrec-es evaluate",
        "columns": [{"id": "system", "title": "system"}, {"id": "n", "title": "recall"}],
        "rows": [["ours", 2], ["theirs", 1]],
        "bold": ["ours"],
    }
    (tmp_path / "one.json").write_text(json.dumps(result), "utf-8")
    text = "a\n<!-- table:one -->\nold\n<!-- /table -->\nb\n"
    table = "| system | recall |\n| --- | --- |\n| **ours** | 2 |\n| theirs | 1 |\n"
    how = (
        "Data: apps. Machine: not recorded. Command: `xlrec-es evaluate`. Commit: not recorded. "
        "Date: not recorded."
    )
    assert (
        bench_tables.render(text) == f"a\n<!-- table:one -->\n{table}\n{how}\n<!-- /table -->\nb\n"
    )
    some = "<!-- table:one columns=n -->\n<!-- /table -->"
    shown = "| recall |\n| --- |\n| 2 |\n| 1 |\n"
    assert bench_tables.render(some) == f"<!-- table:one columns=n -->\n{shown}<!-- /table -->"
