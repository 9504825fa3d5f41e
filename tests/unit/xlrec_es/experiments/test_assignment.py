"""Users and variants."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.experiments.assignment import Experiment

USERS = [f"user-{number}" for number in range(1_000_000)]


@pytest.mark.parametrize(
    "shares", [{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.09, "c": 0.01}, {"a": 0.0, "b": 1.0}]
)
def test_a_million_users_are_divided_by_the_shares(shares: dict[str, float]) -> None:
    experiment = Experiment("home row, November", shares)
    found = Counter(map(experiment.variant_of, USERS))
    for variant, share in shares.items():
        assert found[variant] / len(USERS) == pytest.approx(share, abs=0.001)


def test_another_process_says_the_same() -> None:
    experiment = Experiment("salt", {"a": 0.5, "b": 0.5})
    code = (
        "from xlrec_es.experiments.assignment import Experiment;"
        "one = Experiment('salt', {'a': 0.5, 'b': 0.5});"
        "print(*[one.variant_of(f'user-{n}') for n in range(100)])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == [experiment.variant_of(user) for user in USERS[:100]]


def test_salts_divide_independently() -> None:
    one, other = (Experiment(salt, {"a": 0.5, "b": 0.5}) for salt in ("one", "other"))
    found = Counter((one.variant_of(user), other.variant_of(user)) for user in USERS[:100_000])
    assert all(count / 100_000 == pytest.approx(0.25, abs=0.005) for count in found.values())


def test_a_share_that_grows_moves_no_others() -> None:
    before = Experiment("salt", {"a": 0.1, "b": 0.9})
    after = Experiment("salt", {"a": 0.2, "b": 0.8})
    moved = Counter((before.variant_of(user), after.variant_of(user)) for user in USERS[:100_000])
    assert moved["a", "b"] == 0
    assert moved["b", "a"] / 100_000 == pytest.approx(0.1, abs=0.005)


def test_any_id_has_a_variant() -> None:
    experiment = Experiment("salt", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert {experiment.variant_of(user) for user in ("", "日本", "\ud800", "x" * 10_000)} <= set(
        "abc"
    )


@pytest.mark.parametrize(
    ("salt", "shares", "told"),
    [
        ("", {"a": 1.0}, "salt"),
        ("s", {}, "variants"),
        ("s", {"a": 0.5}, "add up to 0.5"),
        ("s", {"a": 1.5, "b": -0.5}, "the share of 'a' is 1.5"),
        ("s", {"a": float("nan"), "b": 1.0}, "is nan"),
    ],
)
def test_what_is_no_experiment(salt: str, shares: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Experiment(salt, shares)
