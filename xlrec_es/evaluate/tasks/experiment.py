"""One evaluation of `rank` or `search`, on an index and held-out interactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es import __version__
from xlrec_es.errors import SourceError, UnknownItems
from xlrec_es.evaluate.case_search import RULES, TIMEOUT_S, history_of
from xlrec_es.evaluate.catalogue import read_pool, read_titles
from xlrec_es.evaluate.dataset import EvaluationJob, gather, read_split, warnings_of
from xlrec_es.evaluate.metrics import hit_at_k, ndcg_at_k, reciprocal_rank_at_k
from xlrec_es.evaluate.protocol import sampled
from xlrec_es.evaluate.tasks.given_items import GivenItems, area_under_curve, given_items
from xlrec_es.evaluate.tasks.names import RANK
from xlrec_es.evaluate.tasks.pair_report import Values, pair_report
from xlrec_es.evaluate.tasks.queries import QueryCase, query_cases, writers
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.interactions.history import History
from xlrec_es.interactions.likes import Likes
from xlrec_es.recommend.options import LEXICAL, Options
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.recommend.request.text_queries import MAX_CHARACTERS
from xlrec_es.vectors.encoder import Encoder

AUC, NDCG = "auc", "ndcg@10"
RECALL, MRR = "recall", "mrr"

RANKED_BY = (RANK, "popularity", "bm25", "random")
WITH_TASTE, WITHOUT_TASTE, WORDS_ALONE = "with taste", "without taste", "words alone"

Step = Callable[[int], None]
Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Bench:
    """What cases are tried on.

    Attributes:
        client: Of the cluster.
        job: What, and how.
        index: That is searched.
        encoder: That made it, or None.
        step: Called with the number of cases after each.
    """

    client: Elasticsearch
    job: EvaluationJob
    index: str
    encoder: Encoder | None
    step: Step

    def recommender(self, options: Options) -> Recommender:
        """One by these options that takes the histories of cases."""
        return Recommender(
            self.client,
            self.index,
            options=replace(options, rules=RULES),
            encoder=self.encoder,
            timeout_s=TIMEOUT_S,
        )


def run_task(
    client: Elasticsearch,
    job: EvaluationJob,
    task: str,
    *,
    encoder: Encoder | None = None,
    step: Step = lambda _: None,
) -> dict[str, Any]:
    """Evaluate `rank` or `search`.

    Args:
        client: Of the cluster.
        job: What, and how; its pools and `against` do not count.
        task: `rank` or `search`.
        encoder: That made the index, for `search`; None: by words alone.
        step: Called with the number of cases after each.

    Returns:
        The report, ready to be written as JSON; all of it but `seconds` is the same for the same
        index, interactions and job.

    Raises:
        SourceError: There is no case.
        XlrecError: As for `gather`, `Recommender.rank` or `Recommender.search`.
    """
    start = time.perf_counter()
    live = find_live(client, job.index)
    bench = _Bench(client, job, live.searched, encoder, step)
    found = _rank(bench) if task == RANK else _search(bench, live)
    fingerprint = live.meta.fingerprint
    return {
        "program": f"xlrec-es {__version__}",
        "task": task,
        "index": live.name,
        "fingerprint": {**fingerprint.to_meta(), "digest": fingerprint.digest},
        "job": {**asdict(job), "interactions": job.interactions.name},
        **found,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _rank(bench: _Bench) -> dict[str, Any]:
    """Held-out items among drawn ones, by the recommender, popularity, BM25 and chance."""
    job = bench.job
    material = gather(bench.client, job)
    cases = given_items(material.cases, material.pool.works_by_language(), seed=job.seed)
    if not cases:
        raise SourceError("nothing to evaluate: no held-out item has others of its language beside")
    known = material.likes.work[material.parts.training]
    users = np.bincount(known, minlength=len(material.likes.works))
    popular = dict(zip(material.likes.works, users.tolist(), strict=True))
    recommender = bench.recommender(material.options)
    scores: dict[str, list[Scores]] = {name: [] for name in RANKED_BY}
    for one in cases:
        by_user = _order(recommender, one)
        words = _by_words(bench, material.options, one)
        found = (by_user, {i: popular.get(i, 0) for i in one.items}, words)
        for name, by in zip(RANKED_BY, (*found, _by_place(one.items)), strict=True):
            scores[name].append(by)
        bench.step(len(cases))
    systems = {
        name: _values(_of_order(one, by) for one, by in zip(cases, found, strict=True))
        for name, found in scores.items()
    }
    pairs = [[(one.case.source, one.language)] for one in cases]
    report = _report(job, systems, [one.case.user for one in cases], pairs)
    return {"notes": list(material.notes), **report}


def _report(
    job: EvaluationJob,
    systems: Mapping[str, Values],
    users: Sequence[str],
    pairs: Sequence[Sequence[tuple[str, str]]],
) -> dict[str, Any]:
    counts = {"cases": len(users), "users": len(set(users))}
    return {**counts, **pair_report(systems, users, pairs, seed=job.seed)}


def _order(recommender: Recommender, one: GivenItems) -> Scores:
    """The items in the order of `Recommender.rank`; as they were given for an unknown history."""
    try:
        found = recommender.rank(history_of(one.case), one.items, languages=[one.language])
    except UnknownItems:
        return _by_place(one.items)
    return _by_place([item.work for item in found.items])


def _by_place(items: Sequence[str]) -> dict[str, float]:
    """A score for each place, so that the first has the highest."""
    return {item: -float(place) for place, item in enumerate(items)}


def _by_words(bench: _Bench, options: Options, one: GivenItems) -> Scores:
    """BM25 scores of the items; those that share no word with the history have none."""
    size = len(one.items)
    search = replace(options.search.deep_enough(size), only={one.language: one.items})
    by_words = replace(options, weights={LEXICAL: 1.0}, search=search, explain=False)
    none = dict.fromkeys(one.items, 0.0)
    try:
        found = bench.recommender(by_words).recommend(
            history_of(one.case), languages=[one.language], size=size
        )
    except UnknownItems:
        return none
    return {**none, **{item.work: item.score for item in found.items}}


def _of_order(one: GivenItems, scores: Scores) -> dict[str, float]:
    """What the order by these scores is worth; equal ones stay in the order that was drawn."""
    order = sorted(one.items, key=lambda item: -scores[item])
    return {
        AUC: area_under_curve(scores, one.targets),
        NDCG: ndcg_at_k(order, one.targets, 10),
    }


def _values(rows: Iterable[Mapping[str, float]]) -> Values:
    every = list(rows)
    return {name: np.array([row[name] for row in every]) for name in every[0]}


def _search(bench: _Bench, live: LiveIndex) -> dict[str, Any]:
    """Titles in the source language, found in other languages with and without taste."""
    job = bench.job
    pool = read_pool(bench.client, live)
    likes, parts = read_split(job, pool.items, live.meta)
    learned, hidden = _pairs(likes, parts.training), _pairs(likes, ~parts.training)
    everybody = writers(learned, hidden, pool.languages, min_history=job.min_history)
    some = sampled(everybody, job.max_users, seed=job.seed)
    targets = sorted({work for case in some for work in case.targets})
    titles = read_titles(bench.client, live, targets)
    cases = query_cases(some, titles, pool.languages, seed=job.seed)
    if not cases:
        raise SourceError(
            "nothing to evaluate: no held-out item is to be had in the language of its user's "
            "history and in another one, with a title"
        )
    rows: dict[str, list[dict[str, float]]] = {WITH_TASTE: [], WITHOUT_TASTE: []}
    options = job.options()
    recommender = bench.recommender(options)
    words = bench.recommender(replace(options, search_weights={LEXICAL: 1.0}))
    for one in cases:
        others = [language for language in pool.spoken if language != one.case.source]
        history = history_of(one.case)
        rows[WITH_TASTE].append(_found(recommender, one, history, others, job.k))
        rows[WITHOUT_TASTE].append(_found(recommender, one, None, others, job.k))
        if bench.encoder is not None:
            rows.setdefault(WORDS_ALONE, []).append(_found(words, one, None, others, job.k))
        bench.step(len(cases))
    systems = {name: _values(found) for name, found in rows.items()}
    pairs = [[(one.case.source, language) for language in one.languages] for one in cases]
    notes = warnings_of(live, likes, parts)
    if bench.encoder is None:
        notes.append("words alone: give --encoder-url to search across languages by meaning")
    return {"notes": notes, **_report(job, systems, [one.case.user for one in cases], pairs)}


def _pairs(likes: Likes, among: NDArray[np.bool_]) -> Iterator[tuple[str, str]]:
    """User and item of some likes."""
    for row in np.flatnonzero(among):
        yield likes.users[likes.user[row]], likes.works[likes.work[row]]


def _found(
    recommender: Recommender,
    one: QueryCase,
    history: History | None,
    languages: Sequence[str],
    k: int,
) -> dict[str, float]:
    """What one search is worth."""
    text = one.text[:MAX_CHARACTERS]
    found = recommender.search(text, history, languages=languages, size=k)
    works = [item.work for item in found.items]
    return {
        RECALL: hit_at_k(works, {one.item}, k),
        MRR: reciprocal_rank_at_k(works, {one.item}, k),
    }
