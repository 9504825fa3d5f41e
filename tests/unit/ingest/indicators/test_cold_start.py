"""Transfer, rounding and partial updates, without a cluster."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from devices import DEVICES
from ingest.cli.main import main
from ingest.indicators import nearest_neighbours
from ingest.indicators.catalogue import Entry, Learned
from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import Cosine
from ingest.indicators.nearest_neighbours import Neighbours
from ingest.indicators.run import update
from xlrec_es.index.indicators import read_indicators, storable

positive = st.floats(min_value=2.0**-125, max_value=2.0**126, width=32)


@given(st.lists(positive, min_size=1))
def test_rounded_weights_have_nine_bits_and_are_near(weights: list[float]) -> None:
    exact = np.array(weights, np.float32)
    rounded = storable(exact)
    assert not (rounded.view(np.uint32) & 0x7FFF).any()  # what Lucene cuts off
    assert (np.abs(rounded - exact) <= exact / 512).all()
    np.testing.assert_array_equal(storable(rounded), rounded)


def test_weights_too_small_to_be_written_become_the_smallest_that_can() -> None:
    assert storable(np.array([1e-44, 0], np.float32)).tolist() == [np.finfo(np.float32).tiny] * 2


def test_indicators_are_read_in_either_form() -> None:
    assert read_indicators({"a.b": 1.0}) == {"a.b": 1.0}
    assert read_indicators([{"a.b": 1.0}]) == {"a.b": 1.0}
    assert read_indicators([]) == read_indicators(None) == {}


# Works 0 to 3 are of one kind, and 4 and 5 of another; 3 and 5 are cold.
VECTORS = np.array(
    [[1, 0, 0.1], [1, 0.1, 0], [1, 0, 0], [1, 0.05, 0.05], [0, 1, 0], [0, 1, 0.05]], np.float32
)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
PERSONS = np.array([50, 40, 2, 0, 30, 0], np.float32)


def own() -> csr_array:
    weights = np.zeros((6, 6), np.float32)
    weights[0, [1, 4]] = 0.6, 0.2
    weights[1, [0, 2]] = 0.5, 0.1
    weights[2, 0] = 0.4
    weights[4, 0] = 0.3
    return csr_array(weights)


def test_cold_works_borrow_from_their_neighbours_and_warm_ones_do_not() -> None:
    blend = Transfer(neighbours=2).apply(own(), PERSONS, VECTORS)
    found = blend.indicators.toarray()
    assert blend.provenance.tolist() == ["own", "own", "blended", "borrowed", "own", "borrowed"]
    assert found[3].argmax() in (0, 1, 2)
    assert found[5, 4] > 0  # its only neighbour speaks itself
    assert found[5, 0] > 0  # and lends what speaks for it
    np.testing.assert_array_equal(found[[0, 1, 4]], own().toarray()[[0, 1, 4]])
    assert found.diagonal().sum() == 0


def test_blending_is_by_evidence() -> None:
    """own x n/(n + kappa) + borrowed x kappa/(n + kappa), with nothing borrowed but speakers."""
    shares = []
    for persons in (0, 3, 27):
        counts = np.array([50, 40, persons, 0, 30, 0], np.float32)
        transfer = Transfer(neighbours=1, kappa=3, self_weight=0, min_persons=35, full_cosine=1)
        row = transfer.apply(own(), counts, VECTORS).indicators.toarray()[2]
        # Of its two warm neighbours it takes the nearest, as far as that is near.
        lent = own().toarray()[[0, 1]] * (VECTORS[[0, 1]] @ VECTORS[2])[:, None]
        expected = [
            persons / (persons + 3) * own().toarray()[2] + 3 / (persons + 3) * one for one in lent
        ]
        expected = [np.where(np.arange(6) == 2, 0, e) for e in expected]
        shares.append(min(np.abs(row - e).max() for e in expected))
    assert max(shares) < 1e-6


def test_what_is_borrowed_counts_as_much_as_its_lenders_are_near() -> None:
    sums = []
    for x in (1.0, 0.5, -0.2):  # cosine of work 3 to work 4, the only one that lends
        vectors = VECTORS.copy()
        vectors[:, 2] = 0
        vectors[3] = 0, x, np.sqrt(1 - x * x)
        lent = own().toarray()
        lent[:4] = 0
        blend = Transfer(speaking=0, full_cosine=0.5).apply(csr_array(lent), PERSONS, vectors)
        sums.append(float(blend.indicators[[3]].sum()))
    assert sums == pytest.approx([2 * 0.3, 0.3, 0])


def test_nobody_borrows_from_works_without_vectors_or_with_neighbours_switched_off() -> None:
    blind = VECTORS.copy()
    blind[3] = 0
    blend = Transfer().apply(own(), PERSONS, blind)
    assert blend.provenance[3] == "none"
    off = Transfer(neighbours=0).apply(own(), PERSONS, VECTORS)
    np.testing.assert_array_equal(off.indicators.toarray(), own().toarray())
    assert off.provenance.tolist() == ["own", "own", "own", "none", "own", "none"]


def test_without_a_single_warm_work_neighbours_still_speak() -> None:
    blend = Transfer().apply(csr_array((6, 6), dtype=np.float32), PERSONS * 0, VECTORS)
    assert set(blend.provenance) == {"borrowed"}
    assert np.isfinite(blend.indicators.data).all()


@pytest.mark.parametrize("device", DEVICES)
def test_nearest_is_exact_and_leaves_out_the_work_itself(device: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    among = np.arange(200) % 3 > 0
    works = np.array([5, 3, 77], np.int32)
    groups = ((among, 7), (np.arange(200) < 100, 4))
    nearest = Neighbours(vectors, device).of(works, *groups)
    for (allowed, k), found in zip(groups, nearest, strict=True):
        for row, work in zip(found.toarray(), works, strict=True):
            cosines = np.where(allowed & (np.arange(200) != work), vectors @ vectors[work], -2)
            expected = np.sort(np.argsort(-cosines)[:k])
            assert np.flatnonzero(row).tolist() == expected.tolist()
            np.testing.assert_allclose(row[expected], cosines[expected], rtol=1e-5)


def test_a_gpu_that_is_not_there_is_missed_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    command = ["indicators", "no such file", "--index", "shop", "--device", "cuda"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "PyTorch finds no cuda device here" in done.stderr


def test_in_a_large_catalogue_nearly_all_neighbours_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(60, 32))
    vectors = (topics[rng.integers(0, 60, 3000)] + 0.8 * rng.normal(size=(3000, 32))).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    among = np.arange(3000) % 4 > 0
    works = rng.permutation(3000)[:200].astype(np.int32)
    [exact] = Neighbours(vectors).of(works, (among, 20))
    monkeypatch.setattr(nearest_neighbours, "REACH", 300)
    monkeypatch.setattr(nearest_neighbours, "CELL", 25)
    [found] = Neighbours(vectors).of(works, (among, 20))
    assert found.shape == exact.shape
    common = found.multiply(exact > 0)
    np.testing.assert_allclose(common.data, exact.multiply(found > 0).data, rtol=1e-5)
    assert common.nnz > 0.95 * exact.nnz
    assert not found[:, ~among].nnz


@pytest.mark.parametrize(("count", "reach"), [(2, 20_000), (3, 100)])
def test_a_shard_learns_its_works_and_those_they_borrow_from(
    count: int, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gets for its works what a single machine gets for all."""
    monkeypatch.setattr(nearest_neighbours, "REACH", reach)
    monkeypatch.setattr(nearest_neighbours, "CELL", 10)
    rng = np.random.default_rng(0)
    n = 300
    vectors = rng.normal(size=(n, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = rng.random((400, n)) < rng.pareto(1.5, n) / 30
    likes = csr_array(table.astype(np.float32))
    persons = table.sum(axis=0).astype(np.float32)
    transfer = Transfer(neighbours=3, min_persons=20)
    everything = np.arange(n, dtype=np.int32)
    whole = transfer.apply(Cosine().learn(likes, everything), persons, vectors)
    for number in range(count):
        mine = everything[number::count]
        asked: list[int] = []

        def learn(works: np.ndarray, asked: list[int] = asked) -> csr_array:
            asked.extend(works.tolist())
            return Cosine().learn(likes, works)

        own = transfer.own_of(learn, persons, vectors, mine)
        part = transfer.apply(own, persons, vectors, mine)
        assert len(asked) == len(set(asked)) < n
        np.testing.assert_allclose(
            part.indicators[mine].toarray(), whole.indicators[mine].toarray(), rtol=1e-5
        )
        assert (part.provenance[mine] == whole.provenance[mine]).all()
        others = np.setdiff1d(everything, mine)
        assert part.indicators[others].nnz == 0


def test_a_lender_without_indicators_is_replaced_by_the_next() -> None:
    """That a work has none is only known once it has been learned."""
    empty = own().toarray()
    empty[[0, 1]] = 0  # the nearest neighbours of work 3
    transfer = Transfer(neighbours=1, self_weight=0, full_cosine=float(VECTORS[3] @ VECTORS[2]))
    asked: list[int] = []

    def learn(works: np.ndarray) -> csr_array:
        asked.extend(works.tolist())
        return csr_array(empty[works])

    found = transfer.own_of(learn, PERSONS, VECTORS, np.array([3], np.int32))
    assert 2 in asked
    blend = transfer.apply(found, PERSONS, VECTORS, np.array([3], np.int32))
    assert blend.indicators[[3]].toarray()[0] == pytest.approx(empty[2])


ENTRY = Entry("doc", 0, "en", None, "")


def test_an_update_replaces_the_indicators_that_are_there() -> None:
    """A list takes the old one's place; an object would be merged into it."""
    learned = Learned({"a.b": 0.5}, "own", 3, 0.25, {"DE": 0.5})
    action, body = map(json.loads, update(ENTRY, learned, "gen").body.splitlines())
    assert action == {"update": {"_id": "doc", "retry_on_conflict": 3}}
    assert body["doc"]["xlrec"] == {
        "indicators": [{"a.b": 0.5}],
        "indicators_from": "own",
        "evidence": 3,
        "generation": "gen",
        "popularity": 0.25,
        "market_popularity": [{"DE": 0.5}],
    }
    nothing = Learned({}, "none", 0, None)
    _, body = map(json.loads, update(ENTRY, nothing, "gen").body.splitlines())
    assert body["doc"]["xlrec"]["indicators"] == []
    assert not {"popularity", "market_popularity"} & body["doc"]["xlrec"].keys()


@pytest.mark.parametrize(
    "other",
    [
        Learned({"a": 0.5, "b": 1.5}, "own", 3, 0.25),
        Learned({"a": 0.5}, "own", 3, 0.25),
        Learned({"a": 0.5, "b": 1}, "blended", 3, 0.25),
        Learned({"a": 0.5, "b": 1}, "own", 4, 0.25),
        Learned({"a": 0.5, "b": 1}, "own", 3, None),
        Learned({"a": 0.5, "b": 1}, "own", 3, 0.25, {"DE": 0.5}),
        Learned({"a": 0.5}, "own", 3, 0.25, {"b": 1}),
    ],
)
def test_the_digest_tells_what_changed(other: Learned) -> None:
    learned = Learned({"a": 0.5, "b": 1}, "own", 3, 0.25)
    assert learned.digest == Learned({"b": 1, "a": 0.5}, "own", 3, 0.25).digest
    assert learned.digest != other.digest
