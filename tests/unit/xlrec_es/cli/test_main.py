"""`xlrec-es` itself: it knows its commands without importing them."""

from __future__ import annotations

import pytest

from help_imports import imported_by_help, packages
from xlrec_es.cli.main import SECTIONS

COMMANDS = {name: one for some in SECTIONS.values() for name, one in some.items()}
HEAVY = {
    "altair",
    "elasticsearch",
    "ingest",
    "pyarrow",
    "scipy",
    "sentence_transformers",
    "torch",
    "transformers",
}


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    return imported_by_help("xlrec_es.cli.main")


def test_the_programs_help_imports_no_command(imported: dict[str, set[str]]) -> None:
    modules = imported[""]
    assert "xlrec_es.cli.main" in modules
    assert not {command.target.partition(":")[0] for command in COMMANDS.values()} & modules
    assert not (HEAVY | {"langcodes", "numpy", "orjson", "rich"}) & packages(modules)


def test_no_commands_help_imports_what_is_slow(imported: dict[str, set[str]]) -> None:
    assert {*COMMANDS, "index status", "node start"} < imported.keys()
    heavy = {path: HEAVY & packages(modules) for path, modules in imported.items()}
    assert not {path: found for path, found in heavy.items() if found}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_and_what_the_table_says(name: str) -> None:
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.get_short_help_str(limit=1000) == COMMANDS[name].summary


def test_summaries_fit_beside_the_names() -> None:
    assert not [one.summary for one in COMMANDS.values() if len(one.summary) > 45]
