"""What is said of how long logs keep rows of users, by what Elasticsearch documents."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.doctor.retention import check_retention, kept_of

PLAIN: dict[str, Any] = {"settings": {"index": {"number_of_shards": "1"}}}
BY_POLICY: dict[str, Any] = {"settings": {"index": {"lifecycle": {"name": "a-month"}}}}


def levels(
    indices: dict[str, Any], lifecycles: dict[str, Any] | None = None
) -> list[tuple[str, str]]:
    return [(one.level, one.message) for one in check_retention("events", indices, lifecycles)]


def test_a_plain_index_without_a_lifecycle_is_a_warning_with_what_to_do() -> None:
    [found] = check_retention("events", {"clicks": PLAIN}, {})
    assert (found.topic, found.level) == ("retention", "warning")
    assert found.message == "events in clicks have no lifecycle: rows of users are kept for ever"
    assert "xlrec-es log-templates --keep-days" in str(found.advice)


def test_a_policy_counts_if_every_index_of_a_pattern_has_one() -> None:
    [one, other] = levels({"clicks-1": BY_POLICY, "clicks-2": PLAIN}, {})
    assert one == ("ok", "events in clicks-1 are kept as the policy a-month says")
    assert other[0] == "warning"


def test_a_data_stream_is_one_log_with_its_own_lifecycle() -> None:
    backing = {f".ds-clicks-{n}": {**PLAIN, "data_stream": "clicks"} for n in range(3)}
    told = {"clicks": {"lifecycle": {"enabled": True, "data_retention": "90d"}}}
    assert levels(backing, told) == [("ok", "events in clicks are kept for 90d at least")]
    [(level, _)] = levels(backing, {"clicks": {}})
    assert level == "warning"
    [(level, message)] = levels(backing, None)
    assert (level, "does not say" in message) == ("warning", True)


@pytest.mark.parametrize(
    ("stream", "kept"),
    [
        ({"lifecycle": {"enabled": True, "data_retention": "90d"}}, "90d"),
        ({"lifecycle": {"data_retention": "90d", "effective_retention": "30d"}}, "30d"),
        ({"lifecycle": {"enabled": False, "data_retention": "90d"}}, None),
        ({"lifecycle": {"enabled": True}}, None),
        ({}, None),
    ],
)
def test_how_long_a_stream_is_kept_is_what_elasticsearch_says(
    stream: dict[str, Any], kept: str | None
) -> None:
    assert kept_of(stream) == kept
