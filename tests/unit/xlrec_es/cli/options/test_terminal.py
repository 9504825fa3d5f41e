from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from xlrec_es.cli.options.terminal import echo, insecure_warnings
from xlrec_es.credentials import InsecureConnectionWarning


@pytest.mark.parametrize("message", ["\x1b[2J", b"\x1b[2J", Path("\x1b[2J")])
def test_what_is_printed_does_not_speak_to_the_terminal(
    message: object, capsys: pytest.CaptureFixture[str]
) -> None:
    echo(message)
    echo(message, err=True, nl=False)
    assert capsys.readouterr() == ("\\u001b[2J\n", "\\u001b[2J")


def test_a_label_of_ours_keeps_its_colors(capsys: pytest.CaptureFixture[str]) -> None:
    echo("\x1b[2J", label="\x1b[32mok\x1b[0m ")
    written = capsys.readouterr().out
    assert written.startswith(("\x1b[32mok", "ok "))  # click leaves colors to terminals
    assert written.endswith("\\u001b[2J\n")


def test_an_insecure_connection_is_said_once_and_other_warnings_as_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with insecure_warnings():
            for _ in range(2):
                warnings.warn("others can read \x1b", InsecureConnectionWarning, stacklevel=1)
            warnings.warn("of another kind", UserWarning, stacklevel=1)
    assert [str(other.message) for other in others] == ["of another kind"]
    assert capsys.readouterr().err == "WARNING: others can read \\u001b.\n"
