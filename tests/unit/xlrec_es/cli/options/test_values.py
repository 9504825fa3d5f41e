from __future__ import annotations

import re

import pytest

from xlrec_es.cli.options.values import name_and_value, parse_numbers, parse_pairs
from xlrec_es.errors import ConfigError, UsageError


def test_the_first_equals_sign_parts_a_name_from_its_value() -> None:
    assert name_and_value("--field", "user=who=id", form="NAME=FIELD") == ("user", "who=id")


@pytest.mark.parametrize("text", ["", "user", "user=", "=who"])
def test_what_to_write_is_said_where_a_name_or_its_value_is_missing(text: str) -> None:
    said = re.escape(f"--field {text}: write NAME=FIELD")
    with pytest.raises(ConfigError, match=said):
        name_and_value("--field", text, form="NAME=FIELD")


def test_a_pair_may_be_a_name_alone() -> None:
    assert parse_pairs("--language", ("en=0.7", "de")) == {"en": 0.7, "de": None}


@pytest.mark.parametrize("text", ["=0.5", "dense="])
def test_a_number_belongs_to_a_name(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--weight {text}: write NAME=NUMBER")):
        parse_numbers("--weight", (text,))
