from __future__ import annotations

import json

import pytest

from xlrec_es.visible_text import drawable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Grüße 数字 🎲 \u202eعربي", "Grüße 数字 🎲 \u202eعربي"),
        ("\x1b]52;c;aGk=\x07", r"\u001b]52;c;aGk=\u0007"),
        ("\x9b2J\x7f", r"\u009b2J\u007f"),
        ("over\rwritten\x00\x08", r"over\u000dwritten\u0000\u0008"),
        ("\ud800", r"\ud800"),
    ],
)
def test_controls_are_written_out_and_nothing_else(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_stays_the_same_json() -> None:
    value = {"title": "".join(map(chr, range(256)))}
    text = json.dumps(value, ensure_ascii=False, indent=2)
    assert "\x9b" in text
    assert json.loads(visible(text)) == value


def test_a_picture_holds_what_xml_allows() -> None:
    odd = {"a\x00": ["b\x1b", ("c\uffff", 1, None)], "kept": "tab\t, ü, 日本, \U0001f600"}
    whole = {"a\ufffd": ["b\ufffd", ["c\ufffd", 1, None]], "kept": odd["kept"]}
    assert drawable(odd) == whole
    assert len(drawable("x" * 100_000)) == 10_000
