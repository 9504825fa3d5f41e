"""No association rests on fewer users than was asked for, own or inherited."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ingest.indicators.baskets import by_basket
from ingest.indicators.co_users import CoUsers
from ingest.indicators.cold_start import INHERITED, Transfer
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.learners import LEARNERS, Learner

WORKS = [f"w{number:02}" for number in range(12)]
ITEMS = {work: work for work in WORKS}
ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from(WORKS)), min_size=1, max_size=80
)
"""User, basket of the user, and item."""


def likes_of(rows: list[tuple[int, int, str]], *, baskets: bool) -> LikeMatrix:
    columns = {
        "user": [f"u{user}" for user, _, _ in rows],
        "item": [item for _, _, item in rows],
        **({"basket": [f"b{basket}" for _, basket, _ in rows]} if baskets else {}),
    }
    report: Counter[str] = Counter()
    batches, _ = by_basket(iter([pa.RecordBatch.from_pydict(columns)]), report)
    rules = LikeRules(repeats=100 if baskets else None)
    return collect(batches, ITEMS, rules, now_s=1_790_000_000, report=report)


def counted(rows: list[tuple[int, int, str]], *, baskets: bool) -> np.ndarray:
    """How many users have two items in one basket, or at all, the slow way."""
    users: dict[tuple[str, str], set[int]] = {}
    groups: dict[tuple[int, int], set[str]] = {}
    for user, basket, item in rows:
        groups.setdefault((user, basket if baskets else 0), set()).add(item)
    for (user, _), items in groups.items():
        for one in items:
            for other in items:
                users.setdefault((one, other), set()).add(user)
    return np.array([[len(users.get((a, b), ())) for b in WORKS] for a in WORKS])


@pytest.mark.parametrize("baskets", [False, True], ids=["users", "baskets"])
@settings(deadline=None)
@given(rows=ROWS, least=st.integers(1, 5))
def test_those_of_enough_different_users_stay_and_all_others_are_counted(
    *, baskets: bool, rows: list[tuple[int, int, str]], least: int
) -> None:
    likes = likes_of(rows, baskets=baskets)
    assert (likes.owners is not None) == baskets
    everything = csr_array(np.arange(1, 145, dtype=np.float32).reshape(12, 12))
    enough = counted(rows, baskets=baskets) >= least
    together = CoUsers(likes, least)
    some = np.array([2, 3, 7], np.int32)
    kept = together.keep(csr_array(everything[some]), some)
    np.testing.assert_array_equal(kept.toarray(), np.where(enough, everything.toarray(), 0)[some])
    assert together.left_out == int((~enough[some]).sum())


@pytest.mark.parametrize("learner", [kind() for name, kind in LEARNERS.items()], ids=LEARNERS)
def test_what_cold_start_items_inherit_rests_on_as_many(learner: Learner) -> None:
    random = np.random.default_rng(0)
    rows = [(int(u), 0, WORKS[w]) for u, w in random.integers(0, (30, 11), (180, 2))]
    rows += [(user, 0, work) for user in range(100, 120) for work in (WORKS[0], WORKS[2])]
    rows += [(user, 0, WORKS[5]) for user in range(200, 400)]
    likes = likes_of(rows, baskets=False)
    vectors = np.eye(12, dtype=np.float32)
    vectors[11] = (vectors[0] + vectors[1]) / np.sqrt(2)  # new, and like two others
    everything = np.arange(12, dtype=np.int32)
    least = 3
    together = CoUsers(likes, least)
    transfer = Transfer(neighbours=2, speaking=0, top=12, self_weight=0)
    own = transfer.own_of(
        lambda some: together.keep(learner.learn(likes.matrix, some), some),
        likes.users,
        vectors,
        everything,
    )
    blend = transfer.apply(own, likes.users, vectors)
    enough = counted(rows, baskets=False) >= least
    learned = learner.learn(likes.matrix, everything).toarray() > 0
    assert together.left_out == int((learned & ~enough).sum())
    assert blend.provenance[11] == INHERITED
    inherited = blend.indicators[[11]].indices
    assert len(inherited)
    assert enough[[0, 1]].any(axis=0)[inherited].all()


def test_a_rare_user_does_not_show() -> None:
    """Who knows that somebody liked one item learns nothing of the other that they liked."""
    rows = [(user, 0, item) for user in range(6) for item in ("w00", "w01")]
    secret = [(7, 0, "w00"), (7, 0, "w09")]
    shown = []
    for some in (rows, rows + secret):
        likes = likes_of(some, baskets=False)
        works = np.arange(12, dtype=np.int32)
        learned = LEARNERS["cosine"]().learn(likes.matrix, works)
        assert (9 in learned[[0]].indices) == (some is not rows)
        shown.append(CoUsers(likes, 2).keep(learned, works))
    assert shown[0].indices.tolist() == shown[1].indices.tolist()
