"""Noise in all that is learned: how much, in which cells, and what an attacker makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from dp_accounting import ComposedDpEvent, GaussianDpEvent, get_sigma_gaussian
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.stats import beta, kstest, norm

from ingest.indicators import noise
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.learners import LEARNERS
from ingest.indicators.learners.noised_sums import NoisedSums
from ingest.indicators.noise import Privacy, noised, private
from ingest.indicators.popularity import popularity
from ingest.indicators.run import IndicatorJob
from ingest.shard import Shard
from xlrec_es.errors import UsageError
from xlrec_es.index.fields import relation_of

N = 30
WORKS = np.arange(N, dtype=np.int32)


def delta_of(epsilon: float, scale: float) -> float:
    """Theorem 8 of Balle and Wang 2018, at sensitivity 1."""
    inner, outer = 1 / (2 * scale), epsilon * scale
    return float(norm.cdf(inner - outer) - math.exp(epsilon) * norm.cdf(-inner - outer))


def matrix_of(users: list[list[int]], n_works: int = N) -> csr_array:
    rows = np.repeat(np.arange(len(users)), [len(one) for one in users])
    columns = np.concatenate([np.empty(0, int), *map(np.sort, users)]).astype(int)
    return csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(users), n_works))


def some_users(count: int, items: int, *, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(N, rng.integers(1, items + 1), replace=False).tolist() for _ in range(count)]


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
@pytest.mark.parametrize("delta", [1e-9, 1e-5])
def test_the_scale_of_the_noise_is_that_of_balle_and_wang(epsilon: float, delta: float) -> None:
    unit = brentq(lambda scale: delta_of(epsilon, scale) - delta, 0.01, 1000, xtol=1e-13)
    found = Privacy(epsilon, delta, items=5)
    assert found.scales == pytest.approx(
        {
            "pairs": unit * math.sqrt(10) / math.sqrt(0.79),
            "items": unit * math.sqrt(5) / math.sqrt(0.2),
            "users": unit / math.sqrt(0.01),
        },
        rel=1e-6,
    )


def test_all_parts_together_spend_what_was_promised() -> None:
    promised = Privacy(2, 1e-6, items=20)
    parts = [
        GaussianDpEvent(scale / promised.sensitivities[part])
        for part, scale in promised.scales.items()
    ]
    spent = PLDAccountant().compose(ComposedDpEvent(parts)).get_epsilon(1e-6)
    assert spent == pytest.approx(2, rel=1e-3)
    assert sum(noise.SHARES.values()) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(
    users=st.lists(st.lists(st.integers(0, N - 1), unique=True, max_size=6), min_size=1, max_size=9)
)
def test_no_user_moves_the_sums_farther_than_the_noise_is_for(users: list[list[int]]) -> None:
    promised = Privacy(1, items=6)

    def sums(some: list[list[int]]) -> dict[str, NDArray[np.float64]]:
        dense = matrix_of(some).toarray().astype(float)
        pairs = (dense.T @ dense)[np.triu_indices(N, 1)]
        return {"pairs": pairs, "items": dense.sum(0), "users": np.array([len(dense)], float)}

    whole, without = sums(users), sums(users[:-1])
    moved = {part: float(np.linalg.norm(whole[part] - without[part])) for part in whole}
    assert all(moved[part] <= length + 1e-9 for part, length in promised.sensitivities.items())
    if len(users[-1]) == 6:
        assert moved == pytest.approx(promised.sensitivities)


def test_a_user_with_more_items_than_may_count_is_an_error() -> None:
    with pytest.raises(UsageError, match="more than 2 items"):
        noised(matrix_of([[1, 2, 3]]), Privacy(1, items=2), np.random.default_rng(0))


def test_cells_without_users_come_out_as_if_each_had_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where, how many and how large, over many draws, against noise in every cell."""
    monkeypatch.setattr(noise, "_possible", lambda pairs, _: pairs)
    promised, rng = Privacy(1, items=3), np.random.default_rng(1)
    users = matrix_of([[0, 1], [0, 1], [5, 9, 20]])
    scale = promised.scales["pairs"]
    chance = noise.FALSE_PAIRS / (N - 1)
    threshold = scale * norm.isf(chance)
    draws = [noised(users, promised, rng).together for _ in range(400)]
    cells = np.sum([draw.toarray() > 0 for draw in draws], axis=0)
    true = (users.T @ users).toarray()
    empty = (np.triu(np.ones((N, N)), 1) > 0) & (true == 0)
    assert cells[~empty & (np.triu(true, 1) == 0)].sum() == 0
    expected = 400 * chance
    assert abs(cells[empty].mean() - expected) < 5 * math.sqrt(expected / empty.sum())
    assert cells[empty].max() < expected + 6 * math.sqrt(expected)
    for row, column in np.argwhere(np.triu(true, 1) > 0):
        likely = 400 * norm.sf((threshold - true[row, column]) / scale)
        assert abs(cells[row, column] - likely) < 5 * math.sqrt(likely)
    lifted = np.concatenate([draw.toarray()[empty] for draw in draws])
    tail = norm.cdf(lifted[lifted > 0] / scale)
    assert kstest((tail - (1 - chance)) / chance, "uniform").pvalue > 1e-4


def test_the_memory_is_that_of_what_is_kept() -> None:
    n_works = 20_000
    sums = noised(matrix_of([[1, 2]], n_works), Privacy(1, items=2), np.random.default_rng(0))
    assert sums.together.nnz <= 2 * noise.FALSE_PAIRS * n_works
    assert sums.shape[1] == n_works


def likes_of(users: Mapping[str, list[int]], rules: LikeRules | None = None) -> LikeMatrix:
    rows = [(user, f"w{item:02}") for user, items in users.items() for item in items]
    batch = pa.RecordBatch.from_pydict({"user": [u for u, _ in rows], "item": [i for _, i in rows]})
    items = {f"w{number:02}": f"w{number:02}" for number in range(N)}
    return collect([batch], items, rules or LikeRules(max_works=5), now_s=1_790_000_000)


def test_nothing_else_of_the_users_is_left() -> None:
    users = {f"u{n}": items for n, items in enumerate(some_users(20, 5))}
    likes = likes_of(users)
    one, other = (private(likes, Privacy(1, items=5)) for _ in range(2))
    assert isinstance(one.matrix, NoisedSums)
    assert (one.users == one.matrix.counts).all()
    assert dict(one.read) == {}
    assert one.markets.names == ()
    assert one.markets.users.shape == (N, 0)
    assert one.digest != other.digest, "a digest of the rows would tell whether a guess is right"
    assert one.digest != likes.digest
    assert one.owners is None


def exact_sums(likes: csr_array) -> NoisedSums:
    gram = (likes.T @ likes).toarray()
    counts = gram.diagonal().astype(np.float32)
    np.fill_diagonal(gram, 0)
    return NoisedSums(csr_array(gram.astype(np.float32)), counts, likes.shape[0])


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "rp3beta"])
def test_a_learner_makes_of_sums_what_it_makes_of_users(name: str) -> None:
    likes = matrix_of([*some_users(60, 8), *([[1, 2, 3]] * 9)])
    learner = LEARNERS[name]()
    expected = learner.learn(likes, WORKS).toarray()
    np.testing.assert_allclose(
        learner.learn(exact_sums(likes), WORKS).toarray(), expected, rtol=1e-5, atol=1e-8
    )
    assert expected.any()


def test_a_learner_that_walks_over_users_refuses_sums() -> None:
    with pytest.raises(UsageError, match="use --learner local-ease"):
        LEARNERS["rp3beta"]().learn(exact_sums(matrix_of([[1, 2]])), WORKS)


@pytest.mark.parametrize("name", ["local-ease", "ease", "cosine", "llr", "association"])
def test_a_learner_makes_indicators_of_noise(name: str) -> None:
    likes = matrix_of(some_users(60, 5))
    sums = noised(likes, Privacy(1, items=5), np.random.default_rng(0))
    found = LEARNERS[name]().learn(sums, WORKS)
    assert found.shape == (N, N)
    assert np.isfinite(found.data).all()
    assert (found.data > 0).all()


DRAWS = 1000
TARGET = [0, 7, 11, 19, 23]


def published(users: csr_array, promised: Privacy, rng: np.random.Generator) -> list[float]:
    """What of an index speaks of the target: associations of its items, and their popularity."""
    sums = noised(users, promised, rng)
    learned = LEARNERS["cosine"]().learn(sums, WORKS).toarray()
    return [
        float(learned[np.ix_(TARGET, TARGET)].sum()),
        float(popularity(sums.counts)[TARGET].sum()),
    ]


def attacked(epsilon: float, delta: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The likelihood ratios of 1,000 draws with the target and of 1,000 without.

    The attacker knows all other users, and fits what is published in either world to draws of
    their own.
    """
    others = some_users(40, 5, seed=3)
    promised = Privacy(epsilon, delta, items=5)
    rng = np.random.default_rng(5)
    worlds = [matrix_of([*others, TARGET]), matrix_of(others)]
    known, seen = (
        [np.array([published(world, promised, rng) for _ in range(DRAWS)]) for world in worlds]
        for _ in range(2)
    )
    fits = [(one.mean(0), one.std(0) + 1e-9) for one in known]
    ratios = [sum(norm.logpdf(one, *fits[0]).T) - sum(norm.logpdf(one, *fits[1]).T) for one in seen]
    return ratios[0], ratios[1]


def exceeded(epsilon: float, delta: float, ratios: tuple[NDArray[np.float64], ...]) -> float:
    """By how much an attack is surely better than promised: above 0, the promise is broken.

    At each threshold the rate of hits is compared with what the rate of false alarms allows, at
    the ends of intervals that hold both with 99.99%.
    """
    present, absent = ratios
    worst = -1.0
    for threshold in np.quantile(np.concatenate(ratios), np.linspace(0.01, 0.99, 50)):
        hits, alarms = int((present > threshold).sum()), int((absent > threshold).sum())
        least = beta.ppf(1e-4, hits, DRAWS - hits + 1) if hits else 0.0
        most = beta.ppf(1 - 1e-4, alarms + 1, DRAWS - alarms) if alarms < DRAWS else 1.0
        worst = max(worst, float(least - (math.exp(epsilon) * most + delta)))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_an_attack_on_what_is_published_stays_within_the_promise(epsilon: float) -> None:
    assert exceeded(epsilon, 1e-3, attacked(epsilon, 1e-3)) <= 0


@pytest.mark.slow
def test_the_same_attack_breaks_a_promise_that_less_noise_cannot_keep() -> None:
    assert exceeded(1.0, 1e-3, attacked(40.0, 1e-3)) > 0.2


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Privacy(0), "epsilon is 0"),
        (lambda: Privacy(math.inf), "epsilon is inf"),
        (lambda: Privacy(1, 0), "delta is 0"),
        (lambda: Privacy(1, 1), "delta is 1"),
        (lambda: Privacy(1, items=1), "--max-items is 1"),
    ],
)
def test_a_promise_that_is_none_is_refused(make: object, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(("epsilon", "times"), [(1, "2.718 times"), (1000, "e^1000 times")])
def test_the_statement_has_a_number_for_every_epsilon(epsilon: float, times: str) -> None:
    assert times in " ".join(Privacy(epsilon).statement({}))


@pytest.mark.parametrize(
    ("more", "option"),
    [
        ({"popularity": False}, "--keep-popularity"),
        ({"min_co_users": 2}, "--min-co-users"),
        ({"shard": Shard(1, 2)}, "--shard"),
        ({"relation": relation_of("bought-together")}, "--relation"),
        ({"rules": LikeRules(min_users=2)}, "--min-users"),
        ({"rules": LikeRules(half_life_days=3)}, "--half-life"),
    ],
)
def test_what_looks_at_users_without_noise_is_refused(more: dict[str, object], option: str) -> None:
    job = IndicatorJob("", "", privacy=Privacy(1))
    with pytest.raises(UsageError, match=option):
        replace(job, **more)  # type: ignore[arg-type]


def test_the_statement_says_the_numbers() -> None:
    protected, against, not_protected, again, _ = Privacy(1, 1e-6, items=20).statement({})
    assert "(epsilon 1, delta 1e-06)" in protected
    assert "at most 2.718 times as likely" in protected
    assert "all who read the index" in against
    for what in ("encoder", "catalog", "impressions"):
        assert what in not_protected
    assert "This is the first on this index with --epsilon." in again


def test_runs_add_up_as_gaussian_mechanisms_do() -> None:
    """Compared with the accountant of dp-accounting, which adds privacy losses up numerically."""
    noted: dict[str, Any] = {}
    accountant = PLDAccountant()
    for privacy in (Privacy(1), Privacy(1), Privacy(2, 1e-7)):
        noted = {"privacy": privacy.to_meta(noted)}
        accountant.compose(GaussianDpEvent(get_sigma_gaussian(privacy.epsilon, privacy.delta)))
        together = noted["privacy"]["together"]
        expected = accountant.get_epsilon(privacy.delta)
        assert together == {"epsilon": pytest.approx(expected, rel=1e-3), "delta": privacy.delta}
    assert noted["privacy"]["runs"] == [
        {"epsilon": 1, "delta": 1e-6, "times": 2},
        {"epsilon": 2, "delta": 1e-7, "times": 1},
    ]
    assert together["epsilon"] < 4, "less than the sum of the epsilons"
    told = " ".join(Privacy(1).statement(noted))
    assert "This is run 4 on this index with --epsilon" in told
    assert "without --epsilon" not in told


def test_a_run_without_a_promise_is_not_forgotten() -> None:
    """Also where an earlier version noted the last run alone."""
    noted: dict[str, Any] = {"privacy": Privacy(1).to_meta({"generation": "g", "complete": True})}
    for _ in range(2):
        told = " ".join(Privacy(1).statement(noted))
        assert "An earlier run on this index was without --epsilon" in told
        noted = {"privacy": Privacy(1).to_meta(noted)}
    earlier = {"privacy": {"epsilon": 1, "delta": 1e-6, "unit": "user"}}
    assert Privacy(1).to_meta(earlier)["runs"] == [{"epsilon": 1, "delta": 1e-6, "times": 2}]
