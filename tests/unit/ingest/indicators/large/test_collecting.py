"""Interactions by way of a folder: to the last bit what they are in memory."""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.large import collecting, mapped_matrix, sorted_rows
from ingest.indicators.large.collecting import collect_on_disk
from ingest.indicators.large.on_disk import OnDisk
from ingest.indicators.learners import LEARNERS
from ingest.indicators.learners.sparse_blocks import BothWays
from xlrec_es.errors import IngestError, SourceError, UsageError
from xlrec_es.interactions.forgotten import Forgotten

NOW_S = 1_790_000_000
ITEMS = {str(n): str(n // 2) for n in range(60)}
LANGUAGES = {str(n): ("en", "de", "ja")[n % 3] for n in range(40)}
RULES = {
    "plain": LikeRules(),
    "old ones count less": LikeRules(half_life_days=30),
    "events apart": LikeRules(separate_events=True, half_life_days=100),
    "rare and short and busy": LikeRules(min_users=60, min_works=4, max_works=12),
    "ratings": LikeRules(min_rating=3),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a few users, so that there are many."""
    monkeypatch.setattr(collecting, "BLOCK_ROWS", 500)
    monkeypatch.setattr(sorted_rows, "BLOCK_ROWS", 64)
    monkeypatch.setattr(mapped_matrix, "BLOCK_ENTRIES", 100)


def batches(*, markets: bool = False, rows: int = 6000) -> list[pa.RecordBatch]:
    """Rows of all kinds, in batches: of busy users and shy ones, twice, of no user or unknown."""
    draw = np.random.default_rng(3)
    users = np.where(draw.random(rows) < 0.1, 7, draw.integers(0, 250, rows))
    columns: dict[str, Any] = {
        "user": [None if n % 97 == 0 else f"user {one}" for n, one in enumerate(users.tolist())],
        "item": [str(n) for n in draw.integers(0, 70, rows)],
        "event": draw.choice(["view", "cart", "purchase", "hide", "odd"], rows).tolist(),
        "rating": draw.choice(["", "1", "3", "5", "x"], rows).tolist(),
        "time": [None if n % 7 == 0 else int(NOW_S - n) for n in draw.integers(0, 10**7, rows)],
    }
    if markets:
        columns["market"] = draw.choice(["DE", "JP", ""], rows).tolist()
    table = pa.table(columns)
    return table.to_batches(max_chunksize=170)


def in_memory(parts: list[pa.RecordBatch], rules: LikeRules) -> LikeMatrix:
    return collect(parts, ITEMS, rules, now_s=NOW_S, languages=LANGUAGES)


def by_folder(parts: list[pa.RecordBatch], rules: LikeRules, folder: Path) -> LikeMatrix:
    return collect_on_disk(
        parts, ITEMS, rules, now_s=NOW_S, languages=LANGUAGES, on_disk=OnDisk(folder)
    )


def same(one: csr_array, other: csr_array) -> bool:
    """To the last bit, and in the same types."""
    return one.shape == other.shape and all(
        getattr(one, name).dtype == getattr(other, name).dtype
        and np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("indptr", "indices", "data")
    )


@pytest.mark.parametrize("markets", [False, True], ids=["languages", "markets"])
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
def test_it_is_what_memory_makes_of_the_same_rows(
    rules: LikeRules, markets: bool, tmp_path: Path
) -> None:
    parts = batches(markets=markets)
    wanted, found = in_memory(parts, rules), by_folder(parts, rules, tmp_path)
    assert wanted.matrix.nnz > 300
    assert same(found.matrix, wanted.matrix)
    assert same(found.markets.users, wanted.markets.users)
    assert np.array_equal(found.users, wanted.users)
    assert replace(found, matrix=None, users=None, markets=None) == replace(
        wanted, matrix=None, users=None, markets=None
    )
    assert (found.markets.names, found.markets.origin) == (
        wanted.markets.names,
        wanted.markets.origin,
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_learn_the_same_of_it(name: str, tmp_path: Path) -> None:
    parts = batches()
    wanted, found = in_memory(parts, LikeRules()), by_folder(parts, LikeRules(), tmp_path)
    works = np.arange(len(wanted.works), dtype=np.int32)
    learner = LEARNERS[name]()
    assert same(learner.learn(found.matrix, works), learner.learn(wanted.matrix, works))


def test_its_numbers_are_files_and_its_transpose_is_one_too(tmp_path: Path) -> None:
    found = by_folder(batches(), LikeRules(), tmp_path).matrix
    assert isinstance(found, BothWays)
    for matrix in (found, found.by_work):
        for values in (matrix.indices, matrix.data):
            while isinstance(values, np.ndarray):
                values = values.base
            assert isinstance(values, mmap.mmap)
    assert same(found.by_work, csr_array(found.T.tocsr()))


def test_who_is_forgotten_is_left_out_there_too(tmp_path: Path) -> None:
    forgotten = Forgotten().with_users(["user 1", "user 3"])
    rules = LikeRules(forgotten=forgotten)
    wanted, found = in_memory(batches(), rules), by_folder(batches(), rules, tmp_path)
    assert found.report == wanted.report
    assert found.digest == wanted.digest


def test_nothing_is_an_empty_matrix(tmp_path: Path) -> None:
    nothing = pa.RecordBatch.from_pydict({"user": ["1"], "item": ["no item"]})
    for number, parts in enumerate(([], [nothing])):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = by_folder(parts, LikeRules(), folder)
        assert same(found.matrix, in_memory(parts, LikeRules()).matrix)
        assert found.read["until"] is None


def test_baskets_and_rows_without_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave --on-disk out"):
        by_folder([], LikeRules(basket_gap_h=1), tmp_path)
    with pytest.raises(SourceError, match="have no item"):
        by_folder([pa.RecordBatch.from_pydict({"user": ["1"]})], LikeRules(), tmp_path / "..")


def test_a_folder_is_made_and_removed_and_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    with OnDisk(tmp_path).opened() as opened:
        assert opened.folder.parent == tmp_path
        (opened.folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(IngestError, match="name another folder with --on-disk"):
        OnDisk(tmp_path / "missing").opened().__enter__()


def test_a_full_disk_or_too_little_memory_is_an_error_of_ours(tmp_path: Path) -> None:
    parts = batches()
    with pytest.raises(IngestError, match="DuckDB cannot sort the interactions"):
        collect_on_disk(
            parts, ITEMS, LikeRules(), now_s=NOW_S, on_disk=OnDisk(tmp_path, memory_mb=1)
        )
