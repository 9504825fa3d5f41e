"""Whether what is evaluated has seen the targets. Pure.

Four things could have. A history, or what else is known of the user: `target_leaks`. Another
record of a target: `without_twins`. Indicators and the encoder, if likes that are targets were
learned from: both remember which likes they learned from, in `_meta` (`learned_leak`).

A centering cannot: it is the mean direction of each language's texts, and knows of no likes. That
a target's text is among those texts is no leak, for what is to be recommended is in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from xlrec_es.evaluate.protocol import Case, Split, split
from xlrec_es.interactions.likes import Likes
from xlrec_es.vectors.vector import Vector

_SAME_TEXT = 0.9995  # cosine of two raw vectors; what differs is rounding


def target_leaks(cases: Iterable[Case]) -> list[str]:
    """Cases whose targets are known to the recommender, in sentences; there must be none."""
    return [
        f"{sorted(known)[0]!r} is a target of {case.user!r} from {case.source} and among what "
        "is known of this user"
        for case in cases
        if (known := case.targets & {*case.history, *case.seen})
    ]


def without_twins(
    cases: Sequence[Case], works: Sequence[str], raw: Vector
) -> tuple[list[Case], int]:
    """Take away targets whose text is that of a work of the history, word for word.

    Such a target is not recommended but recognized: two records of one thing.

    Args:
        cases: As `make_cases` makes them.
        works: Ids, as many as there are rows.
        raw: Shape (n_works, dims): uncentered unit rows, so that one text has one vector in
            whatever language it is said to be.

    Returns:
        The cases that still have a target, and how many targets were taken away.
    """
    rows = {work: number for number, work in enumerate(works)}
    kept, removed = [], 0
    for case in cases:
        targets = sorted(case.targets)
        known = raw[[rows[work] for work in (*case.history, *case.seen)]]
        nearest = (raw[[rows[work] for work in targets]] @ known.T).max(axis=1)
        own = frozenset(w for w, near in zip(targets, nearest, strict=True) if near < _SAME_TEXT)
        removed += len(targets) - len(own)
        if own:
            kept.append(replace(case, targets=own))
    return kept, removed


CLEAN = "clean"
LEAKY = "leaky"
UNKNOWN = "unknown"
NOTHING_LEARNED = "none"


def indicator_leak(indicators: Mapping[str, Any], likes: Likes, parts: Split) -> str:
    """Whether the index's indicators have seen the targets.

    Args:
        indicators: `_meta.xlrec.indicators`.
        likes: That are evaluated.
        parts: How they are split.

    Returns:
        `none`: there are no indicators; else as `learned_leak`.
    """
    if not indicators:
        return NOTHING_LEARNED
    return learned_leak(indicators.get("learned_from") or {}, likes, parts)


def encoder_leak(encoder: Mapping[str, Any], likes: Likes, parts: Split) -> str:
    """Whether the index's encoder has seen the targets.

    Args:
        encoder: `_meta.xlrec.encoder`. An encoder that was fine-tuned twice has learned twice.
        likes: That are evaluated.
        parts: How they are split.

    Returns:
        `none`: it is not known to have learned from any likes; else the worst of what
        `learned_leak` says.
    """
    states = {learned_leak(known, likes, parts) for known in encoder.get("learned_from", ())}
    worst = (state for state in (LEAKY, UNKNOWN, CLEAN) if state in states)
    return next(worst, NOTHING_LEARNED)


def learned_leak(known: Mapping[str, Any], likes: Likes, parts: Split) -> str:
    """Whether what was learned has seen the targets.

    Args:
        known: What is remembered of the likes that were learned from; see `training_note`, or with
            `digest` and `until` alone.
        likes: That are evaluated.
        parts: How they are split.

    Returns:
        `clean`: it was learned from the training part, or from a part of it, or from what happened
        before the cut-off; `leaky`: from likes that are held out here; `unknown`: from others.
    """
    training = likes.digest(parts.training)
    if training in (known.get("digest"), known.get("whole")):
        return CLEAN
    if known.get("digest") == likes.digest():
        return LEAKY
    if known.get("whole") == likes.digest():  # these likes, split in another way
        theirs = split(likes, **known["split"]).training
        return LEAKY if (theirs & ~parts.training).any() else CLEAN
    until = known.get("until")
    if until and parts.cut_off:
        before = datetime.fromisoformat(until) < datetime.fromisoformat(parts.cut_off)
        return CLEAN if before else LEAKY
    return UNKNOWN


def training_note(likes: Likes, parts: Split) -> dict[str, Any]:
    """What is remembered of a training part that is learned from, ready for JSON.

    Args:
        likes: All of them.
        parts: How they are split.
    """
    times = likes.time[parts.training]
    timed = len(times) > 0 and not np.isnan(times).any()
    return {
        "digest": likes.digest(parts.training),
        "until": datetime.fromtimestamp(times.max(), UTC).isoformat() if timed else None,
        "whole": likes.digest(),
        "split": {
            "method": parts.method,
            "part": parts.part,
            "seed": parts.seed,
            "cold": parts.cold,
        },
    }
