"""The numbers of several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from starlette.responses import Response

from asgi import asked
from xlrec_es.service.web.observation import MULTIPROCESS, Observed, _forget_dead


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


def counted(path: str) -> float:
    return (
        REGISTRY.get_sample_value("xlrec_http_requests_total", {"path": path, "status": "200"}) or 0
    )


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/shelves", "/v1/shelves"),
        ("/v1/shelves/home", "/v1/shelves/{name}"),
        ("/v1/shelves/home/rollback", "/v1/shelves/{name}/rollback"),
        ("/v1/shelves/home/none", "other"),
        ("/v1/shelves/", "other"),
        ("/secret", "other"),
    ],
)
def test_numbers_go_by_the_template_of_a_path(
    path: str, label: str, caplog: pytest.LogCaptureFixture
) -> None:
    templates = ["/v1/shelves", "/v1/shelves/{name}", "/v1/shelves/{name}/rollback"]
    before = counted(label)
    with caplog.at_level("INFO"):
        asked(Observed(Response(), templates), "GET", path)
    assert counted(label) == before + 1
    assert f"GET {label} 200" in caplog.text
    assert "home" not in caplog.text
