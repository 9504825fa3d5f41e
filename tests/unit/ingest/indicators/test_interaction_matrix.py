"""Interactions: what counts, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from xlrec_es.errors import SourceError, UsageError

NOW_S = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
DAY_S = 86_400
ITEMS = {"a": "a", "b": "b", "c": "c", "a@ja": "a"}


def likes(rows: Sequence[dict[str, Any]], rules: LikeRules | None = None) -> LikeMatrix:
    """Of rows that are texts, as in a CSV file, in two batches."""
    names = list(rows[0])
    columns = {name: [row.get(name) for row in rows] for name in names}
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return collect(table.to_batches(max_chunksize=2), ITEMS, rules or LikeRules(), now_s=NOW_S)


def pairs(*texts: str) -> list[dict[str, Any]]:
    return [{"user": text[0], "item": text[1:]} for text in texts]


def test_a_plain_list_of_pairs_becomes_ones() -> None:
    found = likes(pairs("1a", "1b", "2b"))
    assert found.works == ("a", "b", "c")
    assert found.matrix.toarray().tolist() == [[1, 1, 0], [0, 1, 0]]
    assert found.users.tolist() == [1, 2, 0]
    assert found.report == {"rows": 3, "positive interactions": 3}


def test_documents_count_as_their_works_and_rows_that_say_it_again_once() -> None:
    found = likes(pairs("1a", "1a@ja", "1a"))
    assert found.matrix.toarray().tolist() == [[1, 0, 0]]
    assert found.report["again"] == 2


def test_what_cannot_count_is_counted() -> None:
    found = likes([*pairs("1a", "1zzz"), {"user": None, "item": "a"}, {"user": "1", "item": ""}])
    assert found.report == {
        "rows": 4,
        "unknown item": 1,
        "without user or item": 2,
        "positive interactions": 1,
    }


def test_events_have_weights_and_dislikes_are_no_likes() -> None:
    rows = [
        {"user": "1", "item": "a", "event": "purchase"},
        {"user": "1", "item": "b", "event": "view"},
        {"user": "1", "item": "c", "event": "hide"},
        {"user": "2", "item": "a", "event": "never heard of"},
        {"user": "2", "item": "c", "event": None},
    ]
    found = likes(rows)
    assert found.report["not liked"] == 1
    assert found.report["unknown event: never heard of"] == 1
    [first, second] = found.matrix.toarray()
    assert first[0] / first[1] == pytest.approx(5)
    assert second[2] == first[1]
    assert np.mean(found.matrix.data**2) == pytest.approx(1)


def test_ratings_below_the_least_are_no_likes_and_none_is_one() -> None:
    rows = [{"user": "1", "item": i, "rating": r} for i, r in (("a", "8"), ("b", "6"), ("c", ""))]
    found = likes(rows, LikeRules(min_rating=7))
    assert found.matrix.toarray().tolist() == [[1, 0, 1]]
    assert found.report["not liked"] == 1


@pytest.mark.parametrize("weight", ["-3", "0", "1e9", "inf", "nan", "many", "-1e30"])
def test_absurd_weights_are_set_aside(weight: str) -> None:
    rows = [{"user": "1", "item": "a", "weight": weight}, {"user": "1", "item": "b", "weight": "2"}]
    found = likes(rows)
    assert found.matrix.toarray().tolist() == [[0, 1, 0]]
    reason = "not liked" if weight in ("-3", "0") else "absurd weight or rating"
    assert found.report[reason] == 1


def test_older_likes_weigh_less() -> None:
    ages = {"a": 0, "b": 30, "c": 60}
    rows = [
        {"user": "1", "item": item, "time": str(int(NOW_S - (100 + age) * DAY_S))}
        for item, age in ages.items()
    ]
    found = likes(rows, LikeRules(half_life_days=30))
    [row] = found.matrix.toarray()
    assert (row / row[0]).tolist() == pytest.approx([1, 0.5, 0.25], rel=1e-3)
    assert found.users.tolist() == pytest.approx([1, 0.5, 0.25], rel=1e-3)


@pytest.mark.parametrize(
    "times",
    [
        ["2026-11-23T00:00:00Z", "2026-11-13T00:00:00Z"],
        ["2026-11-23 00:00:00", "2026-11-13"],
        [str(NOW_S - DAY_S), str(NOW_S - 11 * DAY_S)],
        [str((NOW_S - DAY_S) * 1000), str((NOW_S - 11 * DAY_S) * 1000)],
        [datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC)],
        [int(NOW_S - DAY_S), int(NOW_S - 11 * DAY_S)],
    ],
)
def test_times_in_any_form(times: list[Any]) -> None:
    rows = [{"user": "1", "item": i, "time": t} for i, t in zip("ab", times, strict=True)]
    [row] = likes(rows, LikeRules(half_life_days=10)).matrix.toarray()
    assert row[1] / row[0] == pytest.approx(0.5, rel=1e-3)


def test_times_in_the_future_are_taken_for_now() -> None:
    rows = [
        {"user": "1", "item": "a", "time": str(NOW_S + 9999 * DAY_S)},
        {"user": "1", "item": "b", "time": str(NOW_S)},
    ]
    found = likes(rows, LikeRules(half_life_days=1))
    assert found.report["in the future, taken for the latest"] == 1
    assert found.matrix.toarray().tolist() == [[1, 1, 0]]
    assert found.read["until"] == "2026-11-24T00:00:00+00:00"


def test_clocks_may_differ_by_a_day() -> None:
    hours = (23, 25)
    rows = [
        {"user": "1", "item": item, "time": str(NOW_S + ahead * 3600)}
        for item, ahead in zip("ab", hours, strict=True)
    ]
    found = likes(rows)
    assert found.report["in the future, taken for the latest"] == 1
    assert found.read["until"] == "2026-11-24T23:00:00+00:00"


def test_what_is_no_time_is_an_error() -> None:
    with pytest.raises(SourceError, match="neither ISO 8601 nor a number"):
        likes([{"user": "1", "item": "a", "time": "yesterday"}])
    rows = [{"user": "1", "item": i, "time": t} for i, t in (("a", "yesterday"), ("b", "20260101"))]
    assert likes(rows).report["unreadable time"] == 1


def test_a_robot_that_likes_everything_counts_with_its_latest() -> None:
    rows = [
        {"user": "robot", "item": item, "time": str(NOW_S - age * DAY_S)}
        for item, age in (("a", 3), ("b", 1), ("c", 2))
    ]
    found = likes(rows, LikeRules(max_works=2))
    assert found.matrix.toarray().tolist() == [[0, 1, 1]]
    assert found.report["over the limit of a user"] == 1


def test_rare_works_and_short_users_can_be_left_out() -> None:
    rows = pairs("1a", "1b", "2a", "2b", "3a", "3c")
    found = likes(rows, LikeRules(min_users=2, min_works=2))
    assert found.matrix.toarray().tolist() == [[1, 1, 0], [1, 1, 0]]
    assert found.report["item too rare"] == 1
    assert found.report["user too short"] == 1


def test_of_many_without_times_the_same_few_are_drawn() -> None:
    rows = pairs("1a", "1b", "1c", "2a")
    found = likes(rows, LikeRules(max_works=2))
    assert found.report["over the limit of a user"] == 1
    turned = likes(rows[::-1], LikeRules(max_works=2))
    assert turned.digest == found.digest
    assert turned.users.tolist() == found.users.tolist()


def test_different_events_can_add_up_each_once() -> None:
    events = ["view", "view", "cart", "purchase", "hide"]
    rows = [{"user": "1", "item": "a", "event": event} for event in events]
    rows.append({"user": "2", "item": "b", "event": "view"})
    merged, apart = (likes(rows, LikeRules(separate_events=on)) for on in (False, True))
    weights = [found.matrix[0, 0] / found.matrix[1, 1] for found in (merged, apart)]
    assert weights == pytest.approx([5, 1 + 3 + 5])
    assert merged.report == {"rows": 6, "not liked": 1, "again": 3, "positive interactions": 2}
    assert apart.report == {
        "rows": 6,
        "not liked": 1,
        "again": 1,
        "added to another event": 2,
        "positive interactions": 2,
    }


def test_events_can_be_weighed_and_all_others_left_out() -> None:
    rows = [
        {"user": "1", "item": i, "event": e}
        for i, e in zip("abc", ["buy", "view", "zoom"], strict=True)
    ]
    found = likes(rows, LikeRules(events={"buy": 4, "zoom": 2}))
    assert found.matrix.toarray()[0] == pytest.approx(np.array([4, 0, 2]) / np.sqrt(10))
    with pytest.raises(UsageError, match="weight of event 'buy' is nan"):
        LikeRules(events={"buy": float("nan")})


def test_neither_order_nor_the_moment_of_reading_matters() -> None:
    """Machines that share the work must agree on what they learn from."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "user": str(rng.integers(9)),
            "item": "abc"[rng.integers(3)],
            "event": ["view", "purchase"][rng.integers(2)],
            "time": str(int(NOW_S - rng.random() * 900 * DAY_S)),
        }
        for _ in range(60)
    ]
    rules = LikeRules(half_life_days=90, max_works=2)
    names = ("user", "item", "event", "time")

    def read_at(now_s: float, order: Sequence[int]) -> LikeMatrix:
        columns = {name: [rows[n][name] for n in order] for name in names}
        return collect(pa.table(columns).to_batches(), ITEMS, rules, now_s=now_s)

    first = read_at(NOW_S, range(60))
    later = read_at(NOW_S + 3.7 * DAY_S, rng.permutation(60).tolist())
    assert later.digest == first.digest
    assert later.read == first.read
    np.testing.assert_array_equal(later.users, first.users)
    rows[0]["event"] = "like"
    assert read_at(NOW_S, range(60)).digest != first.digest


def test_markets_are_a_column_or_the_languages_of_what_is_liked() -> None:
    rows = pairs("1a@ja", "1b", "2a", "2b")
    named = [
        {**row, "market": market} for row, market in zip(rows, ["x", "y", "x", None], strict=True)
    ]
    found = likes(named).markets
    assert (found.names, found.origin) == (("x", "y"), "column")
    assert found.users.toarray().tolist() == [[2, 0], [0, 1], [0, 0]]
    table = pa.table({name: [row[name] for row in rows] for name in ("user", "item")})
    languages = {"a@ja": "ja", "b": "de"}
    found = collect(
        table.to_batches(), ITEMS, LikeRules(), now_s=NOW_S, languages=languages
    ).markets
    assert (found.names, found.origin) == (("de", "ja"), "language")
    # The first user is at home in either, and the name decides; the second in German.
    assert found.users.toarray().tolist() == [[2, 0], [2, 0], [0, 0]]


def test_nothing_at_all_is_an_empty_matrix() -> None:
    found = collect([], ITEMS, LikeRules(half_life_days=1), now_s=NOW_S)
    assert found.matrix.shape == (0, 3)
    assert found.users.tolist() == [0, 0, 0]


def test_missing_columns_are_named() -> None:
    with pytest.raises(SourceError, match=r"no user, but who, item; .*--field user=NAME"):
        likes([{"who": "1", "item": "a"}])


def test_rules_are_checked() -> None:
    with pytest.raises(UsageError, match="half_life_days"):
        LikeRules(half_life_days=0)
    with pytest.raises(UsageError, match="count from 1"):
        LikeRules(max_works=0)
