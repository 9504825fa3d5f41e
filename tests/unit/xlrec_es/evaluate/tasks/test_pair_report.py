"""Reports by pair of languages."""

from __future__ import annotations

import numpy as np
import pytest

from xlrec_es.evaluate.tasks.pair_report import pair_report

USERS = [f"u{n}" for n in range(40)]
PAIRS = [[("de", "en")] if n % 2 else [("de", "en"), ("ja", "en")] for n in range(40)]


def test_systems_are_compared_with_the_first_by_pair() -> None:
    draw = np.random.default_rng(0)
    worse = draw.random(40) / 2
    systems = {"mine": {"auc": worse + 0.25}, "other": {"auc": worse}}
    report = pair_report(systems, USERS, PAIRS, seed=0)
    assert report["systems"]["mine"]["auc"]["mean"] == pytest.approx(worse.mean() + 0.25)
    gap = report["systems"]["other"]["mine is better by"]["auc"]
    assert (gap["low"], gap["high"]) == (pytest.approx(0.25), pytest.approx(0.25))
    assert gap["p_value"] < 0.001
    assert [(p["source"], p["target"], p["cases"], p["users"]) for p in report["pairs"]] == [
        ("de", "en", 40, 40),
        ("ja", "en", 20, 20),
    ]
    [_, japanese] = report["pairs"]
    assert japanese["systems"]["other"]["auc"]["mean"] == pytest.approx(worse[::2].mean())
    assert pair_report(systems, USERS, PAIRS, seed=0) == report
