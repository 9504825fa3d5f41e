"""The plugin that turns skips into failures, in a pytest run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import no_skips

TESTS = """
import pytest

@pytest.fixture
def node(): pytest.skip("no node")

def test_failed_as_it_skips(): pytest.skip("no node")
def test_error_as_its_fixture_skips(node): pass
@pytest.mark.skipif(True, reason="no node")
def test_error_as_it_is_marked(): pass

@pytest.mark.gpu
def test_skipped_without_gpu(): pytest.skip("no GPU")
@pytest.mark.shared_data
def test_skipped_without_data(): pytest.skip("no data")
@pytest.mark.xfail
def test_xfailed(): assert False
def test_passed(): pass
"""


def test_only_what_the_project_cannot_bring_excuses_a_skip(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  gpu\n  shared_data\n", "utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, "utf-8")
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.importorskip('no_such')", "utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no_skips", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path(no_skips.__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = done.stdout.splitlines()[-1]
    assert "1 failed, 1 passed, 2 skipped, 1 xfailed, 3 errors" in summary, done.stdout
