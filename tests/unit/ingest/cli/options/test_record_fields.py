from __future__ import annotations

from typing import Any

import pytest

from ingest.cli.options.record_fields import parse_paths
from xlrec_es.errors import ConfigError
from xlrec_es.records.field_map import FieldMap


def test_assignments_override_a_table() -> None:
    table: dict[str, Any] = {"title": "name", "id": "sku"}
    fields = FieldMap.from_mapping({**table, **parse_paths(["title=label", "text=a, b"])})
    assert (fields.id, fields.title, fields.text) == ("sku", "label", ("a", "b"))


@pytest.mark.parametrize("assignment", ["title", "title=", "=name", ""])
def test_an_assignment_needs_a_name_and_a_path(assignment: str) -> None:
    with pytest.raises(ConfigError, match="write NAME=FIELD"):
        parse_paths([assignment])
