"""What was shown and not taken: how long it counts, what is asked, and what is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xlrec_es.errors import ConfigError, UsageError
from xlrec_es.interactions.impressions import (
    Shown,
    caps_arguments,
    impressions_body,
    read_impressions,
)

DAY = 86_400.0
NOW = datetime(2026, 5, 10, tzinfo=UTC)
SHOWN = Shown("shown", "ann", window="1d", half_life="2d")
KEYWORDS = {"user": {"keyword": {}}, "time": {"date": {}}}


def test_an_impression_counts_less_and_less() -> None:
    assert SHOWN.factor([0.0]) == 0
    assert SHOWN.factor([DAY]) == 0
    assert SHOWN.factor([3 * DAY]) == pytest.approx(0.5)
    assert SHOWN.factor([5 * DAY]) == pytest.approx(0.75)
    assert SHOWN.factor([3 * DAY, 5 * DAY]) == pytest.approx(0.375)
    assert SHOWN.factor([9 * DAY, DAY / 2]) == 0
    assert SHOWN.factor([SHOWN.lasts_s]) > 0.99


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"index": ""}, "needs the index"),
        ({"user": ""}, "and the user's id"),
        ({"window": "a day"}, "the window 'a day' is none"),
        ({"half_life": "0d"}, "the half_life '0d' is none"),
        ({"window": "9" * 5000 + "d"}, "the window '999.* is none"),
        ({"fields": {"who": "user"}}, "no column 'who'"),
        ({"limit": 0}, "use 1 to 10,000"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, object], said: str) -> None:
    arguments = {"index": "shown", "user": "ann", **changes}
    with pytest.raises(UsageError, match=said):
        Shown(**arguments)  # type: ignore[arg-type]


def test_the_search_is_for_one_user_and_the_time_that_counts() -> None:
    own = Shown("shown", "ann", fields={"user": "who.id", "time": "at", "item": "thing"})
    assert caps_arguments(own) == {"index": "shown", "fields": ["who.id", "at", "who.id.keyword"]}
    known = {"who.id": {"text": {}}, "who.id.keyword": {"keyword": {}}, "at": {"date": {}}}
    body = impressions_body(own, known, NOW)
    since = int((NOW.timestamp() - own.lasts_s) * 1000)
    assert body["query"]["bool"]["filter"] == [
        {"term": {"who.id.keyword": "ann"}},
        {"range": {"at": {"gte": since, "format": "epoch_millis"}}},
    ]
    assert body["fields"] == ["thing", "clicked", {"field": "at", "format": "epoch_millis"}]
    # Nothing is written yet, so that no field is known.
    assert impressions_body(SHOWN, {}, NOW)["size"] == 1000
    with pytest.raises(ConfigError, match="'user' of shown is text, by whose words"):
        impressions_body(SHOWN, {**KEYWORDS, "user": {"text": {}}}, NOW)
    with pytest.raises(ConfigError, match="'time' of shown is no date"):
        impressions_body(SHOWN, {**KEYWORDS, "time": {"keyword": {}}}, NOW)


def row(item: object, days: float, clicked: object = None) -> dict[str, object]:
    fields: dict[str, object] = {"time": [str(int((NOW.timestamp() - days * DAY) * 1000))]}
    if item is not None:
        fields["item"] = item if isinstance(item, list) else [item]
    if clicked is not None:
        fields["clicked"] = [clicked]
    return {"fields": fields}


def test_what_was_taken_does_not_count() -> None:
    hits = [
        row("a", 1),
        row("a", 2, clicked=False),
        row("b", 1),
        row("b", 3, clicked=True),
        row("c", 1, clicked="1"),
        row(7, -1, clicked="no"),
        row(["d", "e"], 4),
        row(None, 1),
        {},
    ]
    assert read_impressions(hits, SHOWN, NOW) == {
        "a": pytest.approx([DAY, 2 * DAY]),
        "7": [0.0],
        "d": pytest.approx([4 * DAY]),
        "e": pytest.approx([4 * DAY]),
    }
