"""The numbers of several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xlrec_es.service.web.observation import MULTIPROCESS, _forget_dead


def test_processes_that_were_killed_have_nothing_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setenv(MULTIPROCESS, str(tmp_path))
    for pid in (ended.pid, os.getpid()):
        for kind in ("gauge_livesum", "counter"):
            (tmp_path / f"{kind}_{pid}.db").write_bytes(b"")
    _forget_dead(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        f"counter_{ended.pid}.db",
        f"counter_{os.getpid()}.db",
        f"gauge_livesum_{os.getpid()}.db",
    }
