"""Weights and profile options learned from likes: searched once, tried often, checked on others.

Users are drawn into two groups. On the first, a coordinate search finds weights and profile
options in each round of a cross-validation; the options that most rounds found, and the mean of
those rounds' weights, are proposed, or one retriever alone if that does as well. On the second,
which nothing was learned from, the proposal must beat what is served at present beyond the noise,
or it is not taken.

Each number of interests takes a round of searches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.errors import UsageError
from xlrec_es.evaluate.case_search import answers
from xlrec_es.evaluate.dataset import (
    FEW_USERS,
    FINETUNE,
    LEARN,
    EvaluationJob,
    Material,
    check_size,
    gather,
)
from xlrec_es.evaluate.evaluator import NDCG, RECALL
from xlrec_es.evaluate.leakage import LEAKY, NOTHING_LEARNED
from xlrec_es.evaluate.protocol import COLD_POOL, Case, draw_order
from xlrec_es.evaluate.significance import bootstrap, compare, plain
from xlrec_es.evaluate.vectorized_fusion import RetrieverScores, Values
from xlrec_es.evaluate.weight_search import (
    CASCADED,
    Objective,
    ProfileOptions,
    Setting,
    cross_validate,
    proposal,
    rounded,
)
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.recommend.options import CASCADE, COLLABORATIVE, WEIGHTED
from xlrec_es.recommend.request.plan import default_interests, retrievers_of

CHECKED = 0.3
"""Part of the users that the proposal is checked on."""


def run(
    client: Elasticsearch,
    job: EvaluationJob,
    *,
    measure: str = RECALL,
    interests: Sequence[int] = (),
    dry_run: bool = False,
    step: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Find weights and options, check them, and write them into `_meta.xlrec` if they are better.

    Args:
        client: Of the cluster.
        job: On which likes, and what lists are like.
        measure: `recall` (of k) or `ndcg@10`; the mean over the job's pools is made large.
        interests: Numbers of interests that are tried besides the present one.
        dry_run: Whether nothing is to be written.
        step: Called with the number of searches of a case after each of them.

    Returns:
        The report, ready to be written as JSON.

    Raises:
        UsageError: The index's indicators or encoder have seen the targets; too few users; the
            cold pool alone is asked for.
        XlrecError: As for `dataset.gather`.
    """
    begun = time.perf_counter()
    job = replace(job, pools=tuple(kind for kind in job.pools if kind != COLD_POOL))
    if not job.pools:
        raise UsageError("weights are for lists of all works; tune with --pool both")
    if not dry_run:
        find_live(client, job.index, to_write=True)
    material = gather(client, job)
    check_size(job, material)
    _refuse(material)
    retrievers = [
        retriever
        for retriever in retrievers_of(material.live)
        if retriever != COLLABORATIVE or material.indicators != NOTHING_LEARNED
    ]
    weights = material.fusion.weights
    profile = ProfileOptions(default_interests(material.live, weights))
    start = (profile, rounded([weights.get(retriever, 0.0) for retriever in retrievers]))
    before = (profile, CASCADED) if material.fusion.kind == CASCADE else start
    tuning, checking = (
        Objective(retrievers, measure=measure, k=job.k, mix=job.mix) for _ in range(2)
    )
    groups = _groups(material.cases, seed=job.seed)
    rounds = list(dict.fromkeys((before[0], *map(ProfileOptions, interests))))
    for profile in rounds:
        for case, values in _found(client, job, material, retrievers, profile):
            objective = tuning if groups[case.user] == "tuning" else checking
            objective.add(case, values, profile)
            step(len(rounds) * len(material.cases))
    users = [case.user for case in material.cases if groups[case.user] == "tuning"]
    others = [case.user for case in material.cases if groups[case.user] == "checking"]
    folds, unseen = cross_validate(tuning, users, start, seed=job.seed)
    proposed = proposal(tuning, folds, unseen)
    gain = compare(checking(proposed), checking(before), others, seed=job.seed)
    accepted = proposed != before and gain.interval.low > 0
    in_pools = {
        pool: _in_pool(job, retrievers, checking, number, others, (before, proposed))
        for number, pool in enumerate(job.pools)
    }
    report = {
        "index": material.live.name,
        "measure": measure if measure == NDCG else f"{measure}@{job.k}",
        "pools": list(job.pools),
        "mix": job.mix,
        "seed": job.seed,
        "users": {"tuning": len(set(users)), "checking": len(set(others))},
        "before": _fusion(retrievers, before),
        "proposed": _fusion(retrievers, proposed),
        "folds": [dict(zip(retrievers, weights, strict=True)) for _, weights in folds],
        "options": {
            "before": asdict(before[0]),
            "proposed": asdict(proposed[0]),
            "folds": [asdict(profile) for profile, _ in folds],
            "tried": [asdict(profile) for profile in tuning.profiles],
        },
        "gain in cross-validation": plain(compare(unseen, tuning(before), users, seed=job.seed)),
        "gain on other users": plain(gain),
        "on other users": in_pools,
        "accepted": accepted,
        "written": accepted and not dry_run,
        "notes": [*material.notes, *_worse_than_a_retriever(in_pools)],
        "trials": tuning.trials,
    }
    if report["written"]:
        _write(client, material, report)
    return report | {"seconds": round(time.perf_counter() - begun, 1)}


def _fusion(retrievers: Sequence[str], setting: Setting) -> dict[str, Any]:
    """How retrievers are fused in a setting; a cascade has no weights."""
    _, weights = setting
    kind = CASCADE if weights == CASCADED else WEIGHTED
    return {"fusion": kind, "weights": dict(zip(retrievers, weights, strict=bool(weights)))}


def _refuse(material: Material) -> None:
    if material.encoder == LEAKY:
        raise UsageError(
            "the index's encoder was fine-tuned on the very likes that weights would be learned "
            f"from, so the dense retriever would get too much; {FINETUNE}"
        )
    if material.indicators == LEAKY:
        raise UsageError(
            "the index's indicators were learned from the very likes that weights would be "
            f"learned from, so the collaborative retriever would get too much; {LEARN}"
        )
    users = len({case.user for case in material.cases})
    if users < FEW_USERS:
        raise UsageError(
            f"{users} users have a test case; to learn weights takes {FEW_USERS} or more"
        )


def _groups(cases: Sequence[Case], *, seed: int) -> dict[str, str]:
    """Which group each user is in."""
    order = draw_order((case.user for case in cases), seed=seed)
    checked = round(CHECKED * len(order))
    return {p: "checking" if number < checked else "tuning" for number, p in enumerate(order)}


def _found(
    client: Elasticsearch,
    job: EvaluationJob,
    material: Material,
    retrievers: Sequence[str],
    profile: ProfileOptions,
) -> Iterator[tuple[Case, list[Values]]]:
    """Each case's candidates in each pool."""
    options = replace(
        material.options,
        weights=dict.fromkeys(retrievers, 1.0),
        max_interests=profile.max_interests,
    )
    cases, languages = material.cases, material.languages
    found = answers(client, material.live.searched, cases, options=options, languages=languages)
    for case, searched in zip(cases, found, strict=True):
        assert searched is not None, "a history is of items of this very index"
        scores = RetrieverScores.of(searched)
        yield case, [scores.narrowed(case.languages(pool, languages)) for pool in job.pools]


def _in_pool(
    job: EvaluationJob,
    retrievers: Sequence[str],
    objective: Objective,
    pool: int,
    users: Sequence[str],
    settings: tuple[Setting, Setting],
) -> dict[str, Any]:
    """What the present setting, the proposed one and each retriever alone are worth in one pool."""
    before, proposed = settings
    alone = {
        f"{retriever} alone": (proposed[0], tuple(float(retriever == one) for one in retrievers))
        for retriever in retrievers
    }
    cascade = {CASCADE: (proposed[0], CASCADED)} if COLLABORATIVE in retrievers else {}
    worth = {
        name: objective.by_pool(some)[:, pool]
        for name, some in {"proposed": proposed, "before": before, **cascade, **alone}.items()
    }
    best = max(alone, key=lambda name: float(worth[name].mean()))
    return {
        "systems": {
            name: plain(bootstrap(values, users, seed=job.seed)) for name, values in worth.items()
        },
        "best retriever": best,
        "proposed is better than it by": plain(
            compare(worth["proposed"], worth[best], users, seed=job.seed)
        ),
    }


def _worse_than_a_retriever(in_pools: Mapping[str, Any]) -> list[str]:
    """Where a retriever alone is significantly better than what is proposed, in sentences."""
    return [
        f"{pool} pool: {found['best retriever']} is better than what is proposed by "
        f"{-gap['mean']:.3f} [{-gap['high']:.3f}, {-gap['low']:.3f}]"
        for pool, found in in_pools.items()
        if (gap := found["proposed is better than it by"])["high"] < 0
    ]


def _write(client: Elasticsearch, material: Material, report: Mapping[str, Any]) -> None:
    # Other things of _meta may have changed meanwhile.
    live = find_live(client, material.live.name)
    evidence = {
        **{name: report[name] for name in ("measure", "pools", "mix", "seed", "users", "before")},
        "options before": report["options"]["before"],
        "gain": report["gain on other users"],
        "likes": material.likes.digest(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **Forgotten.from_meta(material.live.meta.forgotten).as_note,
    }
    proposed = report["proposed"]
    weights = {}
    if proposed["fusion"] == WEIGHTED:
        weights = with_untried(proposed["weights"], material.fusion.weights)
    options = dict(live.meta.options)
    if report["options"]["proposed"] != report["options"]["before"]:
        options = report["options"]["proposed"]
    if COLLABORATIVE in report["folds"][0]:  # without indicators there is no cascade to try
        options = {**options, "fusion": proposed["fusion"]}
    meta = replace(live.meta, weights=weights, options=options, tuning=evidence)
    update_meta(client, live, meta)


def with_untried(proposed: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """The weights to serve with: a retriever that could not be tried keeps its share of the whole.

    Without indicators the collaborative retriever finds nothing, and counts for nothing; once they
    are learned, it has its weight.

    Args:
        proposed: Of the retrievers that were tried, adding up to 1.
        before: Of all retrievers.
    """
    total = sum(before.values())
    untried = {
        retriever: w / total
        for retriever, w in before.items()
        if retriever not in proposed and w > 0
    }
    rest = 1 - sum(untried.values())
    # Where indicators will carry nearly all of it, what is left is small.
    return {
        retriever: float(f"{w * rest:.3g}") for retriever, w in proposed.items() if w > 0
    } | untried
