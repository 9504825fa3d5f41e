"""What an evaluation or a tuning works on: an index, likes, a split, cases, and no leaks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluate.catalogue import Pool, read_pool
from xlrec_es.evaluate.leakage import (
    LEAKY,
    UNKNOWN,
    encoder_leak,
    indicator_leak,
    target_leaks,
    without_twins,
)
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS, Case, Split, cold_cases, split, split_cases
from xlrec_es.evaluate.vectorized_fusion import Fusion
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.interactions.likes import Likes, read_likes, warning_of
from xlrec_es.recommend.options import (
    AUTO,
    COLLABORATIVE,
    POPULARITY,
    Options,
    SearchOptions,
)
from xlrec_es.recommend.request.plan import retrievers_of

LEARN = (
    "take the training part with --write-training FILE and learn from it: "
    "xlrec-ingest learn FILE --index INDEX"
)

FINETUNE = "evaluate with the split of its xlrec-ingest pairs, or make pairs with this one"

FEW_USERS = 20
"""With fewer, what matters cannot be told from noise."""

_TELLING_PART = 5
"""Lists of a fifth of a pool or less are advised: by chance they find a fifth."""

MAX_TERMS = 65_536
"""Elasticsearch's own `index.max_terms_count`."""


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What is evaluated, and how.

    Attributes:
        interactions: File of interactions; see `likes.read_likes`.
        index: Alias or index.
        against: Another index, such as the live one, that is given the same cases; or None.
        fields: See `likes.read_likes`.
        min_rating: See `likes.read_likes`.
        events: See `likes.read_likes`.
        time_format: See `likes.read_likes`.
        method: See `protocol.split`.
        part: See `protocol.split`.
        cold: See `protocol.split`.
        seed: Of the split, of the users that are drawn, and of the intervals.
        max_users: At most so many users; None: all.
        min_history: Likes in the source language that a case needs.
        k: Length of the lists.
        pools: Some of `protocol.POOLS` and `protocol.COLD_POOL`.
        mix: How languages share the list; see `reranking.share_out`.
        one_language: Each work is taken to be in one of its languages, drawn by the seed.
    """

    interactions: Path
    index: str
    against: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    min_rating: float | None = None
    events: Mapping[str, float] | None = None
    time_format: str | None = None
    method: str | None = None
    part: float = 0.2
    cold: float = 0.0
    seed: int = 0
    max_users: int | None = 500
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
        pool: What it has; of language versions, those that count.
        likes: All likes.
        parts: How they are split.
        cases: Whom is recommended to.
        cold: Works that nobody likes in the training part.
        pools: Those of the job that there are; see `protocol.COLD_POOL`.
        options: How recommendations are made, the weights aside.
        indicators: Whether indicators have seen the targets; see `leakage.indicator_leak`.
        encoder: Whether the encoder has; see `leakage.encoder_leak`.
        notes: What was left out, and what to mind, in sentences.
    """

    live: LiveIndex
    pool: Pool
    likes: Likes
    parts: Split
    cases: tuple[Case, ...]
    cold: frozenset[str]
    pools: tuple[str, ...]
    options: Options
    indicators: str
    encoder: str
    notes: tuple[str, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have documents, sorted."""
        return self.pool.spoken

    @property
    def fusion(self) -> Fusion:
        """How the index is served."""
        return Fusion.of(self.live)

    def cases_of(self, pool: str) -> Sequence[Case]:
        """Whom is recommended to in a pool."""
        return cold_cases(self.cases, self.cold) if pool == COLD_POOL else self.cases

    def options_of(self, pool: str) -> Options:
        """How recommendations are made in a pool: in the cold one nothing else is found."""
        if pool != COLD_POOL:
            return self.options
        only = _only(self.pool, self.cold)
        return replace(self.options, search=replace(self.options.search, only=only))

    def among(self, pool: str) -> NDArray[np.bool_]:
        """Which works compete in a pool, whatever their language, shape (n_works,)."""
        if pool != COLD_POOL:
            return np.ones(len(self.pool.works), bool)
        return np.array([work in self.cold for work in self.pool.works], bool)

    def retrievers(self) -> dict[str, Fusion]:
        """A setting for each retriever alone; popularity is a baseline of its own."""
        has = {COLLABORATIVE: bool(self.live.meta.indicators), POPULARITY: False}
        names = [name for name in retrievers_of(self.live) if has.get(name, True)]
        return {f"{retriever} alone": Fusion({retriever: 1.0}) for retriever in names}


def read_split(
    job: EvaluationJob, items: Mapping[str, str], meta: IndexMeta
) -> tuple[Likes, Split]:
    """Read the interactions of a job, and split them.

    Args:
        job: Which, and how.
        items: Work by item of the index.
        meta: Of the index, which says who is to be left out.

    Raises:
        UsageError: Likes have no time to be split by.
        SourceError: No interactions; none has an item of the index.
    """
    likes = read_likes(
        job.interactions,
        items,
        fields=job.fields,
        min_rating=job.min_rating,
        events=job.events,
        time_format=job.time_format,
    ).without(Forgotten.from_meta(meta.forgotten))
    return likes, split(likes, method=job.method, part=job.part, seed=job.seed, cold=job.cold)


def gather(client: Elasticsearch, job: EvaluationJob, *, with_vectors: bool = True) -> Material:
    """Read the index and the interactions, split them, and look for leaks.

    Args:
        client: Of the cluster.
        job: What is evaluated, and how.
        with_vectors: Whether vectors are read. A split needs none: without them, targets with the
            text of a known work stay in the cases.

    Raises:
        UsageError: The index has one language only; likes have no time to be split by.
        SourceError: No interactions; none has an item of the index; nothing to evaluate.
        XlrecError: As for `find_live`.
    """
    live = find_live(client, job.index)
    pool = _read_pool(client, job, live, with_vectors=with_vectors)
    likes, parts = read_split(job, pool.items, live.meta)
    cases: Sequence[Case] = split_cases(
        likes, parts, pool.languages, min_history=job.min_history, max_users=job.max_users
    )
    options = job.options()
    if job.one_language:
        cases = [replace(case, one_language=True) for case in cases]
        only = _only(pool, pool.works)
        if _most(only) > MAX_TERMS:
            raise UsageError(
                f"{_most(only)} items of one language are {_TOO_MANY}: ingest each item in one "
                "language into an index of its own"
            )
        options = replace(options, search=replace(options.search, only=only))
    if leaks := target_leaks(cases):
        raise SourceError(f"a target has leaked into a history: {leaks[0]}")
    twins = 0
    if with_vectors:
        named = sorted({work for case in cases for work in case.works})
        cases, twins = without_twins(cases, named, pool.raw_directions(named, live.meta.centering))
    if not cases:
        raise SourceError("nothing to evaluate: every target has the text of a work of its history")
    notes = [f"{twins} targets left out: they have the very text of a known work"] if twins else []
    if job.events is None and (warning := warning_of(likes.report)):
        notes.append(warning)
    notes += warnings_of(live, likes, parts)
    material = Material(
        live,
        pool,
        likes,
        parts,
        tuple(cases),
        _cold(likes, parts),
        job.pools,
        options,
        indicator_leak(live.meta.indicators, likes, parts),
        encoder_leak(live.meta.encoder, likes, parts),
        tuple(notes),
    )
    return _without_cold_pool(job, material)


def _read_pool(
    client: Elasticsearch, job: EvaluationJob, live: LiveIndex, *, with_vectors: bool
) -> Pool:
    whole = read_pool(client, live, with_vectors=with_vectors)
    pool = whole.in_one_language(job.seed) if job.one_language else whole
    languages = pool.spoken
    if len(languages) < 2:
        raise UsageError(
            f"{live.name} has documents in one language only ({', '.join(languages) or 'none'}); "
            "recommendations across languages need two"
        )
    return pool


def _cold(likes: Likes, parts: Split) -> frozenset[str]:
    """The works that nobody likes in the training part."""
    users = np.bincount(likes.work[parts.training], minlength=len(likes.works))
    return frozenset(likes.works[work] for work in np.flatnonzero(users == 0))


def _without_cold_pool(job: EvaluationJob, material: Material) -> Material:
    """The cold pool goes if it cannot be searched, or has nothing to tell.

    Raises:
        UsageError: No other pool is asked for.
    """
    if COLD_POOL not in job.pools:
        return material
    cases = material.cases_of(COLD_POOL)
    sources = {case.source for case in cases}
    works = min((_competing(material, COLD_POOL, source) for source in sources), default=0)
    users = len({case.user for case in cases})
    reason = ""
    if users < FEW_USERS:
        reason = f"{users} users have a target that no user likes in the training part"
    elif works < job.k:
        reason = f"it has {works} items for a source language, and lists have {job.k} places"
    elif (most := _most(_only(material.pool, material.cold))) > MAX_TERMS:
        reason = f"its {most} items of one language are {_TOO_MANY}"
    if not reason:
        return material
    others = tuple(kind for kind in job.pools if kind != COLD_POOL)
    if not others:
        raise UsageError(f"there is no cold pool: {reason}; --cold-items makes some")
    told = (f"there is no cold pool: {reason}",) if cases else ()
    return replace(material, pools=others, notes=(*material.notes, *told))


_TOO_MANY = f"more than Elasticsearch takes in a filter ({MAX_TERMS})"


def _only(pool: Pool, some: Collection[str]) -> dict[str, list[str]]:
    """Some works of a pool, by language; for `SearchOptions.only`."""
    among = set(some)
    return {
        language: [work for work in own if work in among]
        for language, own in pool.works_by_language().items()
    }


def _most(works: Mapping[str, Sequence[str]]) -> int:
    return max(map(len, works.values()))


def warnings_of(live: LiveIndex, likes: Likes, parts: Split) -> list[str]:
    """What to mind of an index's indicators and encoder, in sentences.

    Args:
        live: The index.
        likes: That are evaluated.
        parts: How they are split.
    """
    notes = []
    encoder = encoder_leak(live.meta.encoder, likes, parts)
    if encoder == LEAKY:
        notes.append(
            "LEAK: the index's encoder was fine-tuned on likes that are targets here, so the dense "
            "retriever, inherited indicators, and what contains them, look better than they are; "
            f"{FINETUNE}"
        )
    if encoder == UNKNOWN:
        notes.append(
            "the index's encoder was fine-tuned on other likes than these: whether targets were "
            f"among them cannot be told. To be sure, {FINETUNE}"
        )
    indicators = indicator_leak(live.meta.indicators, likes, parts)
    if indicators == LEAKY:
        notes.append(
            "LEAK: the index's indicators were learned from likes that are targets here, so the "
            f"collaborative retriever, and what contains it, looks better than it is; {LEARN}"
        )
    if indicators == UNKNOWN:
        notes.append(
            "the index's indicators were learned from other likes than these: whether targets "
            f"were among them cannot be told. To be sure, {LEARN}"
        )
    if live.meta.indicators and not live.meta.indicators.get("complete", True):
        notes.append("the last run of xlrec-ingest learn was cut short; run it again")
    return notes


def check_size(job: EvaluationJob, material: Material) -> None:
    """Refuse lists that are as long as a pool, which find all of it in any order.

    Raises:
        UsageError: k is not less than a pool has works.
    """
    works, kind, source = _smallest_pool(material)
    if job.k < works:
        return
    told = f"k is {job.k}, but {works} items compete in the {kind} pool for {source}"
    if works < _TELLING_PART:
        raise UsageError(f"{told}: too few for lists to differ; evaluate a larger catalog")
    raise UsageError(
        f"{told}, so that each list finds all of them; a fifth of them or fewer tells systems "
        f"apart: use --k {works // _TELLING_PART} or less"
    )


def largest_k(material: Material) -> int:
    """How long lists may be: shorter than the smallest pool."""
    works, _, _ = _smallest_pool(material)
    return max(1, works - 1)


def _smallest_pool(material: Material) -> tuple[int, str, str]:
    """How many works it has, which kind it is, and the source language that it is for."""
    return min(
        (_competing(material, kind, source), kind, source)
        for kind in material.pools
        for source in {case.source for case in material.cases_of(kind)}
    )


def _competing(material: Material, kind: str, source: str) -> int:
    """How many works compete in a pool for a source language."""
    languages = Case("", source, (), frozenset()).languages(kind, material.languages)
    return int((material.pool.within(languages) & material.among(kind)).sum())
