"""The progress bar, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ingest.run.counts import Tally
from ingest.run.observe import progress_bar
from ingest.run.observe.progress_bar import ProgressBar
from ingest.run.pipeline import Fill


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, asked: bool = True) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=200)
    monkeypatch.setattr(progress_bar, "Console", lambda **_: console)
    tally = Tally()
    with ProgressBar(shown=asked) as bar:
        bar("load", tally, None)
        bar("sample", tally, 0.5)
        tally.documents, tally.rejected, tally.tokens = 1234, 2, 56_789
        tally.queues["encode"] = Fill(waiting=2, size=2)
        bar("index", tally, 0.5)
        bar._progress.refresh()
    return output.getvalue()


def test_the_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True)
    expected = ("indexing", "50%", "1234 documents", "/s)", "56789 tokens", "2 rejected", "left:")
    for part in (*expected, "waiting: encode 2/2"):
        assert part in text
    assert not shown(monkeypatch, terminal=False).strip()
    assert not shown(monkeypatch, terminal=True, asked=False).strip()
