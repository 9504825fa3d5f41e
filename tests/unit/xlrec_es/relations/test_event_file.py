"""Events of a file are counted by users and periods, and purchases are found in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from xlrec_es.errors import SourceError, UnknownItems
from xlrec_es.interactions.weighting import is_purchase
from xlrec_es.relations.event_file import FileCounter, FileEvents, read_event_file

END = datetime(2026, 11, 29, tzinfo=UTC)
WEEK = timedelta(weeks=1)
PERIODS = [(END - n * WEEK - WEEK, END - n * WEEK) for n in range(3)]
NAMES = ["user", "item", "event", "market", "time"]


def written(folder: Path, *rows: tuple[str, str, str, str, float]) -> Path:
    """A file of rows whose last cell is how many days before the end it was."""
    path = folder / "events.csv"
    lines = [",".join(NAMES)]
    for *cells, ago in rows:
        lines.append(",".join([*cells, (END - timedelta(days=ago)).isoformat()]))
    path.write_text("\n".join(lines) + "\n")
    return path


def some(folder: Path) -> FileEvents:
    random = np.random.default_rng(4)
    rows = [
        (
            f"u{random.integers(9)}",
            f"i{random.integers(4)}",
            ("view", "purchase", "hide", "")[random.integers(4)],
            ("jp", "us")[random.integers(2)],
            float(random.uniform(0.01, 20.9)),
        )
        for _ in range(400)
    ]
    return read_event_file(written(folder, *rows))


@pytest.mark.parametrize("market", [None, "jp", "fr"])
def test_users_are_counted_once_for_an_item_and_a_period(
    tmp_path: Path, market: str | None
) -> None:
    events = some(tmp_path)
    counter = FileCounter(events, PERIODS, counts=lambda name: name != "hide", market=market)
    found: dict[str, list[set[str]]] = {}
    for line in (tmp_path / "events.csv").read_text().splitlines()[1:]:
        user, item, event, where, time = line.split(",")
        if event == "hide" or market not in (None, where):
            continue
        moment = datetime.fromisoformat(time)
        for number, (start, end) in enumerate(PERIODS):
            if start <= moment < end:
                for name in (item, "all"):
                    found.setdefault(name, [set(), set(), set()])[number].add(user)
    counts = counter.count()
    active = [len(users) for users in found.pop("all", [set(), set(), set()])]
    assert counts.active.tolist() == active
    by_item = dict(zip(counts.items, counts.users.tolist(), strict=True))
    assert by_item == {item: [len(one) for one in periods] for item, periods in found.items()}
    if market is None:
        both = counter.together({"one": ["i0", "i1"], "other": ["i3"]})
        united = [len(a | b) for a, b in zip(found["i0"], found["i1"], strict=True)]
        assert (both["one"].tolist(), both["other"].tolist()) == (united, by_item["i3"])


def test_purchases_are_of_a_day_each_and_a_user_has_a_history(tmp_path: Path) -> None:
    rows = [("ann", "tea", "order", "", 30.1), ("ann", "tea", "view", "", 2.0)]
    events = read_event_file(written(tmp_path, *rows, ("bob", "tea", "order", "", 900.0)))
    assert events.market is None
    assert 0 < (events.end - (END - timedelta(days=2))).total_seconds() < 1
    bought = events.purchases((END - 730 * timedelta(days=1), END), is_purchase)
    assert [bought.items[n] for n in bought.item] == ["tea"]
    assert bought.user.tolist() == [0]
    assert bought.day.tolist() == [(END - timedelta(days=30.1)).timestamp() // 86_400]
    history = events.history("ann").interactions
    assert [(one.item, one.event) for one in history] == [("tea", "order"), ("tea", "view")]
    assert history[1].time == END - timedelta(days=2)
    with pytest.raises(UnknownItems, match="no user 'eve'"):
        events.history("eve")


def test_files_that_cannot_be_counted_are_told(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("user\tproduct\tat\nann\ttea\t1764374400\n\ttea\t1764374400\nbob\ttea\t\n")
    found = read_event_file(path, fields={"item": "product", "time": "at"})
    assert found.report["rows"] == 3
    assert (found.report["without user or item"], found.report["without a time"]) == (1, 1)
    assert (found.events, found.named(is_purchase).tolist()) == ((), [True])
    with pytest.raises(SourceError, match="--field time=NAME"):
        read_event_file(path, fields={"item": "product"})
    path.write_text("user\titem\ttime\nann\ttea\t\n")
    with pytest.raises(SourceError, match="no row with a user, an item and a time"):
        read_event_file(path)
