"""One case's retriever scores as arrays: many fusion weights can be tried on one round of searches.

The twin of `fuse` in `xlrec_es.recommend.answer.fusion`, of `cascaded` in `cascade` and of `select`
in `reranking` beside it, in numpy, a hundred times as fast. It is written twice on
purpose: those serve one user and can say why. A test shows that the lists are those of
`Recommender.recommend`, place by place.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xlrec_es.index.live_index import LiveIndex
from xlrec_es.recommend.answer.cascade import by_both, interleaved, mostly, text_places
from xlrec_es.recommend.answer.fusion import level
from xlrec_es.recommend.answer.ranking import Searched, unfused
from xlrec_es.recommend.answer.reranking import share_out
from xlrec_es.recommend.options import (
    AUTO,
    CASCADE,
    COLLABORATIVE,
    DENSE,
    IMAGE,
    IN_ONE_LANGUAGE,
    LEXICAL,
    POPULARITY,
    SPARSE,
    WEIGHTED,
    WEIGHTS,
    Options,
)
from xlrec_es.recommend.request.plan import fusion_of

Ranked = tuple[tuple[str, str], ...]
"""Works, best first, each with the language of the document that was found."""

COLUMNS = (LEXICAL, COLLABORATIVE, POPULARITY, SPARSE, DENSE, IMAGE)
"""Retrievers, in the order in which `ranking.rank` lists them: floats are added up in that
order."""


class Fusion(NamedTuple):
    """How retrievers are fused.

    Attributes:
        weights: By retriever.
        kind: `weighted` or `cascade`.
    """

    weights: Mapping[str, float]
    kind: str = WEIGHTED

    @classmethod
    def of(cls, live: LiveIndex) -> Fusion:
        """How an index is served."""
        return cls(live.meta.weights or WEIGHTS, fusion_of(live, Options()))


@dataclass(frozen=True, slots=True)
class RetrieverScores:
    """What each retriever says of each candidate.

    Attributes:
        works: Of the n candidates, in order of their documents' ids.
        languages: Of the n candidates.
        scores: Shape (n, len(COLUMNS)), the retrievers' own scores; NaN where a retriever did not
            find it.
        degraded: What Elasticsearch did not answer in full, in sentences.
        text_share: See `profile.Profile.text_share`.
        inherited: Rows of items that nobody has liked.
    """

    works: tuple[str, ...]
    languages: tuple[str, ...]
    scores: NDArray[np.float64]
    degraded: tuple[str, ...] = ()
    text_share: float = 1.0
    inherited: frozenset[int] = frozenset()

    @classmethod
    def of(cls, searched: Searched | None) -> RetrieverScores:
        """Read the answers of searches; boosts, caps and diversity are not known here.

        Args:
            searched: Every retriever that any weights will want; None has no candidate.

        Raises:
            XlrecError: As for `ranking.rank`.
        """
        if searched is None:
            return cls((), (), np.empty((0, len(COLUMNS))))
        # Not `rank`: whatever it fused here, and put in order, would be half of all that an
        # evaluation takes, and is thrown away.
        found = unfused(searched.plan, searched.answers)
        candidates = sorted(found.scores)
        return cls(
            tuple(found.works[id_] for id_, _ in candidates),
            tuple(language for _, language in candidates),
            np.array(
                [
                    [found.scores[candidate].get(retriever, math.nan) for retriever in COLUMNS]
                    for candidate in candidates
                ]
            ).reshape(len(candidates), len(COLUMNS)),
            found.degraded,
            searched.plan.profile.text_share,
            frozenset(row for row, one in enumerate(candidates) if one in found.inherited),
        )

    def narrowed(self, languages: Collection[str]) -> Values:
        """The candidates of some languages, each retriever's scores brought to 0..1 among them."""
        rows = [row for row, language in enumerate(self.languages) if language in languages]
        tags = [self.languages[row] for row in rows]
        targets = tuple(languages)
        number = np.array([targets.index(tag) for tag in tags], np.int64)
        values = self.scores[rows]
        found = ~np.isnan(values)  # (n, retrievers)
        there = np.zeros((len(targets), len(COLUMNS)), bool)
        for column, retriever in enumerate(COLUMNS):
            if retriever in IN_ONE_LANGUAGE:
                for target in range(len(targets)):
                    own = number == target
                    there[target, column] = found[own, column].any()
                    values[own, column] = _scaled(values[own, column], low=0.0)
            else:
                if retriever == DENSE:
                    for target in range(len(targets)):
                        own = number == target
                        best = np.sort(values[own & found[:, column], column])[::-1]
                        values[own, column] -= level(best.tolist())
                there[:, column] = found[:, column].any()
                values[:, column] = _scaled(values[:, column], low=None)
        works = tuple(self.works[row] for row in rows)
        learned = self.scores[rows, COLUMNS.index(COLLABORATIVE)]
        return Values(
            works,
            tuple(tags),
            number,
            values,
            found,
            there,
            targets,
            learned,
            self.text_share,
            frozenset(place for place, row in enumerate(rows) if row in self.inherited),
        )


@dataclass(frozen=True, slots=True)
class Values:
    """Candidates that compete with each other.

    Attributes:
        works: Of the n candidates, in order of their documents' ids.
        languages: Of the n candidates.
        language: Shape (n,): number of the language among `targets`.
        values: Shape (n, len(COLUMNS)), 0..1; NaN where a retriever did not find it.
        found: Shape (n, len(COLUMNS)): where it did.
        there: Shape (n_targets, len(COLUMNS)): which retrievers count in a language: a retriever
            that can be compared over languages where it found anything in any, another where in
            this one.
        targets: Target languages, with candidates or without.
        learned: Shape (n,): the collaborative retriever's own scores; NaN where it did not find it.
        text_share: See `profile.Profile.text_share`.
        inherited: Rows of items that nobody has liked.
    """

    works: tuple[str, ...]
    languages: tuple[str, ...]
    language: NDArray[np.int64]
    values: NDArray[np.float64]
    found: NDArray[np.bool_]
    there: NDArray[np.bool_]
    targets: tuple[str, ...]
    learned: NDArray[np.float64]
    text_share: float
    inherited: frozenset[int] = frozenset()

    def ranked(self, fusion: Fusion, *, mix: str, size: int) -> Ranked:
        """The fused list.

        Args:
            fusion: How.
            mix: See `reranking.share_out`.
            size: How many, over all languages.
        """
        weights, kind = fusion
        put_in_order = self._order
        if kind == CASCADE and not np.isnan(self.learned).all():
            put_in_order = functools.partial(self._cascade, size=size)
        order = put_in_order(weights)
        slots = share_out(self.targets, mix, size)
        compared = {name: w for name, w in weights.items() if name not in IN_ONE_LANGUAGE}
        if mix == AUTO and any(weights.get(name, 0) > 0 for name in IN_ONE_LANGUAGE):
            fair = put_in_order(compared)
            if fair:
                slots = Counter(self.languages[row] for row in self._select(fair, slots, size))
        return tuple((self.works[r], self.languages[r]) for r in self._select(order, slots, size))

    def _order(self, weights: Mapping[str, float]) -> list[int]:
        """Every candidate of a retriever with a weight, best first."""
        return list(self._fused(weights))

    def _fused(self, weights: Mapping[str, float]) -> dict[int, float]:
        """The score of every candidate of a retriever with a weight, best first."""
        wanted = np.array([weights.get(retriever, 0.0) for retriever in COLUMNS])
        has = wanted > 0
        totals = np.array([math.fsum(wanted[there & has]) or 1.0 for there in self.there])
        total = totals[self.language]
        score = np.zeros(len(self.works))
        for column in np.flatnonzero(has):
            part = wanted[column] / total * self.values[:, column]
            score += np.where(self.found[:, column], part, 0.0)
        rows = np.flatnonzero(self.found[:, has].any(axis=1))
        order = rows[np.argsort(-score[rows], kind="stable")]
        return dict(zip(order.tolist(), score[order].tolist(), strict=True))

    def _cascade(self, weights: Mapping[str, float], *, size: int) -> list[int]:
        """As `cascade.cascaded`."""
        said = self._fused({**weights, COLLABORATIVE: 0.0})
        texts = list(said)
        there = np.flatnonzero(~np.isnan(self.learned))
        first = there[np.argsort(-self.learned[there], kind="stable")].tolist()
        if mostly(self.inherited, first, size):
            scores = dict(zip(first, self.learned[first].tolist(), strict=True))
            first = by_both(scores, said, self.inherited)
        places = text_places(self.text_share, size)
        order = interleaved(first, texts, self.works.__getitem__, places)
        return [*order, *(row for row in texts if row not in order)]

    def _select(self, order: Sequence[int], slots: Mapping[str, int], size: int) -> list[int]:
        """As `reranking.select`, without caps."""
        free = dict(slots)
        taken: dict[str, int] = {}  # place by work
        passed_over = []
        for place, row in enumerate(order):
            if len(taken) >= size:
                break
            language, work = self.languages[row], self.works[row]
            if free.get(language, 0) > 0 and work not in taken:
                taken[work] = place
                free[language] -= 1
            else:
                passed_over.append(place)
        for place in passed_over:
            if len(taken) >= size:
                break
            taken.setdefault(self.works[order[place]], place)
        return [order[place] for place in sorted(taken.values())]


def _scaled(scores: NDArray[np.float64], *, low: float | None) -> NDArray[np.float64]:
    """Scores as 0..1, from the lowest (or `low`) to the highest; NaN stays."""
    there = scores[~np.isnan(scores)]
    if not len(there):
        return scores
    low = float(there.min()) if low is None else low
    width = float(there.max()) - low
    # One candidate, or all alike: the whole value for each.
    low, width = (low, width) if width > 0 else (low - 1.0, 1.0)
    return (scores - low) / width
