"""The client reads and writes every number, and names what is no JSON."""

from __future__ import annotations

from decimal import Decimal

import pytest
from elasticsearch import SerializationError

from hostile_json import nested
from xlrec_es.cluster.serializer import Serializer


def test_digits_stay() -> None:
    serializer = Serializer()
    text = b'{"n":[12345678901234567890,123456789012345678901234567890,1E+400]}'
    assert serializer.dumps(serializer.loads(text)) == text
    assert serializer.dumps({"a": Decimal("1.10")}) == b'{"a":1.10}'


def test_an_empty_answer_is_none() -> None:
    assert Serializer().loads(b"") is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"n": 1', "not JSON"),
        (nested(9000), "nested deeper"),
    ],
)
def test_what_is_no_json_is_named(answer: str, reason: str) -> None:
    with pytest.raises(SerializationError) as error:
        Serializer().loads(answer.encode())
    assert reason in str(error.value.errors[0])
