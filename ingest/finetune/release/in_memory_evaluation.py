"""What an encoder is worth by this project's own evaluation, computed in memory: no cluster.

The protocol is that of xlrec_es/EVALUATION.md, "Protocol", in the pool of other languages: from
what a user likes in one language, the works that they like in others are to be found. A work is
worth its cosine to the nearest of the history, as for the recommender. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ingest.finetune.data.training_set import TrainingSet
from xlrec_es.errors import SourceError
from xlrec_es.evaluate.baselines import best
from xlrec_es.evaluate.evaluator import MetricValues
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import Case, draw_order
from xlrec_es.evaluate.vectorized_fusion import Ranked
from xlrec_es.vectors.language_centering import METHODS, LanguageCentering
from xlrec_es.vectors.vector import Vector

K = 50
MAX_DOCUMENTS = 50_000
"""Documents of the pool that a model is judged on; those of the users' works are all among it."""

_BLOCK = 1 << 25  # cosines in memory at a time: 128 MB


@dataclass(frozen=True, slots=True)
class Examination:
    """Whom an encoder is measured on, and what there is to recommend.

    Attributes:
        works: Ids.
        cases: Whom.
        work: Shape (n_documents,): number of each document's work.
        language: Shape (n_documents,): of each document.
        texts: Of each document, without a prefix.
        k: Places of a list that count.
    """

    works: tuple[str, ...]
    cases: tuple[Case, ...]
    work: NDArray[np.int64]
    language: NDArray[np.str_]
    texts: tuple[str, ...]
    k: int = K

    @classmethod
    def of(cls, data: TrainingSet) -> Examination:
        """All cases, and all documents; k is less where there are few works."""
        documents = data.documents
        k = min(K, max(1, len(data.works) // 4))
        return cls(
            data.works,
            data.cases,
            documents.work,
            np.asarray(documents.languages, dtype=np.str_),
            documents.texts,
            k,
        )

    def halves(self, seed: int) -> tuple[Examination, Examination]:
        """One half of the users, and the other: to choose by, and to judge what was chosen.

        Raises:
            SourceError: There are no two users.
        """
        users = draw_order((case.user for case in self.cases), seed=seed)
        if len(users) < 2:
            raise SourceError(
                "the pairs have nothing to measure a model on: it takes cases of two users; make "
                "them again from more interactions"
            )
        some = set(users[: len(users) // 2])
        one = tuple(case for case in self.cases if case.user in some)
        other = tuple(case for case in self.cases if case.user not in some)
        return replace(self, cases=one), replace(self, cases=other)

    def limited(
        self, seed: int, *, documents: int = MAX_DOCUMENTS, cases: int | None = None
    ) -> Examination:
        """A smaller one that takes less time; its recall is not comparable with the whole's.

        Args:
            seed: Of the draws.
            documents: Documents of the cases' works are all kept, others up to this number.
            cases: At most so many; None: all.
        """
        rng = np.random.default_rng(seed)
        chosen = sorted(rng.permutation(len(self.cases))[:cases])
        some = tuple(self.cases[number] for number in chosen)
        needed = {work for case in some for work in (*case.history, *case.targets)}
        first = np.array([self.works[number] not in needed for number in self.work])
        order = np.lexsort((rng.permutation(len(self.work)), first))
        kept = np.sort(order[: max(documents, int((~first).sum()))])
        return replace(
            self,
            cases=some,
            work=self.work[kept],
            language=self.language[kept],
            texts=tuple(self.texts[number] for number in kept),
        )

    @property
    def languages(self) -> Mapping[str, tuple[str, ...]]:
        """Of each work that has a document."""
        found: dict[str, list[str]] = {work: [] for work in self.works}
        for number, language in zip(self.work, self.language, strict=True):
            found[self.works[number]].append(str(language))
        return {work: tuple(own) for work, own in found.items()}

    def centered(self, raw: Vector) -> dict[str, Vector]:
        """The vectors by centering method.

        Args:
            raw: Shape (n_documents, dims), unit rows.
        """
        languages = self.language.tolist()
        centered = LanguageCentering.center(raw, languages).apply(raw, languages)
        return dict(zip(METHODS, (raw, centered), strict=True))

    def lists(self, vectors: Vector) -> list[Ranked]:
        """The best works of other languages for each case.

        Args:
            vectors: Shape (n_documents, dims), unit rows, centered or not.
        """
        lists: list[Ranked] = [()] * len(self.cases)
        by_source: dict[str, list[int]] = {}
        for number, case in enumerate(self.cases):
            by_source.setdefault(case.source, []).append(number)
        for source, cases in by_source.items():
            for number, ranked in zip(cases, self._from(source, cases, vectors), strict=True):
                lists[number] = ranked
        return lists

    def _from(self, source: str, cases: Sequence[int], vectors: Vector) -> Iterator[Ranked]:
        """The lists of all cases of a source language."""
        numbers = {work: number for number, work in enumerate(self.works)}
        languages = self.languages
        own = self.language == source
        row = {int(work): place for place, work in enumerate(self.work[own])}
        mine, others, elsewhere = vectors[own], vectors[~own], self.work[~own]
        pool = np.ascontiguousarray(others.T)  # (dims, n)
        for some in _blocks([self.cases[number] for number in cases], len(others)):
            rows = [row[numbers[work]] for case in some for work in case.history]
            cosines = mine[rows] @ pool  # (all histories, n)
            ends = np.cumsum([len(case.history) for case in some])
            for case, end in zip(some, ends, strict=True):
                scores = np.full(len(self.works), -np.inf)
                joined = cosines[end - len(case.history) : end].max(axis=0)
                np.maximum.at(scores, elsewhere, joined)
                allowed = np.ones(len(self.works), bool)
                allowed[[numbers[work] for work in (*case.history, *case.seen)]] = False
                works = [self.works[number] for number in best(scores, allowed, self.k)]
                yield tuple((work, languages[work][0]) for work in works)

    def recall(self, lists: Sequence[Ranked]) -> MetricValues:
        """recall@k of each case, shape (n_cases,)."""
        return np.array(
            [
                recall_at_k([work for work, _ in ranked], case.targets, self.k)
                for case, ranked in zip(self.cases, lists, strict=True)
            ]
        )


def _blocks(cases: Sequence[Case], n_documents: int) -> Iterator[list[Case]]:
    """Cases whose cosines fit in memory together."""
    block: list[Case] = []
    size = 0
    for case in cases:
        size += len(case.history) * n_documents
        if block and size > _BLOCK:
            yield block
            block, size = [], len(case.history) * n_documents
        block.append(case)
    if block:
        yield block
