"""Histories out of a file, user by user."""

from __future__ import annotations

import gzip
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.interactions import by_user
from xlrec_es.interactions.by_user import InteractionFile, UserGroups
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.interactions.history import History
from xlrec_es.interactions.weighting import EVENT_WEIGHTS

IDS = st.text(st.characters(exclude_characters='\t\n\r"', exclude_categories=["Cs"]), min_size=1)


def histories(
    file: InteractionFile, *, users: int = 3, part_bytes: int = by_user.PART_BYTES
) -> list[tuple[str, History]]:
    with UserGroups(file, events=EVENT_WEIGHTS, part_bytes=part_bytes) as groups:
        return [
            (user, some.history(number))
            for some in groups.batches(users)
            for number, user in enumerate(some.users)
        ]


def write(path: Path, rows: list[str], header: str = "user\titem") -> InteractionFile:
    path.write_text("\n".join([header, *rows]) + "\n")
    return InteractionFile(path)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=60), st.integers(1, 9))
def test_users_come_in_the_order_of_the_file_each_with_all_rows(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], parts: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.tsv"
    file = write(path, ["\t".join(pair) for pair in pairs])
    found = histories(file, part_bytes=1 + path.stat().st_size // parts)
    expected: dict[str, list[str]] = {}
    for user, item in pairs:
        expected.setdefault(user, []).append(item)
    assert [
        (user, [interaction.item for interaction in history.interactions])
        for user, history in found
    ] == list(expected.items())


def test_a_row_says_all_that_an_interaction_holds(tmp_path: Path) -> None:
    rows = ["u\ta\t\t4.5\t\t2026-01-02", "u\tb\tAdd to Cart\t\t-2\t", "u\tc\twatched\t\t2\t"]
    file = write(tmp_path / "rows.tsv", rows, "user\titem\tevent\trating\tweight\ttime")
    [(_, history)] = histories(file)
    liked, cart, watched = history.interactions
    assert (liked.event, liked.rating, liked.weight) == ("view", 4.5, None)
    assert liked.time is not None
    assert liked.time.isoformat() == "2026-01-02T00:00:00+00:00"
    assert (cart.event, cart.rating, cart.weight, cart.time) == ("Add to Cart", None, -2.0, None)
    assert watched.weight == 2, "an event that nobody knows does not matter beside a weight"


def test_json_lines_gzip_and_other_names_are_read(tmp_path: Path) -> None:
    lines = [{"who": {"id": user}, "item": ["a", "b"], "rating": 3.0} for user in (7, 8)]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, lines))))
    found = histories(InteractionFile(path, {"user": "who.id"}))
    assert [(user, history.items) for user, history in found] == [
        ("7", ("a", "b")),
        ("8", ("a", "b")),
    ]
    assert found[0][1].interactions[0].rating == 3


def test_what_does_not_count_is_counted(tmp_path: Path) -> None:
    rows = [
        "u\ta\tview\t\t",
        "\ta\tview\t\t",
        "u\t\tview\t\t",
        "u\ta\tteleported\t\t",
        "u\ta\tview\tmany\t",
        "u\ta\tview\t\t1e300",
        "u\ta\tview\t\t0",
        "u\ta",
    ]
    file = write(tmp_path / "rows.tsv", rows, "user\titem\tevent\trating\tweight")
    with UserGroups(file, events=EVENT_WEIGHTS) as groups:
        [some] = groups.batches(5)
    assert len(some.rows) == 1
    assert {name: count for name, count in groups.report.items() if count} == {
        "rows": 8,
        by_user.WITHOUT: 2,
        "unknown event: teleported": 1,
        by_user.ABSURD_ROW: 2,
        by_user.NO_WEIGHT: 1,
        "another number of cells than the header": 1,
    }


def test_a_file_of_nothing_and_times_of_no_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no interactions"):
        histories(write(tmp_path / "rows.tsv", []))
    file = write(tmp_path / "rows.tsv", ["u\ta\tsoon"], "user\titem\ttime")
    with pytest.raises(SourceError, match="none of the 1 times"):
        histories(file)
    with pytest.raises(UsageError, match="no way to write times"):
        histories(InteractionFile(file.path, time_format="lunar"))
    with pytest.raises(SourceError, match="no field 'item'"):
        histories(write(tmp_path / "rows.tsv", ["u"], "user"))
    assert not list(tmp_path.glob("*xlrec*"))


def peak_bytes(path: Path, users: int) -> int:
    """The most memory that is held at once, while all users are read."""
    draw = np.random.default_rng(0)
    names = [f"user-{number}-with-a-name-of-some-length" for number in range(users)]
    rows = [f"{name}\ti{item}" for item in range(30) for name in names]
    draw.shuffle(rows)
    file = write(path, rows)
    del rows, names
    tracemalloc.start()
    try:
        with UserGroups(file, events=EVENT_WEIGHTS, part_bytes=600_000) as groups:
            assert sum(len(some) for some in groups.batches(256)) == users
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_users(tmp_path: Path) -> None:
    few, many = (peak_bytes(tmp_path / "rows.tsv", users) for users in (1_500, 9_000))
    assert few > 2**20
    assert many < 1.5 * few


def test_forgotten_users_are_counted_and_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.tsv", ["ann\ta", "bob\ta", "ann\tb", "cy\tc"])
    forgotten = Forgotten().with_users(["ann", "eve"])
    with UserGroups(file, events=EVENT_WEIGHTS, forgotten=forgotten) as groups:
        assert [user for some in groups.batches(9) for user in some.users] == ["bob", "cy"]
        assert groups.report[REASON] == 2
        assert groups.items == ("a", "c")


def test_temporary_files_without_room_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "likes.tsv"
    path.write_text("user\titem\n" + "".join(f"u{n}\ti{n}\n" for n in range(1000)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with (
            pytest.raises(UsageError, match=r"^there is no room for temporary files in .*TMPDIR"),
            UserGroups(InteractionFile(path), events=EVENT_WEIGHTS),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
