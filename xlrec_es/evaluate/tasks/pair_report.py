"""A report of several systems by pair of languages, each beside the first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.evaluate.significance import bootstrap, compare, plain

Values = Mapping[str, NDArray[np.float64]]
"""By measure, shape (n_cases,)."""


def pair_report(
    systems: Mapping[str, Values],
    users: Sequence[str],
    pairs: Sequence[Sequence[tuple[str, str]]],
    *,
    seed: int,
) -> dict[str, Any]:
    """Every system's measures, over all cases and by pair of languages.

    Args:
        systems: By name; the first is compared with each of the others.
        users: Whose case each is, shape (n_cases,).
        pairs: Source and target languages of each case, which may have several.
        seed: Of the intervals.

    Returns:
        Ready to be written as JSON.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    for number, some in enumerate(pairs):
        for pair in some:
            rows.setdefault(pair, []).append(number)
    return {
        "systems": _systems(systems, users, seed),
        "pairs": [
            {
                "source": source,
                "target": target,
                "cases": len(own),
                "users": len({users[row] for row in own}),
                "systems": _systems(
                    {
                        name: {measure: values[own] for measure, values in found.items()}
                        for name, found in systems.items()
                    },
                    [users[row] for row in own],
                    seed,
                ),
            }
            for (source, target), own in sorted(rows.items())
        ],
    }


def _systems(systems: Mapping[str, Values], users: Sequence[str], seed: int) -> dict[str, Any]:
    first = next(iter(systems))
    report: dict[str, Any] = {}
    for name, found in systems.items():
        report[name] = {
            measure: plain(bootstrap(values, users, seed=seed)) for measure, values in found.items()
        }
        if name != first:
            report[name][f"{first} is better by"] = {
                measure: plain(compare(systems[first][measure], values, users, seed=seed))
                for measure, values in found.items()
            }
    return report
