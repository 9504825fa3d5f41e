"""What this program says of a model that it made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.encode.model_record import RECORD, measured_centering


@pytest.mark.parametrize(
    ("record", "method"),
    [
        ({"centering": "center"}, "center"),
        ({"centering": "none"}, "none"),
        ({"centering": None}, None),
        ({}, None),
        # Of programs before 1.0.
        ({"calibration": "centre"}, "center"),
        ({"calibration": "none"}, "none"),
        ({"calibration": None}, None),
    ],
)
def test_the_centering_that_measured_best(
    record: dict[str, str | None], method: str | None, tmp_path: Path
) -> None:
    (tmp_path / RECORD).write_text(json.dumps(record))
    assert measured_centering(str(tmp_path)) == method


def test_of_another_model_nothing_was_measured(tmp_path: Path) -> None:
    assert measured_centering(str(tmp_path)) is None
    assert measured_centering("someone/model") is None
