"""README's five steps, followed literally on the shipped sample, give the recall that it tells."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import ROOT, Document
from nodes import HEAP, VERSIONS
from xlrec_es.node import running

README = Document("README.md")
SECTION = "Your data in five steps"
PROGRAMS = {"xlrec-es": "xlrec_es", "xlrec-ingest": "ingest"}
ADDRESS = "http://127.0.0.1:9200"  # of the block in Python; commands obey XLREC_URL
COLUMNS = {
    "text only": "dense alone",
    "item cosine": "item cosine",
    "popularity": "popularity",
    "**xlrec-es**": "recommender",
}
"""The systems of `evaluate`, by their column in the table at a glance."""

# Two minutes or three on two idle cores; encoding and evaluation take many on busy ones.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a node of its own: `shop` is a name that a cluster of somebody may have."""
    with running(version=VERSIONS[0], heap=HEAP) as info:
        yield info.url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the steps are followed; empty."""
    return tmp_path_factory.mktemp("steps")


@pytest.fixture(scope="module")
def printed(url: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of the section prints, the last one at the end."""
    programs = tmp_path_factory.mktemp("bin")
    for name, package in PROGRAMS.items():
        command = shlex.join([sys.executable, "-m", package])
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    patient = {"XLREC_TIMEOUT": "300"}  # on a machine that does other work too
    environment = {**os.environ, **patient, "PATH": path, "XLREC_URL": url, "COLUMNS": "120"}
    outputs = []
    for block in README.blocks_below(SECTION):
        if block.kind in ("sh", "python"):
            shell = ["sh", "-e", "-c", block.text]
            python = [sys.executable, "-c", block.text.replace(ADDRESS, url)]
            done = subprocess.run(
                python if block.kind == "python" else shell,
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
            outputs.append(done.stdout)
    return outputs


def recall(output: str) -> dict[str, float]:
    """Of each system, out of the tables that `evaluate` prints: in other languages than before."""
    table = re.search(r"cross pool, \d+ items.*?cross pool:", output, re.S)
    rows = re.findall(r"^ *(\w[\w -]*?) +(\d\.\d+) \[\d", table[0] if table else "", re.M)
    return {system: float(mean) for system, mean in rows}


def test_the_five_steps_end_with_the_recall_of_the_table_at_a_glance(printed: list[str]) -> None:
    measured = next(found for output in reversed(printed) if (found := recall(output)))
    assert not any("LEAK" in output for output in printed)
    result = json.loads((ROOT / "tests/bench/results/quality-apps.json").read_text("utf-8"))
    cross = [column["id"] for column in result["columns"]].index("cross")
    known = {row[0]: row[cross] for row in result["rows"]}
    names = re.findall(r"[^|]+", README.text.partition("\n| catalog |")[2].splitlines()[0])
    cells = next(row for row in README.table("| catalog |") if "shipped sample" in row[0])
    shown = dict(zip(map(str.strip, names), cells[1:], strict=True))
    for column, system in COLUMNS.items():
        mean, low, high = known[system]
        assert float(shown[column].strip("*")) == mean
        assert low <= measured[system] <= high, system


def test_recommendations_come_in_the_languages_that_were_asked_for(printed: list[str]) -> None:
    asked, served = printed[3], printed[4]
    languages = {"en", "zh"}
    assert all(f" {language} " in asked for language in languages)
    lines = served.splitlines()
    assert len(lines) == 10
    assert {line.split()[0] for line in lines} == languages
    assert all(re.search(r" \d\.\d+ \['.+'\]$", line) for line in lines)


def test_the_key_is_ready_to_be_asked_for(printed: list[str], folder: Path) -> None:
    assert "problem" not in printed[-1]
    key = json.loads((folder / "key.json").read_text("utf-8"))
    assert key["role_descriptors"]
