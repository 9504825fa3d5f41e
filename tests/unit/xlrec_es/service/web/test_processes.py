"""What each process of a service begins with."""

from __future__ import annotations

import gc
import logging

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp

from xlrec_es.service.web import processes


def test_what_is_there_at_the_start_is_not_looked_through_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thresholds: list[int] = []
    monkeypatch.setattr(gc, "set_threshold", thresholds.append)
    made = Response()

    def make() -> ASGIApp:
        return made

    try:
        assert processes.settled(make) is made
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
        logging.getLogger("uvicorn.error").removeFilter(processes._is_a_fault)
    assert thresholds == [10_000]
