"""The plugin that orders files for several processes, in a pytest run of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import longest_first

FILES = {
    "tests/unit/test_many.py": "@pytest.mark.parametrize('n', range(20))\ndef test_it(n): pass\n",
    "tests/integration/test_three.py": "@pytest.mark.parametrize('n', range(3))\ndef test_it(n): 0",
    "tests/e2e/test_one.py": "def test_b(): pass\n@pytest.mark.slow\ndef test_a(): pass\n",
}


@pytest.mark.parametrize(
    ("processes", "order"),
    [
        (1, ["one.py::test_b", "one.py::test_a", "three.py::test_it[0]"]),
        (0, ["many.py::test_it[0]", "many.py::test_it[1]", "many.py::test_it[2]"]),
    ],
)
def test_with_several_processes_long_files_begin(
    tmp_path: Path, processes: int, order: list[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n", "utf-8")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"import pytest\n{text}", "utf-8")
    options = ["-v", "-p", "longest_first", "-n", str(processes), "--dist", "loadfile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--no-loadscope-reorder", *FILES],
        env={**os.environ, "PYTHONPATH": str(Path(longest_first.__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if processes:
        passed = re.findall(r"PASSED tests/\w+/test_(\S+)", done.stdout)
    else:
        passed = re.findall(r"tests/\w+/test_(\S+) PASSED", done.stdout)
    assert len(passed) == 25, done.stdout + done.stderr
    assert passed[:3] == order
