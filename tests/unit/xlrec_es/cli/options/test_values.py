from __future__ import annotations

import contextlib
import re
from pathlib import Path

import click
import pytest
from hypothesis import given, settings

from hostile_json import BYTES, nested
from xlrec_es.cli.options.values import (
    Number,
    NumberRange,
    finite,
    name_and_value,
    parse_boost,
    parse_history,
    parse_numbers,
    parse_pairs,
    parse_query,
)
from xlrec_es.errors import ConfigError, UsageError
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.recommend.options import Boost


def test_the_first_equals_sign_parts_a_name_from_its_value() -> None:
    assert name_and_value("--field", "user=who=id", form="NAME=FIELD") == ("user", "who=id")


@pytest.mark.parametrize("text", ["", "user", "user=", "=who"])
def test_what_to_write_is_said_where_a_name_or_its_value_is_missing(text: str) -> None:
    said = re.escape(f"--field {text}: write NAME=FIELD")
    with pytest.raises(ConfigError, match=said):
        name_and_value("--field", text, form="NAME=FIELD")


def test_a_pair_may_be_a_name_alone() -> None:
    assert parse_pairs("--language", ("en=0.7", "de")) == {"en": 0.7, "de": None}


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "many", ""])
def test_a_number_is_finite(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite number|could not convert"):
        finite(text)
    for kind in (Number(), NumberRange(min=0)):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)
    with pytest.raises(UsageError, match="is no finite number"):
        parse_boost(f'{text}={{"match_all": {{}}}}')
    if text:
        with pytest.raises(UsageError, match="is no finite number"):
            parse_numbers("--weight", (f"dense={text}",))


def test_a_finite_number_is_read() -> None:
    assert finite("-1e3") == -1000
    assert Number().convert("-1e3", None, None) == -1000
    assert NumberRange(0, 1).convert("0.25", None, None) == 0.25


@pytest.mark.parametrize("text", ["=0.5", "dense="])
def test_a_number_belongs_to_a_name(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--weight {text}: write NAME=NUMBER")):
        parse_numbers("--weight", (text,))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "--filter '{' is not JSON: "),
        (nested(1200), "is nested more than 200 levels deep"),
        ("\udcff", "is not JSON: "),  # an argument that is not UTF-8
        ('{"a": %s}' % ("1" * 5000), "is not JSON: number is infinity"),
        ('"[[["', "give a query such as"),
    ],
)
def test_a_query_that_is_none_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_query("--filter", text)
    assert reason in str(error.value)


def test_a_query_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "query.json"
    path.write_text('{"term": {"brand": "茶"}}', "utf-8")
    assert parse_query("--filter", f"@{path}") == {"term": {"brand": "茶"}}
    assert parse_boost(f"1.5=@{path}") == Boost({"term": {"brand": "茶"}}, 1.5)
    with pytest.raises(UsageError, match=r"--filter '@.*missing': cannot read the file: No such"):
        parse_query("--filter", f"@{tmp_path / 'missing'}")


def test_numbers_of_a_query_are_those_that_every_writer_of_json_takes() -> None:
    query = parse_query("--filter", '{"term": {"n": 123456789012345678901234567890}}')
    assert query == {"term": {"n": 1.2345678901234568e29}}


@settings(deadline=None)
@given(BYTES)
def test_whatever_a_history_holds_is_a_history_or_one_sentence(content: bytes) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(parse_history(content), History)


@pytest.mark.parametrize(
    "entry",
    [
        "1",
        "null",
        "[]",
        "{}",
        '{"item": 1}',
        '{"item": "a", "event": ["view"]}',
        '{"item": "a", "event": null}',
        '{"item": "a", "time": 1}',
        '{"item": "a", "time": "soon"}',
        '{"item": "a", "weight": {}}',
        '{"item": "a", "rating": "5"}',
        '{"item": "a", "dwell_s": []}',
        '{"item": "a", "more": 1}',
        nested(1200),
    ],
)
def test_an_interaction_that_is_none_is_one_sentence(entry: str) -> None:
    with pytest.raises(UsageError):
        parse_history(f'["a", {entry}]'.encode())


def test_a_history_is_read() -> None:
    assert parse_history(b'["a", {"item": "b"}]') == History((Interaction("a"), Interaction("b")))
