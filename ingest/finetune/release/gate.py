"""Whether a tuned encoder is better than its base: in all, and for no pair of languages worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ingest.encode.model_files import ModelFiles
from ingest.encode.model_record import ACCEPTED, FORCED, REJECTED
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.release.model_card import Card
from xlrec_es.evaluate.evaluator import MetricValues, recall_by_pair
from xlrec_es.evaluate.significance import Difference, Interval, bootstrap, compare, plain
from xlrec_es.evaluate.vectorized_fusion import Ranked
from xlrec_es.languages import UNDETERMINED
from xlrec_es.vectors.vector import Vector

MIN_USERS = 50
"""A pair of languages with fewer is shown, and not judged."""

LEVEL = 0.05
_DRAWS = 10_000  # so that a p-value can be as small as dozens of pairs need it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says.

    Attributes:
        reasons: Why the tuned model is refused, in sentences; none if it is accepted.
        centering: The tuned model's, as chosen; see `choose`.
        base_centering: The base's.
        recall: recall@k by model and centering, on the users that it was judged by.
        gain: Tuned less base, each with its chosen centering.
        pairs: The same for each pair of languages, ready for JSON.
        k: Places of a list that count.
    """

    reasons: tuple[str, ...]
    centering: str
    base_centering: str
    recall: Mapping[tuple[str, str], Interval]
    gain: Difference
    pairs: Sequence[Mapping[str, Any]]
    k: int

    def rows(self) -> list[dict[str, str]]:
        """`recall` as a table."""
        return [
            {"model": model, "centering": method, f"recall@{self.k}": shown(interval)}
            for (model, method), interval in self.recall.items()
        ]


def summary(
    written: ModelFiles, base: ModelFiles, status: str, verdict: Verdict, judging: Examination
) -> dict[str, Any]:
    """What every training tells of its model in the end, ready for JSON.

    Args:
        written: The model.
        base: What it was made from.
        status: One of `ACCEPTED`, `REJECTED` and `FORCED`.
        verdict: The gate's.
        judging: What the gate judged by.
    """
    return {
        "folder": str(written.folder),
        "revision": written.revision,
        "base": base.name,
        "status": status,
        "reasons": list(verdict.reasons),
        "centering": verdict.centering,
        "k": judging.k,
        "users": len({case.user for case in judging.cases}),
        "results": verdict.rows(),
        "gain": plain(verdict.gain),
        "pairs": list(verdict.pairs),
    }


def judged(card: Card, data: TrainingSet, verdict: Verdict, *, force: bool) -> Card:
    """A card with what every training tells: languages, what it learned from, and the verdict.

    Args:
        card: With what is its own.
        data: What was learned from.
        verdict: Of the gate.
        force: Whether the model is to be accepted all the same.
    """
    return replace(
        card,
        languages=tuple(sorted(set(data.documents.languages) - {UNDETERMINED})),
        centering=verdict.centering,
        status=status(verdict.reasons, force=force),
        reasons=verdict.reasons,
        data=card.data or {"texts": len(data.documents.texts), "works": len(data.works)},
        results=verdict.rows(),
        details={**card.details, "By source and target language": verdict.pairs},
    )


def shown(interval: Interval) -> str:
    """For people: the mean, and its interval in brackets."""
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def status(reasons: Sequence[str], *, force: bool) -> str:
    """One of `ACCEPTED`, `REJECTED` and `FORCED`.

    Args:
        reasons: Why a model is refused; see `Verdict`.
        force: Whether a user accepts it all the same.
    """
    if not reasons:
        return ACCEPTED
    return FORCED if force else REJECTED


def choose(examination: Examination, raw: Vector) -> tuple[str, float]:
    """The centering with the most recall, and its recall.

    Args:
        examination: Users to choose by.
        raw: Shape (n_documents, dims), unit rows.
    """
    found = {
        method: float(examination.recall(examination.lists(vectors)).mean())
        for method, vectors in examination.centered(raw).items()
    }
    best = max(found, key=lambda method: found[method])
    return best, found[best]


def judge(
    choosing: Examination, judging: Examination, base: Vector, tuned: Vector, *, seed: int
) -> Verdict:
    """Compare the two, each with the centering that suits it.

    Args:
        choosing: Users that the centerings are chosen by.
        judging: Other users.
        base: Shape (n_documents, dims), unit rows of the base model, not centered.
        tuned: Likewise, of the tuned one.
        seed: Of the intervals.
    """
    users = [case.user for case in judging.cases]
    chosen, recall, lists = {}, {}, {}
    for model, raw in (("base", base), ("tuned", tuned)):
        chosen[model], _ = choose(choosing, raw)
        for method, vectors in judging.centered(raw).items():
            found = judging.lists(vectors)
            recall[model, method] = bootstrap(judging.recall(found), users, seed=seed)
            if method == chosen[model]:
                lists[model] = found
    gain = compare(judging.recall(lists["tuned"]), judging.recall(lists["base"]), users, seed=seed)
    pairs, worse = _pairs(judging, lists["base"], lists["tuned"], seed)
    reasons = list(worse)
    if not gain.interval.low > 0:
        reasons.insert(
            0,
            f"it is not significantly better than its base: recall@{judging.k} changes by "
            f"{shown(gain.interval)}",
        )
    return Verdict(tuple(reasons), chosen["tuned"], chosen["base"], recall, gain, pairs, judging.k)


def _pairs(
    judging: Examination, base: Sequence[Ranked], tuned: Sequence[Ranked], seed: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Each pair of languages, and in sentences those that lost.

    Many pairs are looked at, so each must be the less probable by chance (Bonferroni).
    """
    languages = judging.languages
    before = recall_by_pair(judging.cases, base, languages, judging.k)
    after = recall_by_pair(judging.cases, tuned, languages, judging.k)
    judged = sum(len(set(users)) >= MIN_USERS for users, _ in before.values())
    rows, worse = [], []
    for (source, target), (users, values) in before.items():
        n_users = len(set(users))
        now: MetricValues = after[source, target][1]
        change = bootstrap(now - values, users, seed=seed)
        rows.append(
            {
                "pair": f"{source} → {target}",
                "users": n_users,
                "base": float(np.mean(values)),
                "tuned": float(np.mean(now)),
                "change": shown(change),
            }
        )
        if n_users < MIN_USERS or change.high >= 0:
            continue
        found = compare(now, values, users, seed=seed, draws=_DRAWS)
        if found.p_value < LEVEL / judged:
            worse.append(f"from {source} to {target} it is worse than its base: {shown(change)}")
    return rows, worse
