"""What callers are told of errors, and what the log has in its place."""

from __future__ import annotations

import json
import logging

import pytest

from xlrec_es.errors import (
    ClusterError,
    ClusterUnreachable,
    EncoderError,
    IndexNotFound,
    PermissionDenied,
    UsageError,
    XlrecError,
)
from xlrec_es.service.web.problems import members_of, problem_of

NODE, OTHER = "http://es.internal:9200", "https://10.0.0.7:9200/search"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ClusterUnreachable(f"no Elasticsearch at {NODE}, {OTHER} (connection refused)"),
            "no Elasticsearch (connection refused)",
        ),
        (PermissionDenied(f"{NODE} refused: no right"), "Elasticsearch refused: no right"),
        (ClusterError(f"{NODE}, {OTHER} answered 500: no"), "Elasticsearch answered 500: no"),
        (IndexNotFound(f"no such index [x] at {NODE}; make it"), "no such index [x]; make it"),
        (EncoderError(f"the encoder at {NODE} refused: busy"), "the encoder refused: busy"),
        (EncoderError(f"no encoder at {NODE} (gone)"), "no encoder (gone)"),
    ],
)
def test_addresses_are_for_the_log_alone(
    error: XlrecError, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert members_of(error)["detail"] == told
    assert str(error) in caplog.text
    assert json.loads(bytes(problem_of(error).body))["detail"] == told


def test_what_a_caller_sent_is_told_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    error = UsageError("the item http://shop.example:80/7 has no id")
    assert members_of(error)["detail"] == str(error)
    assert caplog.text == ""
