"""Each guarantee of the worker's guide names the tests that show it, and these tests exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "ingest" / "README.md"
NODE_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def guarantees() -> list[tuple[str, str]]:
    """The first and the last cell of each row of the guide's table."""
    _, _, section = GUIDE.read_text("utf-8").partition("\n## Guarantees\n")
    section, _, _ = section.partition("\n## ")
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return [(row[0], row[-1]) for row in rows[2:]]  # behind the header and the rule


def test_the_guide_has_its_guarantees() -> None:
    assert len(guarantees()) >= 10


@pytest.mark.parametrize(("event", "shown_by"), guarantees())
def test_each_is_shown_by_tests_that_exist(event: str, shown_by: str) -> None:
    named = NODE_ID.findall(shown_by)
    assert shown_by == ", ".join(f"`{path}::{name}`" for path, name in named), event
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, path
        assert name.startswith("test_")
    assert named, event
