"""Works that few have touched inherit indicators from their neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from ingest.indicators import nearest_neighbours
from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import Cosine

# Works 0 to 3 are of one kind, and 4 and 5 of another; 3 and 5 are cold.
VECTORS = np.array(
    [[1, 0, 0.1], [1, 0.1, 0], [1, 0, 0], [1, 0.05, 0.05], [0, 1, 0], [0, 1, 0.05]], np.float32
)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
USERS = np.array([50, 40, 2, 0, 30, 0], np.float32)


def own() -> csr_array:
    weights = np.zeros((6, 6), np.float32)
    weights[0, [1, 4]] = 0.6, 0.2
    weights[1, [0, 2]] = 0.5, 0.1
    weights[2, 0] = 0.4
    weights[4, 0] = 0.3
    return csr_array(weights)


def test_cold_works_inherit_from_their_neighbours_and_warm_ones_do_not() -> None:
    blend = Transfer(neighbours=2).apply(own(), USERS, VECTORS)
    found = blend.indicators.toarray()
    assert blend.provenance.tolist() == ["own", "own", "blended", "inherited", "own", "inherited"]
    assert found[3].argmax() in (0, 1, 2)
    assert found[5, 4] > 0  # its only neighbour speaks itself
    assert found[5, 0] > 0  # and lends what speaks for it
    np.testing.assert_array_equal(found[[0, 1, 4]], own().toarray()[[0, 1, 4]])
    assert found.diagonal().sum() == 0


def test_blending_is_by_evidence() -> None:
    """own x n/(n + kappa) + inherited x kappa/(n + kappa), with nothing inherited but speakers."""
    shares = []
    for users in (0, 3, 27):
        counts = np.array([50, 40, users, 0, 30, 0], np.float32)
        transfer = Transfer(neighbours=1, kappa=3, self_weight=0, min_users=35, full_cosine=1)
        row = transfer.apply(own(), counts, VECTORS).indicators.toarray()[2]
        # Of its two warm neighbours it takes the nearest, as far as that is near.
        lent = own().toarray()[[0, 1]] * (VECTORS[[0, 1]] @ VECTORS[2])[:, None]
        expected = [
            users / (users + 3) * own().toarray()[2] + 3 / (users + 3) * one for one in lent
        ]
        expected = [np.where(np.arange(6) == 2, 0, e) for e in expected]
        shares.append(min(np.abs(row - e).max() for e in expected))
    assert max(shares) < 1e-6


def test_what_is_inherited_counts_as_much_as_its_lenders_are_near() -> None:
    sums = []
    for x in (1.0, 0.5, -0.2):  # cosine of work 3 to work 4, the only one that lends
        vectors = VECTORS.copy()
        vectors[:, 2] = 0
        vectors[3] = 0, x, np.sqrt(1 - x * x)
        lent = own().toarray()
        lent[:4] = 0
        blend = Transfer(speaking=0, full_cosine=0.5).apply(csr_array(lent), USERS, vectors)
        sums.append(float(blend.indicators[[3]].sum()))
    assert sums == pytest.approx([2 * 0.3, 0.3, 0])


def test_nobody_inherits_from_works_without_vectors_or_with_neighbours_switched_off() -> None:
    blind = VECTORS.copy()
    blind[3] = 0
    blend = Transfer().apply(own(), USERS, blind)
    assert blend.provenance[3] == "none"
    off = Transfer(neighbours=0).apply(own(), USERS, VECTORS)
    np.testing.assert_array_equal(off.indicators.toarray(), own().toarray())
    assert off.provenance.tolist() == ["own", "own", "own", "none", "own", "none"]


def test_without_a_single_warm_work_neighbours_still_speak() -> None:
    blend = Transfer().apply(csr_array((6, 6), dtype=np.float32), USERS * 0, VECTORS)
    assert set(blend.provenance) == {"inherited"}
    assert np.isfinite(blend.indicators.data).all()


@pytest.mark.parametrize(("count", "reach"), [(2, 20_000), (3, 100)])
def test_a_shard_learns_its_works_and_those_they_inherit_from(
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
    users = table.sum(axis=0).astype(np.float32)
    transfer = Transfer(neighbours=3, min_users=20)
    everything = np.arange(n, dtype=np.int32)
    whole = transfer.apply(Cosine().learn(likes, everything), users, vectors)
    for number in range(count):
        mine = everything[number::count]
        asked: list[int] = []

        def learn(works: np.ndarray, asked: list[int] = asked) -> csr_array:
            asked.extend(works.tolist())
            return Cosine().learn(likes, works)

        own = transfer.own_of(learn, users, vectors, mine)
        part = transfer.apply(own, users, vectors, mine)
        assert len(asked) == len(set(asked)) < n
        np.testing.assert_allclose(
            part.indicators[mine].toarray(), whole.indicators[mine].toarray(), rtol=1e-3
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

    found = transfer.own_of(learn, USERS, VECTORS, np.array([3], np.int32))
    assert 2 in asked
    blend = transfer.apply(found, USERS, VECTORS, np.array([3], np.int32))
    assert blend.indicators[[3]].toarray()[0] == pytest.approx(empty[2])


def test_both_ways_a_cold_work_speaks_as_its_neighbours_speak() -> None:
    """Work 3 is near to 0, 1 and 2, and 5 near to 4; what 4 and 0 have in common, 5 and 3 have."""
    one_way = Transfer(neighbours=2, self_weight=0, speaking=1)
    before = one_way.apply(own(), USERS, VECTORS).indicators.toarray()
    assert not before[:, [3, 5]].any()
    blend = replace(one_way, both_ways=True).apply(own(), USERS, VECTORS)
    found = blend.indicators.toarray()
    assert found[4, 3] > 0
    assert found[0, 5] > 0
    assert found[3, 5] > 0  # two cold ones
    assert found.diagonal().sum() == 0
    assert blend.provenance.tolist()[4] == "own"
    # Who is known well speaks as before.
    np.testing.assert_allclose(found[:, [0, 1, 4]], before[:, [0, 1, 4]])
    # A neighbor lends as much as it is near: here nearly in full, and twice where half is full.
    np.testing.assert_allclose(
        found[0, 5], before[0, 4] * (VECTORS[5] @ VECTORS[4]) / 0.5, rtol=1e-3
    )


def test_rows_of_a_shard_are_those_of_the_whole_both_ways() -> None:
    transfer = Transfer(neighbours=2, self_weight=0, speaking=1, kappa=5, both_ways=True)
    whole = transfer.apply(own(), USERS, VECTORS).indicators.toarray()
    some = np.array([3, 4], np.int32)
    part = transfer.apply(own(), USERS, VECTORS, some).indicators.toarray()
    np.testing.assert_allclose(part[some], whole[some])
    assert not np.delete(part, some, axis=0).any()
