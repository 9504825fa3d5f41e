from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.errors import SourceError, UsageError
from xlrec_es.experiments.click_logs import COLUMNS, compare_variants, read_clicks, read_log
from xlrec_es.interactions.row_reader import Row, read_rows

N = 400


def rows(path: Path) -> Iterator[Row]:
    return read_rows(path, COLUMNS, {}, needed=("user", "variant", "clicked"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten recommendations for each of 400 users; `b` is clicked twice as often as `a`.

    Half of the rows are shown with a probability of .8 and never clicked, the others with .2.
    """
    rng = np.random.default_rng(0)
    lines = ["customer,variant,clicked,propensity"]
    for user in range(N):
        variant = "ab"[user % 2]
        rate = {"a": 0.2, "b": 0.4}[variant]
        for place in range(10):
            often = place % 2
            clicked = int(not often and rng.random() < rate)
            lines.append(f"p{user},{variant},{clicked},{0.8 if often else 0.2}")
    lines += ["p0,b,1,0.2", ",a,1,1", "p1,b,perhaps,1", "p1,b,1,7"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_variants_of_one_placement_are_compared(tmp_path: Path) -> None:
    """Several are in one log, with other variants or with none; a user may see all of them."""
    log = tmp_path / "shown.csv"
    lines = ["user,variant,clicked,placement"]
    for user in range(200):
        variant = "ab"[user % 2]
        lines.append(f"p{user},{variant},{int(variant == 'b')},home-row")
        lines.append(f"p{user},{'ba'[user % 2]},1,cart")
        lines.append(f"p{user},default,0,")
    log.write_text("\n".join(lines) + "\n")
    arguments = ["compare-logs", str(log), "--json"]
    mixed = CliRunner().invoke(xlrec_es, arguments)
    assert (mixed.exit_code, "3 variants" in mixed.stderr) == (2, True)
    done = CliRunner().invoke(xlrec_es, [*arguments, "--placement", "home-row"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert {name: one["clicks"] for name, one in report["variants"].items()} == {"a": 0, "b": 100}
    assert (report["log"]["rows"], report["left out, saw both"]) == (200, 0)
    none = CliRunner().invoke(xlrec_es, [*arguments, "--placement", "no-such"])
    assert (none.exit_code, "nothing of what was shown" in none.stderr) == (2, True)
    assert CliRunner().invoke(xlrec_es, [*arguments, "--placement", ""]).exit_code != 0


def test_two_variants_are_compared(log: Path) -> None:
    arguments = ["compare-logs", str(log), "--field", "user=customer"]
    done = CliRunner().invoke(xlrec_es, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["left out, saw both"] == 1
    assert report["log"]["absurd click or propensity"] == 2
    assert report["log"]["without user or variant"] == 1
    a, b = report["variants"]["a"], report["variants"]["b"]
    assert (a["users"], a["shown"]) == (N / 2 - 1, 10 * (N / 2 - 1))
    for variant, rate in ((a, 0.1), (b, 0.2)):
        found = variant["click-through rate"]
        assert found["mean"] == variant["clicks"] / variant["shown"]
        assert found["low"] < rate < found["high"]
        # Rows that are shown rarely count four times as much: (4 * rate + 0) / 5 of twice the rate.
        alike = variant["if all were shown alike"]
        assert alike["low"] < 2 * rate * 4 / 5 < alike["high"]
    assert 0 < report["difference"]["low"] < 0.1 < report["difference"]["high"]
    shown = CliRunner().invoke(xlrec_es, arguments)
    assert "b minus a" in shown.output
    assert "1 users saw both" in shown.output


def test_the_same_variant_twice_does_not_differ(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "log.csv"
    lines = [f"p{n},{'ab'[n % 2]},{int(rng.random() < 0.3)}" for n in range(1000)]
    path.write_text("user,variant,clicked\n" + "\n".join(lines))
    report = compare_variants(*read_log(rows(path)), seed=0)
    assert report["difference"]["low"] < 0 < report["difference"]["high"]
    assert "if all were shown alike" not in report["variants"]["a"]


def test_a_click_belongs_to_one_of_what_was_shown() -> None:
    log = [
        {"user": user, "variant": variant, "item": item}
        for user, variant, item in [("p", "a", "x")] * 3 + [("p", "a", "y"), ("q", "b", "x")]
    ]
    clicks = read_clicks([{"user": "p", "item": "x"}, {"user": "q", "item": "z"}])
    shown, report = read_log(log, clicks)
    assert shown["a"].clicked == [1, 0, 0, 0]
    assert shown["b"].clicked == [0]
    assert report == {"rows": 5, "clicks on what was not shown": 1}


def test_a_click_from_before_it_was_shown_is_none_of_it() -> None:
    at = {"early": "2026-01-01T10:00:00Z", "shown": "2026-01-01T11:00:00Z", "late": 1767268800}
    log = [
        {"user": user, "variant": "a", "item": "x", "time": at.get(time)}
        for user, time in (("p", "shown"), ("q", "shown"), ("r", "shown"), ("s", None))
    ]
    clicks = read_clicks(
        {"user": user, "item": "x", "time": at.get(time)}
        for user, time in (
            ("p", "early"),
            ("q", "late"),
            ("q", "early"),
            ("r", None),
            ("s", "early"),
        )
    )
    shown, report = read_log(log, clicks)
    # Where either has no time, nobody knows better.
    assert shown["a"].clicked == [0, 1, 1, 1]
    assert report == {"rows": 4, "clicks on what was not shown": 2}


def test_a_click_may_name_the_item_and_dislikes_are_none() -> None:
    log = [{"user": "p", "variant": "a", "item": f"{n}@de", "work": n} for n in ("x", "y", "z")]
    clicks = read_clicks(
        [
            {"user": "p", "item": "x", "event": "purchase"},
            {"user": "p", "item": "y@de", "event": None},
            {"user": "p", "item": "z", "event": "hide"},
        ]
    )
    shown, report = read_log(log, clicks)
    assert shown["a"].clicked == [1, 1, 0]
    assert report == {"rows": 3}


def test_a_click_belongs_to_the_list_that_it_names() -> None:
    log = [
        {"user": "p", "variant": variant, "item": "x", "query_id": list_id}
        for variant, list_id in (("a", "1"), ("b", "2"), ("c", None), ("d", "4"))
    ]
    clicks = read_clicks(
        {"user": "p", "item": "x", "query_id": list_id} for list_id in ("2", "9", None)
    )
    shown, report = read_log(log, clicks)
    found = {name: one.clicked for name, one in shown.items()}
    # A click without a list goes to the first; a row without one takes what no other list has.
    assert found == {"a": [1], "b": [1], "c": [1], "d": [0]}
    assert report == {"rows": 4}


UBI = [
    {"action_name": "impression", "client_id": "c1", "query_id": "q1", "x": "b",
     "timestamp": "2026-11-01T10:00:00Z", "event_attributes": {
         "object": {"object_id": "7"}, "position": {"ordinal": 1}}},
    {"action_name": "impression", "client_id": "c1", "query_id": "q1", "x": "b",
     "timestamp": "2026-11-01T10:00:00Z", "event_attributes": {
         "object": {"object_id": 8}, "position": {"ordinal": 2}}},
    {"action_name": "impression", "client_id": "c2", "user_id": "ann", "query_id": "q2", "x": "a",
     "timestamp": "2026-11-01T10:00:00Z", "event_attributes": {
         "object": {"object_id": "7"}, "position": {"ordinal": 1}}},
    {"action_name": "click", "client_id": "c1", "query_id": "q1",
     "timestamp": "2026-11-01T10:00:05Z", "event_attributes": {
         "object": {"object_id": "8"}, "position": {"ordinal": 2}}},
    {"action_name": "click", "client_id": "c9", "user_id": "ann", "query_id": "q3",
     "timestamp": "2026-11-01T10:00:05Z", "event_attributes": {
         "object": {"object_id": "7"}, "position": {"ordinal": 1}}},
    {"action_name": "hide", "client_id": "c2", "user_id": "ann", "query_id": "q2",
     "timestamp": "2026-11-01T10:00:05Z", "event_attributes": {
         "object": {"object_id": "7"}, "position": {"ordinal": 1}}},
]  # fmt: skip


def compared(path: Path, *more: str) -> dict[str, list[int]]:
    arguments = ["compare-logs", str(path), "--ubi", "--field", "variant=x", "--json", *more]
    done = CliRunner().invoke(xlrec_es, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["variants"]
    return {name: [one["clicks"], one["shown"], one["users"]] for name, one in found.items()}


def test_a_log_of_ubi_holds_what_was_shown_and_clicked(tmp_path: Path) -> None:
    log = tmp_path / "ubi_events.jsonl"
    log.write_text("\n".join(map(json.dumps, UBI)))
    assert compared(log) == {"a": [0, 1, 1], "b": [1, 2, 1]}


def test_a_log_of_ubi_queries_names_what_was_shown(tmp_path: Path) -> None:
    events, queries = tmp_path / "ubi_events.jsonl", tmp_path / "ubi_queries.jsonl"
    events.write_text("\n".join(json.dumps(one) for one in UBI if one["action_name"] == "click"))
    rows = [
        {"query_id": "q1", "client_id": "c1", "user_query": "", "query_attributes": {"x": "b"},
         "timestamp": "2026-11-01T10:00:00Z", "query_response_hit_ids": ["7", "8"]},
        {"query_id": "q2", "client_id": "c2", "user_query": "", "query_attributes": {"x": "a"},
         "timestamp": "2026-11-01T10:00:00Z", "query_response_hit_ids": ["7"]},
    ]  # fmt: skip
    queries.write_text("\n".join(map(json.dumps, rows)))
    more = ("--clicks", str(events), "--field", "item=query_response_hit_ids")
    assert compared(queries, *more, "--field", "variant=query_attributes.x") == {
        "a": [0, 1, 1], "b": [1, 2, 1]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", SourceError, "says nothing"),
        ("user,variant,clicked\np,a,1\n", UsageError, "1 variants"),
        ("user,variant,clicked\np,a,1\np,b,1\n", UsageError, "no user saw 'a' alone"),
        ("user,variant\np,a\n", SourceError, "no field 'clicked'"),
    ],
)
def test_what_cannot_be_compared_is_named(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(error, match=message):
        compare_variants(*read_log(rows(path)), seed=0)
