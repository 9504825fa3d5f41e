"""What `tests/mutation.py` plants, and what it lists as equivalent."""

from __future__ import annotations

import ast
import json

import pytest

import mutation


def function(body: str) -> ast.FunctionDef:
    [found] = ast.parse(f"def f(a):\n    {body}").body
    assert isinstance(found, ast.FunctionDef)
    return found


def test_modules_and_their_tests_are_there() -> None:
    for module, tests in mutation.COVERED.items():
        assert (mutation.ROOT / module).is_file()
        for test in (*tests, mutation.SLOW.partition("::")[0]):
            assert (mutation.ROOT / "tests" / "unit" / test).is_file(), test


@pytest.mark.parametrize(
    ("was", "becomes", "alone"),
    [
        ("raise E('it is closed')", "raise E('XXit is closedXX')", True),
        ("raise E('it is closed')", "raise E('IT IS CLOSED')", True),
        ("raise E('it is closed')", "raise E(None)", False),
        ("return a['key']", "return a['XXkeyXX']", False),
        ("return a + 'it is'", "return a - 'it is'", False),
    ],
)
def test_texts_for_people_may_change(was: str, becomes: str, alone: bool) -> None:
    assert mutation._differ_in_texts_alone(function(was), function(becomes)) is alone
    told = mutation._difference(function(f"b = 1; {was}"), function(f"b = 1; {becomes}"))
    assert told == tuple(ast.unparse(ast.parse(line)) for line in (was, becomes))


def test_what_is_equivalent_has_its_reason() -> None:
    listed = json.loads(mutation.EQUIVALENT.read_text("utf-8"))
    assert len(mutation.equivalent()) == len(listed)  # none is there twice
    modules = tuple(
        module.removesuffix(".py").replace("/", ".") + "." for module in mutation.COVERED
    )
    for one in listed:
        assert one.keys() == {"where", "was", "becomes", "reason"}
        assert one["where"].startswith(modules)
        assert one["was"] != one["becomes"]
        assert len(one["reason"].split()) > 3
