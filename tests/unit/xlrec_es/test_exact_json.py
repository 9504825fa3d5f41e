"""No number is changed by being read and written."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import orjson
import pytest
from elasticsearch import SerializationError

from xlrec_es import exact_json

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
    "1E+400",
)


@pytest.mark.parametrize("number", AS_THEY_ARE)
@pytest.mark.parametrize("form", ["%s", "[%s]", '{"a": {"b": [1, %s, "x"]}}'])
def test_digits_stay(number: str, form: str) -> None:
    text = form % number
    written = exact_json.dumps(exact_json.loads(text)).decode()
    assert written == text.replace(" ", "")
    assert exact_json.loads(text.encode()) == exact_json.loads(text)


def test_what_json_readers_usually_do_with_them() -> None:
    """Why this is needed."""
    assert isinstance(orjson.loads("123456789012345678901234567890"), float)
    assert isinstance(exact_json.loads("123456789012345678901234567890"), Decimal)
    assert exact_json.loads("1234567890123456789") == 1234567890123456789


def test_no_float_takes_the_slow_way() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 384)).astype(np.float32)
    scales = 10.0 ** rng.integers(-30, 30, size=2000)
    for values in (vectors.tolist(), (rng.normal(size=2000) * scales).tolist()):
        assert not exact_json._has_long_number(orjson.dumps(values))


@pytest.mark.parametrize(
    "text", ["", "{", "[1e400, NaN]", "[18446744073709551616, Infinity]", '[1e400, "\\ud800"]']
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        exact_json.loads(text)


def test_numbers_beyond_all_may_be_refused() -> None:
    for text in ("[1e400]", "[1e400, 18446744073709551616]", "[18446744073709551616, 1e400]"):
        with pytest.raises(json.JSONDecodeError, match="infinity"):
            exact_json.loads(text, endless=False)


def test_what_json_cannot_hold() -> None:
    with pytest.raises(TypeError, match="set"):
        exact_json.dumps({"a": {1}})
    assert exact_json.Serializer().dumps({"a": Decimal("1.10")}) == b'{"a":1.10}'


def test_the_client_names_what_is_no_json_and_takes_an_empty_answer() -> None:
    serializer = exact_json.Serializer()
    assert serializer.loads(b"") is None
    assert serializer.loads(b'{"n": 12345678901234567890}') == {"n": 12345678901234567890}
    with pytest.raises(SerializationError):
        serializer.loads(b'{"n": 1')
