"""Help pages and messages have the words that documents have; see `test_documents.py`."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import cli_reference
from documents import ROOT
from plain_words import BANNED, OF_PROGRAMS, OF_PROSE, banned_in, messages, sentences

MODULES = [path for package in ("xlrec_es", "ingest") for path in (ROOT / package).rglob("*.py")]
CONTEXTS = {context.command_path: context for context in cli_reference.commands()}


def found_in(text: str) -> list[str]:
    return banned_in(text, program=True)


@pytest.mark.parametrize("path", CONTEXTS)
def test_no_help_has_a_banned_word(path: str) -> None:
    command = CONTEXTS[path].command
    helps = [option.help or "" for option in command.params if isinstance(option, click.Option)]
    assert found_in(" ".join([command.help or "", *helps])) == []


def test_no_message_of_an_error_has_a_banned_word() -> None:
    said = [(path, text) for path in MODULES for text in messages(path)]
    assert len(said) > 300
    said += [(path, text) for path in MODULES for text in sentences(path.read_text("utf-8"))]
    assert len(said) > 2000
    found = {(str(path), text): found_in(text) for path, text in said}
    assert {place: words for place, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("text", "banned"),
    [
        ("A person who liked many works.", ["'person': write user", "'many works': write items"]),
        ("Somebody set it aside anew.", ["'Somebody'", "'anew': write again"]),
        ("It works; the network works too, and nobody's frameworks.", ["'nobody'"]),
        ("Weight .5 of a leg", ["'leg': write retriever", "'.5': write a leading zero"]),
    ],
)
def test_a_banned_word_is_found(text: str, banned: list[str]) -> None:
    found = banned_in(text, program=True)
    assert len(found) == len(banned)
    assert all(any(one.startswith(word) for one in found) for word in banned)


def test_messages_are_read_out_of_errors_with_what_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(
        'raise UsageError(f"{n} of " "them: {n}", 3)\n'
        'print("no message")\n'
        'raise error from ValueError("neither")\n'
    )
    assert list(messages(path)) == ["... of them: {n}", "..."]


def test_sentences_are_read_wherever_they_stand() -> None:
    source = '''"""A docstring that nobody reads aloud."""
TABLE = {404: "what nobody has found", 1: "a key"}  # nobody sees this


def told(url: str) -> str:
    """Another docstring of nobody."""
    return (
        f"no Kibana answers at {url}, whose port {url!r} "
        "nobody changed"
    )
'''
    assert sorted(sentences(source)) == [
        "no Kibana answers at ..., whose port ... nobody changed",
        "what nobody has found",
    ]


def test_what_a_word_is_replaced_by_is_not_banned_itself() -> None:
    banned = {**BANNED, **OF_PROSE, **OF_PROGRAMS}
    assert [banned_in(instead) for instead in banned.values()] == [[]] * len(banned)
