"""Ranked lists out of Elasticsearch for the cases of an evaluation.

Every case is searched once, with every retriever and in every language that any pool needs. From
these answers each setting of the fusion makes its lists, in each pool; see `vectorized_fusion`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from elasticsearch import Elasticsearch

from xlrec_es.errors import UnknownItems, UsageError, XlrecError
from xlrec_es.evaluate.protocol import Case
from xlrec_es.evaluate.vectorized_fusion import Fusion, Ranked, RetrieverScores
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, WeightRules
from xlrec_es.recommend.answer.ranking import Searched
from xlrec_es.recommend.options import OF_EVERY_INDEX, Options
from xlrec_es.recommend.recommender import Recommender

SEEN = "seen"
"""The event of a work that is known, and says nothing: it is left out of lists and no more."""

BATCH = 16
"""Users in a request: with 12 languages and four retrievers they are 768 searches."""

TIMEOUT_S = 120.0

RULES = WeightRules(events={**EVENT_WEIGHTS, SEEN: 0.0})


@dataclass(frozen=True, slots=True)
class Served:
    """Lists of every setting.

    Attributes:
        lists: By pool and setting, one for each case.
        degraded: What Elasticsearch did not answer in full, in sentences.
    """

    lists: Mapping[tuple[str, str], list[Ranked]]
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WantedLists:
    """Which lists.

    Attributes:
        pools: Some of `protocol.POOLS`.
        languages: Of the index.
        size: Length of the lists.
    """

    pools: Sequence[str]
    languages: Collection[str]
    size: int


def history_of(case: Case) -> History:
    """What the recommender is told of a case: every like weighs the same."""
    seen = (Interaction(work, SEEN) for work in case.seen)
    languages = (case.source,) if case.one_language else None
    return History((*map(Interaction, case.history), *seen), languages=languages)


def answers(
    client: Elasticsearch,
    index: str,
    cases: Sequence[Case],
    *,
    options: Options,
    languages: Collection[str],
) -> Iterator[Searched | None]:
    """What Elasticsearch answers, for one case after the other.

    Args:
        client: Of the cluster.
        index: Alias or index.
        cases: Whom to search for.
        options: How; retrievers are searched that have a weight there; without any, those that
            every index has.
        languages: In which.

    Yields:
        None for a case of whose history the index has nothing.

    Raises:
        UsageError: `options.server_side`: weights are tried on what each retriever says.
        XlrecError: As for `Recommender.recommend`.
    """
    if options.server_side:
        raise UsageError(
            "an evaluation fuses here, for Elasticsearch does not say what each retriever found; "
            "leave out server_side"
        )
    every = options.weights or dict.fromkeys(OF_EVERY_INDEX, 1.0)
    search = replace(options.search, evidence=True)  # for cascades among the settings
    with_every_retriever = replace(options, rules=RULES, weights=every, search=search)
    recommender = Recommender(client, index, options=with_every_retriever, timeout_s=TIMEOUT_S)
    histories: Iterable[History] = map(history_of, cases)
    for found in recommender.search_many(histories, languages=languages, batch=BATCH):
        if isinstance(found, UnknownItems):  # of an index that has other works
            yield None
        elif isinstance(found, XlrecError):
            raise found
        else:
            yield found


def serve(
    found: Iterable[RetrieverScores],
    cases: Sequence[Case],
    settings: Mapping[str, Fusion],
    *,
    mix: str,
    wanted: WantedLists,
    step: Callable[[], None] = lambda: None,
) -> Served:
    """Rank each case by each setting, in each pool.

    Args:
        found: What the retrievers say of each of `cases`, in order.
        cases: Whom to serve.
        settings: How retrievers are fused, by the setting's name.
        mix: How languages share a list; see `reranking.share_out`.
        wanted: Which lists.
        step: Called after each case.
    """
    lists: dict[tuple[str, str], list[Ranked]] = {
        (pool, name): [] for pool in wanted.pools for name in settings
    }
    degraded: dict[str, None] = {}
    for case, scores in zip(cases, found, strict=True):
        degraded |= dict.fromkeys(scores.degraded)
        for pool in wanted.pools:
            within = scores.narrowed(case.languages(pool, wanted.languages))
            for name, fusion in settings.items():
                lists[pool, name].append(within.ranked(fusion, mix=mix, size=wanted.size))
        step()
    return Served(lists, tuple(degraded))
