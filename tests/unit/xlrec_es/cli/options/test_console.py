from __future__ import annotations

import pytest
from rich.table import Table
from rich.text import Text

from xlrec_es.cli.options.console import Console

HOSTILE = "\x1b]0;mine\x1b\\[red]x[/red] [link=http://a]y[/link] :heart: \x9b2J"
SHOWN = r"\u001b]0;mine\u001b\[red]x[/red] [link=http://a]y[/link] :heart: \u009b2J"


def test_texts_of_others_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    for shown in (HOSTILE, Text(HOSTILE), table):
        Console().print(shown)
    Console(stderr=True).print(HOSTILE)
    printed, err = capsys.readouterr()
    assert printed.count(SHOWN) == 6
    assert SHOWN in err
    assert not {"\x1b", "\x9b"} & set(printed + err)


def test_its_own_styles_reach_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Console().print(Text.assemble((f"bold {HOSTILE}", "bold")), soft_wrap=True)
    printed = capsys.readouterr().out
    assert "\x1b[1m" in printed
    assert SHOWN in printed
    assert "\x1b]" not in printed
