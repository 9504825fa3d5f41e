"""Words that documents, help and messages do not have, since the field has others for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

BANNED = {
    r"\bpersons?\b": "user",
    r"\b(who|whom)ever\b": "user",
    r"\blikes\.tsv\b": "interactions.tsv",
    r"\brenditions?\b": "language version",
    r"\blegs?\b": "retriever",
    r"\bseats?\b": "slots",
    r"\b(borrow|lend)(s|ed|ing|ers?)?\b": "cold-start transfer, inherit",
    r"\bbeyond the noise\b": "statistically significant",
    r"\bcalibrat": "language centering",
    r"\breckon": "estimate",
    r"\bmended\b": "fixed",
    r"\bset aside\b": "rejected",
    r"\banew\b": "again",
    r"\bloopback\b": "localhost",
    r"\blicence": "license",
    r"\bcatalogue": "catalog",
    r"\bneighbour": "neighbor",
    r"\bcentr(e|ed|ing)\b": "center",
    r"\bdistils?\b": "distill",
    r"(normal|recogn|optim|summar|quant|minim|maxim)is(e|ed|es|ing|ation)\b": "-ize",
    r"(?<![\w.\])])-?\.\d": "a leading zero",
}
"""Patterns by the word that stands in their place; code and names of files may match."""

OF_PROSE = {
    r"\b(some|every|no)(body|one)\b": "user, or the program that does it",
}
"""Those of documents, help pages and messages; docstrings may have them."""

OF_PROGRAMS = {
    r"\b(the|a|these|of|few|many|most|other|more) works\b|\bworks (that|of|with|are)\b": "items",
    r"\b(their|held-out|the|of) likes\b": "interactions",
    r"\bfor trials\b": "for testing",
    r"\brobots?\b": "bot",
}
"""Those of help pages and messages, where no glossary is at hand."""

SENTENCE = 3
"""Words at least: what is shorter is a key, a name or a part of something."""

NOT_PROSE = (
    "\n:root {",  # a style sheet
    "multilingual-e5-small, 4-bit, dequantised",  # a model's name, in fingerprints of indices
)
"""How strings begin that are no sentences."""


def banned_in(text: str, *, program: bool = False) -> list[str]:
    """What a text should not have, each with what to write.

    Args:
        text: Prose.
        program: Whether a program says it.
    """
    patterns = {**BANNED, **OF_PROSE, **(OF_PROGRAMS if program else {})}
    return [
        f"{match[0]!r}: write {instead}"
        for pattern, instead in patterns.items()
        for match in re.finditer(pattern, text, re.I)
    ]


def messages(path: Path) -> Iterator[str]:
    """The sentences of the errors that a module raises, with `...` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                yield _literal(argument)


def sentences(source: str) -> Iterator[str]:
    """All that a program may say: its strings of several words, but for docstrings.

    An error's sentence often stands far from its `raise`: in a function that makes it, or in a
    table. `...` is for what is filled in.
    """
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in skipped:
            text = _literal(node)
            if len(text.split()) >= SENTENCE and not text.startswith(NOT_PROSE):
                yield text


def _literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else "..."
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_literal, node.values))
    return "..."
