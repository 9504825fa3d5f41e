"""What an evaluation or a tuning works on: an index, likes, a split, cases, and no leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from elasticsearch import Elasticsearch

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluation import (
    LEAKY,
    POOLS,
    UNKNOWN,
    Case,
    Split,
    indicator_leak,
    split,
    split_cases,
    target_leaks,
    without_twins,
)
from xlrec_es.fusion import AUTO
from xlrec_es.indices import LiveIndex, find_live
from xlrec_es.likes import Likes, read_likes
from xlrec_es.plan import WEIGHTS, Options
from xlrec_es.pool import Pool, mean_directions, read_pool
from xlrec_es.query import COLLABORATIVE, DENSE, LEXICAL, SearchOptions

LEARN = (
    "take the training part with --write-training FILE and learn from it: "
    "xlrec-ingest indicators FILE --index INDEX"
)


MAX_TERMS = 65_536
"""Elasticsearch's own `index.max_terms_count`."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is evaluated, and how.

    Attributes:
        interactions: File of interactions; see `likes.read_likes`.
        index: Alias or index.
        against: Another index, such as the live one, that is given the same cases; or None.
        fields: See `likes.read_likes`.
        min_rating: See `likes.read_likes`.
        method: See `evaluation.split`.
        part: See `evaluation.split`.
        seed: Of the split, of the persons that are drawn, and of the intervals.
        max_persons: At most so many persons; None: all.
        min_history: Likes in the source language that a case needs.
        k: Length of the lists.
        pools: Some of `evaluation.POOLS`.
        mix: How languages share the list; see `fusion.share_out`.
        one_language: Each work is taken to be in one of its languages, drawn by the seed.
    """

    interactions: Path
    index: str
    against: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    min_rating: float | None = None
    method: str | None = None
    part: float = 0.2
    seed: int = 0
    max_persons: int | None = 500
    min_history: int = 2
    k: int = 50
    pools: tuple[str, ...] = POOLS
    mix: str = AUTO
    one_language: bool = False

    def options(self) -> Options:
        """How recommendations are made, the weights aside."""
        deep = SearchOptions().deep_enough(self.k)
        return Options(mix=self.mix, explain=False, search=deep)


@dataclass(frozen=True, slots=True)
class Material:
    """What an evaluation or a tuning works on.

    Attributes:
        live: The index.
        pool: What it has; of renditions, those that count.
        likes: All likes.
        parts: How they are split.
        cases: Whom is recommended to.
        options: How recommendations are made, the weights aside.
        indicators: Whether indicators have seen the targets; see `evaluation.indicator_leak`.
        notes: What was left out, and what to mind, in sentences.
    """

    live: LiveIndex
    pool: Pool
    likes: Likes
    parts: Split
    cases: tuple[Case, ...]
    options: Options
    indicators: str
    notes: tuple[str, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have documents, sorted."""
        return tuple(sorted(set(self.pool.language)))

    @property
    def weights(self) -> Mapping[str, float]:
        """Fusion weights that the index is served with."""
        return self.live.meta.weights or WEIGHTS

    def legs(self) -> dict[str, dict[str, float]]:
        """A setting for each leg alone; popularity is a baseline of its own."""
        names = [DENSE, LEXICAL, *([COLLABORATIVE] if self.live.meta.indicators else [])]
        return {f"{leg} alone": {leg: 1.0} for leg in names}


def gather(client: Elasticsearch, job: Job) -> Material:
    """Read the index and the interactions, split them, and look for leaks.

    Raises:
        UsageError: The index has one language only; likes have no time to be split by.
        SourceError: No interactions; none has an item of the index; nothing to evaluate.
        XlrecError: As for `find_live`.
    """
    live = find_live(client, job.index)
    whole = read_pool(client, live)
    pool = whole.in_one_language(job.seed) if job.one_language else whole
    languages = sorted(set(pool.language))
    if len(languages) < 2:
        raise UsageError(
            f"{live.name} has documents in one language only ({', '.join(languages) or 'none'}); "
            "recommendations across languages need two"
        )
    likes = read_likes(job.interactions, pool.items, fields=job.fields, min_rating=job.min_rating)
    parts = split(likes, method=job.method, part=job.part, seed=job.seed)
    cases: Sequence[Case] = split_cases(
        likes, parts, pool.languages, min_history=job.min_history, max_persons=job.max_persons
    )
    options = job.options()
    if job.one_language:
        cases = [replace(case, one_language=True) for case in cases]
        options = replace(options, search=_only(pool, options.search))
    if leaks := target_leaks(cases):
        raise SourceError(f"a target has leaked into a history: {leaks[0]}")
    raw = live.meta.calibration.undo(pool.vectors, pool.language)
    cases, twins = without_twins(
        cases, pool.works, mean_directions(raw, pool.work, len(pool.works))
    )
    if not cases:
        raise SourceError("nothing to evaluate: every target has the text of a work of its history")
    notes = [f"{twins} targets left out: they have the very text of a known work"] if twins else []
    state = indicator_leak(live.meta.indicators, likes, parts)
    notes += warnings_of(state, live)
    return Material(live, pool, likes, parts, tuple(cases), options, state, tuple(notes))


def _only(pool: Pool, search: SearchOptions) -> SearchOptions:
    """Searches that find the works of a pool in its languages alone."""
    works = pool.works_by_language()
    most = max(map(len, works.values()))
    if most > MAX_TERMS:
        raise UsageError(
            f"{most} works of one language are more than Elasticsearch takes in a filter "
            f"({MAX_TERMS}): ingest each work in one language into an index of its own"
        )
    return replace(search, only=works)


def warnings_of(indicators: str, live: LiveIndex) -> list[str]:
    """What to mind of an index's indicators, in sentences.

    Args:
        indicators: See `evaluation.indicator_leak`.
        live: The index.
    """
    notes = []
    if indicators == LEAKY:
        notes.append(
            "LEAK: the index's indicators were learned from likes that are targets here, so the "
            f"collaborative leg, and what contains it, looks better than it is; {LEARN}"
        )
    if indicators == UNKNOWN:
        notes.append(
            "the index's indicators were learned from other likes than these: whether targets "
            f"were among them cannot be told. To be sure, {LEARN}"
        )
    if live.meta.indicators and not live.meta.indicators.get("complete", True):
        notes.append("the last run of xlrec-ingest indicators was cut short; run it again")
    return notes


def check_size(job: Job, material: Material) -> None:
    """Refuse lists that are longer than a pool.

    Raises:
        UsageError: k is more than a pool has works.
    """
    works, kind, source = _smallest_pool(job, material)
    if job.k > works:
        raise UsageError(
            f"k is {job.k}, but the {kind} pool for {source} has {works} works; "
            f"use --k {works} or less"
        )


def largest_k(job: Job, material: Material) -> int:
    """How long lists may be: as long as the smallest pool."""
    works, _, _ = _smallest_pool(job, material)
    return works


def _smallest_pool(job: Job, material: Material) -> tuple[int, str, str]:
    """How many works it has, which kind it is, and the source language that it is for."""
    return min(
        (int(material.pool.within(competing).sum()), kind, source)
        for kind in job.pools
        for source in {case.source for case in material.cases}
        for competing in [Case("", source, (), frozenset()).languages(kind, material.languages)]
    )
