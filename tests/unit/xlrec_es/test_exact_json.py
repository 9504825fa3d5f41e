"""No number is changed by being read and written, and whatever is read can be written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_json import BYTES, TEXTS, nested
from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson
from xlrec_es.exact_json import MAX_DEPTH, MAX_DIGITS

AS_THEY_ARE = (
    "0",
    "-1.5",
    "1e-7",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    "0.123456789012345678",
    "12345678901234567.89",
    "1" * 400,
    "9" * MAX_DIGITS,
    "-" + "9" * MAX_DIGITS,
)
BEYOND_ALL = ("1E+400", "-1e99999999999999999999", "1" * 50 + "e999999999999999999999")

ROOM = 50
"""Levels that this program may put around what it has read."""


def read_answer(data: str | bytes) -> Any:  # noqa: ANN401
    """As the client reads what Elasticsearch sends."""
    return exact_json.loads_all(data.encode() if isinstance(data, str) else data)


@pytest.mark.parametrize("number", AS_THEY_ARE)
@pytest.mark.parametrize("form", ["%s", "[%s]", '{"a": {"b": [1, %s, "x"]}}'])
def test_digits_stay(number: str, form: str) -> None:
    text = form % number
    for found in (exact_json.loads(text), exact_json.loads(text.encode()), read_answer(text)):
        assert exact_json.dumps(found).decode() == text.replace(" ", "")


@pytest.mark.parametrize("number", BEYOND_ALL)
def test_digits_of_what_elasticsearch_holds_stay(number: str) -> None:
    found = read_answer(f'{{"a": [{number}]}}')
    assert exact_json.dumps(found).decode() == f'{{"a":[{number}]}}'
    assert math.isinf(found["a"][0])


def test_what_json_readers_usually_do_with_them() -> None:
    """Why this is needed."""
    assert isinstance(orjson.loads("123456789012345678901234567890"), float)
    assert isinstance(exact_json.loads("123456789012345678901234567890"), Decimal)
    assert exact_json.loads("1234567890123456789") == 1234567890123456789
    assert isinstance(exact_json.loads("123456789012345678901234567890", exact=False), float)


def test_no_float_takes_the_slow_way() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 384)).astype(np.float32)
    scales = 10.0 ** rng.integers(-30, 30, size=2000)
    for values in (vectors.tolist(), (rng.normal(size=2000) * scales).tolist()):
        assert not exact_json._has_long_number(orjson.dumps(values))


def test_what_has_no_long_number_is_read_by_orjson_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three to five times as fast; neither a colon nor a slash makes a number longer."""
    monkeypatch.setattr(exact_json, "_read", None)
    for text in ('{"a":12345678901234567}', "[0.00000000000000000012345678901234567]", "[]"):
        assert exact_json.loads(text) == read_answer(text) == orjson.loads(text)
    for text in ("/12345678901234567:", "1.2345678901234567]", "1.2345678901234567"):
        assert not exact_json._has_long_number(text.encode())


def test_a_number_that_has_room_in_its_type_has_that_type() -> None:
    """Also beside one that has none, on whose account all are read in the slow way."""
    for text in ("18446744073709551615", "-9223372036854775808", "12345678901234567890", "7"):
        for found in (exact_json.loads(f"[{text}, {'9' * 30}]"), read_answer(f"[{text}]")):
            assert (found[0], type(found[0])) == (int(text), int)
    for text in ("1.5", "0.1", "-1e-7", "0.0", "1e22"):
        for read in (exact_json.loads, read_answer):
            [found, _] = read(f"[{text}, {'9' * 30}]")
            assert (found, type(found)) == (float(text), float)
    for text in ("18446744073709551616", "-9223372036854775809", "0.12345678901234567890"):
        assert isinstance(exact_json.loads(text), Decimal)


def test_a_number_has_as_many_digits_as_elasticsearch_takes() -> None:
    for begin, end in (("", "1111"), ("-0.", "e-1")):
        longest = begin + "1" * (MAX_DIGITS + 4 - len(begin + end)) + end
        found = exact_json.loads(longest)
        assert exact_json.loads(exact_json.dumps(found)) == found
        longer = begin + "1" + longest.removeprefix(begin)
        with pytest.raises(InvalidJson, match="more than 1000 digits"):
            exact_json.loads(longer)
        assert exact_json.as_text(read_answer(longer)) == longer


def test_orjson_writes_as_it_is_told_to() -> None:
    lines = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    deep = {"vector": np.ones(2, np.float32), "text": "[" * MAX_DEPTH}
    for value in ({"vector": np.ones(2, np.float32)}, deep):
        for write in (exact_json.dumps, exact_json.dumps_readable):
            assert write(value, lines) == orjson.dumps(value, option=lines)
            assert write(value, lines).endswith(b"}\n")
            with pytest.raises(TypeError, match="ndarray"):
                write(value)


@pytest.mark.parametrize("before", [0, 1, 17, 18, 19, 30])
def test_a_long_number_is_found_at_the_edge_of_what_is_searched_at_once(before: int) -> None:
    number = b"1.23456789012345678"
    padding = b" " * (exact_json._BLOCK - before)
    assert exact_json._has_long_number(padding + number)
    assert not exact_json._has_long_number(padding + number[:-1])


@pytest.mark.parametrize(
    "text", ["", "{", "[1e400, NaN]", "[18446744073709551616, Infinity]", '[1e400, "\\ud800"]']
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidJson):
        exact_json.loads(text)


def test_numbers_beyond_all_may_be_refused() -> None:
    for text in ("[1e400]", "[1e400, 18446744073709551616]", "[18446744073709551616, 1e400]"):
        with pytest.raises(InvalidJson, match="infinity"):
            exact_json.loads(text)


HOSTILE = {
    "5000 digits": ("1" * 5000, "JSON with a number of more than 1000 digits"),
    "5000 digits after the point": ("0." + "1" * 5000, "JSON with a number of more than 1000"),
    "1200 brackets": (nested(1200), "nested more than 200 levels deep"),
    "300 lists": (nested(300), "nested more than 200 levels deep"),
    "300 objects": (nested(300, begin='{"a":', end="}"), "nested more than 200 levels deep"),
    "990 levels about a long number": (nested(990, "9" * 30), "nested more than 200 levels deep"),
    "brackets without end": ("[" * 100_000, "nested more than 200 levels deep"),
    "a huge exponent": ("1" * 30 + "e99999999999999999999", "not JSON: infinity is no number"),
    "half a character": ('[123456789012345678901, "\\udfff"]', "JSON with half a character"),
    "UTF-16 with digits": ('{"a":"ㄱㄱㄱㄱㄱㄱㄱㄱㄱㄱ"}'.encode("utf-16-le"), "not JSON: "),
    "a surrogate in UTF-8": (b'[123456789012345678901, "\xed\xa0\x80"]', "not JSON: not UTF-8"),
    "an argument that is not UTF-8": ('{"a": "\udcff"}', "not JSON: not UTF-8"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_held_is_named(kind: str) -> None:
    text, reason = HOSTILE[kind]
    with pytest.raises(InvalidJson) as error:
        exact_json.loads(text)
    assert str(error.value).startswith(reason)


def test_tiny_numbers_are_zero_however_tiny() -> None:
    for number in ("1e-400", "1e-99999999999999999999", "1" * 30 + "e-99999999999999999999"):
        assert exact_json.loads(f"[{number}]") == [0.0]


@pytest.mark.parametrize("levels", [1, 100, MAX_DEPTH])
@pytest.mark.parametrize("inner", ["1", "123456789012345678901", '"[[[["'])
def test_what_is_read_is_written_with_room_about_it(levels: int, inner: str) -> None:
    value = exact_json.loads(nested(levels, inner))
    around = value
    for _ in range(ROOM):
        around = {"a": around}
    assert orjson.loads(exact_json.dumps(around))
    assert exact_json.loads(exact_json.dumps_readable(value)) == value


@pytest.mark.parametrize("inner", ["1", "123456789012345678901"])
def test_reading_and_writing_end_at_one_depth(inner: str) -> None:
    text = nested(MAX_DEPTH + 1, inner)
    with pytest.raises(InvalidJson, match="more than 200 levels"):
        exact_json.loads(text)
    with pytest.raises(InvalidJson, match="more than 200 levels"):
        exact_json.dumps_readable(read_answer(text))
    brackets = exact_json.loads('["%s"]' % ("[" * 1000))
    assert exact_json.dumps_readable(brackets)  # in a text they are no levels


def test_how_deep_orjson_writes() -> None:
    """What `dumps_readable` and the room around what was read rely on."""
    orjson.dumps(orjson.loads(nested(exact_json._ORJSON_DEPTH)))
    with pytest.raises(TypeError, match="ecursion"):
        orjson.dumps(orjson.loads(nested(exact_json._ORJSON_DEPTH + 1)))


@pytest.mark.parametrize("inner", ["1", "123456789012345678901", '"\\ud800"', "1E+400"])
def test_answers_are_read_whatever_elasticsearch_holds(inner: str) -> None:
    """A thousand levels, and some around them; also where Python has few frames left."""
    text = nested(1010, inner)

    def used(frames: int) -> Any:  # noqa: ANN401
        return used(frames - 1) if frames else read_answer(text)

    limit = sys.getrecursionlimit()
    for found in (read_answer(text), used(limit - 300)):
        assert exact_json.as_text(found) == text
        with pytest.raises(InvalidJson):
            exact_json.dumps(found)
    assert sys.getrecursionlimit() == limit


def test_half_characters_of_answers_are_refused_when_they_are_written() -> None:
    for answer in (b'{"a": "\\ud800"}', b'{"a": "\xed\xa0\x80"}'):
        found = read_answer(answer)
        assert found == {"a": "\ud800"}
        with pytest.raises(InvalidJson, match="half a character"):
            exact_json.dumps(found)
        assert exact_json.as_text(found) == '{"a": "\\ud800"}'
    with pytest.raises(InvalidJson, match="half a character"):
        exact_json.dumps({"\ud800": 1})


@settings(deadline=None)
@given(BYTES)
def test_whatever_comes_is_a_value_that_can_be_written_or_the_one_error(data: bytes) -> None:
    try:
        value = exact_json.loads(data)
    except InvalidJson:
        return
    written = exact_json.dumps_readable(value)
    assert exact_json.loads(written) == value
    assert exact_json.dumps(exact_json.loads(written)) == written
    assert exact_json.loads(exact_json.as_text(value)) == value


@settings(deadline=None)
@given(BYTES)
def test_whatever_elasticsearch_answers_is_a_value_or_the_one_error(data: bytes) -> None:
    try:
        value = read_answer(data)
    except InvalidJson:
        return
    text = exact_json.as_text(value)
    assert text.isascii()
    assert exact_json.as_text(read_answer(text)) == text
    try:
        written = exact_json.dumps_readable(value)
    except InvalidJson:
        return
    assert exact_json.as_text(read_answer(written)) == text


def why_orjson_refuses(text: str) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return error.msg
    return ""


@settings(deadline=None)
@given(TEXTS)
def test_both_ways_of_reading_take_the_same(text: str) -> None:
    """orjson's, and Python's for long numbers: but for what only one of them can hold."""
    try:
        raw = f"[123456789012345678901, {text}]".encode()
    except UnicodeEncodeError:
        return
    try:
        slow = exact_json.loads(raw)[1]
    except InvalidJson as error:
        if "digits" not in str(error):
            with pytest.raises(InvalidJson):
                exact_json.loads(f"[[{text}]]")
        return
    refused = why_orjson_refuses(text)
    if refused:  # a whole number that no float reaches, or what a second key of its name hides
        assert "infinity" in refused or "surrogate" in refused
    else:
        assert orjson.loads(exact_json.dumps(slow)) == orjson.loads(text)


@settings(deadline=None)
@given(st.recursive(st.text() | st.integers(-(2**63), 2**64 - 1), lambda one: st.lists(one)))
def test_a_text_of_json_is_json(value: object) -> None:
    assert json.loads(exact_json.as_text(value)) == value


def test_a_text_of_what_a_table_holds_is_json_too() -> None:
    """Parquet has dates; what is set aside of it is for people to read."""
    assert exact_json.as_text({"at": date(2026, 1, 2), "n": [1.5]}) == (
        '{"at": "2026-01-02", "n": [1.5]}'
    )


MEMORY = """
import resource, sys
from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson
line = b'{"id": 1, "n": ' + b"1" * 30_000_000 + b"}"
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    exact_json.loads(line)
except InvalidJson as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_line_of_digits_takes_little_memory() -> None:
    """30 MB took 5 GB when looked at as a whole."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=120
    )
    reason, grown = done.stdout.splitlines()
    assert reason == f"JSON with a number of more than {MAX_DIGITS} digits"
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    assert int(grown) * unit < 300e6


def test_what_json_cannot_hold() -> None:
    with pytest.raises(TypeError, match="set") as error:
        exact_json.dumps({"a": {1}})
    assert str(error.value.__cause__) == "set is nothing that JSON has"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "not JSON: "),
        ('{"n": 1', "not JSON: "),
        ("[NaN]", "not JSON: "),
        (nested(9000), "nested deeper than Elasticsearch's documents are"),
        (b"\xff", "not JSON: not UTF-8"),
    ],
)
def test_what_is_no_answer_is_named(answer: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidJson) as error:
        read_answer(answer)
    assert str(error.value).startswith(reason)
