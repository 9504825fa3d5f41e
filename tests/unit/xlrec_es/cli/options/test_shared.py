"""What both command lines do alike with results."""

from __future__ import annotations

import pytest

from xlrec_es.cli.options.shared import write_and_show
from xlrec_es.errors import WriteError


def test_results_are_written_before_they_are_shown() -> None:
    done: list[str] = []
    write_and_show(lambda: done.append("written"), lambda: done.append("shown"))
    assert done == ["written", "shown"]


def test_results_are_shown_where_they_cannot_be_written_and_then_it_is_said() -> None:
    done: list[str] = []

    def refused() -> None:
        raise WriteError("the index is closed")

    with pytest.raises(WriteError, match="the index is closed"):
        write_and_show(refused, lambda: done.append("shown"))
    assert done == ["shown"]


def test_results_that_were_written_stay_where_the_reader_leaves_early() -> None:
    done: list[str] = []

    def left() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write_and_show(lambda: done.append("written"), left)
    assert done == ["written"]
