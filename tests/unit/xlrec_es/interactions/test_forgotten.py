"""Users who are left out of everything that is learned."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ingest.indicators.baskets import COLUMNS_OF_BASKETS, by_basket
from ingest.indicators.interaction_matrix import LikeRules, collect
from ingest.indicators.interaction_reader import read
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.interactions.likes import read_likes

ITEMS = {"a": "a", "b": "b"}
ROWS = "user\titem\nann\ta\nbob\ta\nbob\tb\ncy\tb\n"


def test_a_user_is_known_by_a_digest_that_does_not_tell_the_id() -> None:
    some = Forgotten().with_users(["ann", "bob"])
    stored = json.dumps(some.to_meta())
    assert "ann" not in stored
    again = Forgotten.from_meta(json.loads(stored))
    assert again == some
    assert [user in again for user in ("ann", "bob", "cy", "")] == [True, True, False, False]
    assert len(again.with_users(["ann", "cy"]).digests) == 3
    assert again.with_users(["cy"]).salt == some.salt


def test_two_indices_do_not_tell_that_they_mean_the_same_user() -> None:
    one, other = (Forgotten().with_users(["ann"]) for _ in range(2))
    assert one.digests.isdisjoint(other.digests)


def test_an_index_that_forgot_nobody_leaves_nobody_out() -> None:
    nobody = Forgotten.from_meta({})
    assert not nobody
    assert "ann" not in nobody


def test_both_readers_of_likes_leave_the_same_rows_out(tmp_path: Path) -> None:
    path = tmp_path / "likes.tsv"
    path.write_text(ROWS)
    forgotten = Forgotten().with_users(["bob"])
    likes = read_likes(path, ITEMS).without(forgotten)
    matrix = collect(
        read(str(path), {}), ITEMS, LikeRules(forgotten=forgotten), now_s=1_790_000_000
    )
    assert likes.users == ("ann", "cy")
    assert [likes.works[work] for work in likes.work] == ["a", "b"]
    assert likes.report[REASON] == matrix.report[REASON] == 2
    assert likes.report["positive interactions"] == matrix.report["positive interactions"] == 2
    assert matrix.matrix.shape[0] == 2
    # As if the rows had never been there.
    path.write_text("".join(line for line in ROWS.splitlines(True) if "bob" not in line))
    without = read_likes(path, ITEMS)
    assert likes.digest() == without.digest() == matrix.read["digest"]
    np.testing.assert_array_equal(likes.user, without.user)


def test_nobody_left_out_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "likes.tsv"
    path.write_text(ROWS)
    likes = read_likes(path, ITEMS)
    assert likes.without(Forgotten().with_users(["dan"])) is likes


@pytest.mark.parametrize("named", [True, False], ids=["a column", "sessions"])
def test_baskets_of_a_forgotten_user_are_left_out(*, named: bool) -> None:
    columns = {
        "user": ["ann", "ann", "bob", "bob"],
        "item": ["a", "b", "a", "b"],
        "time": [1_700_000_000, 1_700_000_100, 1_700_000_000, 1_700_000_100],
        **({"basket": ["1", "1", "1", "1"]} if named else {}),
    }
    report: Counter[str] = Counter()
    batches = iter([pa.RecordBatch.from_pydict(columns)])
    assert set(columns) <= set(COLUMNS_OF_BASKETS)
    batches, _ = by_basket(batches, report)
    gap = None if named else 1.0
    rules = LikeRules(forgotten=Forgotten().with_users(["bob"]), basket_gap_h=gap)
    found = collect(batches, ITEMS, rules, now_s=1_790_000_000, report=report)
    assert found.report[REASON] == 2
    assert found.matrix.nnz == 2
