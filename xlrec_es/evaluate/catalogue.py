"""What an index has to recommend: its works, their languages and vectors, in memory.

Languages are base languages here: between variants of a language there is no border to cross.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.index.fields import VECTOR_FIELD
from xlrec_es.index.hits import language_of, title_of, vector_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.works import items_of, number_works, titled_hits, work_pages
from xlrec_es.interactions.digests import ids_as_numbers
from xlrec_es.languages import base_language
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector, unit_rows

_ROWS = 10_000
"""Vectors that are uncentered at once, which takes several times their memory."""


@dataclass(frozen=True, slots=True)
class Pool:
    """All documents, and their works.

    Attributes:
        works: Ids, sorted.
        languages: Of each work, sorted, by work.
        items: Work by item, which is a work or a document.
        spoken: The languages that have documents, sorted.
        work: Shape (n_documents,): number of each document's work.
        language: Shape (n_documents,): number of its language among `spoken`.
        vectors: Shape (n_documents, dims), centered unit rows; zero without a vector. No rows if
            they were not read.
        tags: Of each document, with script and region; empty where these are the languages.
    """

    works: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]]
    items: Mapping[str, str]
    spoken: tuple[str, ...]
    work: NDArray[np.int64]
    language: NDArray[np.int64]
    vectors: Vector
    tags: tuple[str, ...] = ()

    def raw_vectors(self, centering: LanguageCentering) -> Vector:
        """The documents' vectors before they were centered, shape (n_documents, dims)."""
        tags = self._tags()
        raw = np.empty_like(self.vectors)
        for start in range(0, len(raw), _ROWS):
            some = slice(start, start + _ROWS)
            raw[some] = centering.undo(self.vectors[some], tags[some])
        return raw

    def _tags(self) -> Sequence[str]:
        return self.tags or [self.spoken[number] for number in self.language]

    def within(self, languages: Collection[str]) -> NDArray[np.bool_]:
        """Which works are to be had in at least one of these languages, shape (n_works,)."""
        wanted = np.array([language in languages for language in self.spoken], bool)
        there = np.zeros(len(self.works), bool)
        there[self.work[wanted[self.language]]] = True
        return there

    def in_one_language(self, seed: int) -> Pool:
        """Each work in one of its languages, drawn by its id and the seed alone."""
        drawn = {work: _drawn(work, self.languages[work], seed) for work in self.works}
        numbers = {language: number for number, language in enumerate(self.spoken)}
        wanted = np.array([numbers[drawn[work]] for work in self.works], np.int64)
        kept = np.flatnonzero(wanted[self.work] == self.language)
        still, language = np.unique(self.language[kept], return_inverse=True)
        return replace(
            self,
            languages={work: (language,) for work, language in drawn.items()},
            spoken=tuple(self.spoken[number] for number in still),
            work=self.work[kept],
            language=language,
            vectors=self.vectors[kept] if len(self.vectors) else self.vectors,
            tags=tuple(self.tags[row] for row in kept if self.tags),
        )

    def works_by_language(self) -> dict[str, list[str]]:
        """The works that are to be had in each language, sorted."""
        found: dict[str, list[str]] = {}
        for work in self.works:
            for language in self.languages[work]:
                found.setdefault(language, []).append(work)
        return found

    def work_vectors(self) -> Vector:
        """The mean direction of each work's documents, shape (n_works, dims), unit rows."""
        return mean_directions(self.vectors, self.work, len(self.works))

    def raw_directions(self, works: Sequence[str], centering: LanguageCentering) -> Vector:
        """The mean direction of the uncentered vectors of some works.

        Args:
            works: Ids, each once.
            centering: Of the vectors.

        Returns:
            Shape (len(works), dims), unit rows.
        """
        places = {work: place for place, work in enumerate(works)}
        place = np.array([places.get(work, -1) for work in self.works], np.int64)[self.work]
        rows = np.flatnonzero(place >= 0)
        tags = self._tags()
        raw = centering.undo(self.vectors[rows], [tags[row] for row in rows.tolist()])
        return mean_directions(raw, place[rows], len(works))


def _drawn(work: str, languages: Sequence[str], seed: int) -> str:
    [number] = ids_as_numbers([f"{seed} {work}"])
    return languages[int(number) % len(languages)]


def mean_directions(vectors: Vector, work: NDArray[np.int64], n_works: int) -> Vector:
    """The mean direction of the rows of each work.

    Args:
        vectors: Shape (n_documents, dims).
        work: Shape (n_documents,): number of each row's work.
        n_works: How many works there are.

    Returns:
        Shape (n_works, dims), unit rows; zero where rows cancel out.
    """
    sums = np.zeros((n_works, vectors.shape[1]), np.float32)
    np.add.at(sums, work, vectors)
    return unit_rows(sums, least=1e-6)


def read_pool(client: Elasticsearch, live: LiveIndex, *, with_vectors: bool = True) -> Pool:
    """Read all documents; their vectors take 4 bytes a number, 1.5 GB for a million of 384.

    Args:
        client: Of the cluster.
        live: The index.
        with_vectors: Whether vectors are read; the rest are columns, and no source is.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    found: list[tuple[str, str, str]] = []
    pages: list[Vector] = []
    none = np.zeros(live.meta.fingerprint.dims, np.float32)
    fields = [VECTOR_FIELD] if with_vectors else []
    for hits in work_pages(client, live, fields=fields):
        found += [(hit["_id"], work_of(hit), language_of(hit)) for hit in hits]
        if with_vectors:
            given = [vector_of(hit) for hit in hits]
            pages.append(np.stack([none if row is None else row for row in given]))
    # In order of ids: nothing may depend on how the index came about.
    order = sorted(range(len(found)), key=lambda number: found[number][0])
    return _pool([found[number] for number in order], _in_order(pages, order, len(none)))


def _in_order(pages: list[Vector], order: Sequence[int], dims: int) -> Vector:
    """The rows of all pages in an order, shape (n, dims); pages go one by one, to save memory."""
    place = np.empty(len(order), np.int64)
    place[np.array(order, np.int64)] = np.arange(len(order))
    end = sum(map(len, pages))
    vectors = np.zeros((end, dims), np.float32)
    while pages:
        page = pages.pop()
        vectors[place[end - len(page) : end]] = page
        end -= len(page)
    return vectors


def _pool(found: Sequence[tuple[str, str, str]], vectors: Vector) -> Pool:
    languages: dict[str, set[str]] = {}
    for _, work, tag in found:
        languages.setdefault(work, set()).add(base_language(tag))
    numbers = number_works(languages)
    spoken = tuple(sorted(set().union(*languages.values())))
    tongues = {language: number for number, language in enumerate(spoken)}
    return Pool(
        works=tuple(numbers),
        languages={work: tuple(sorted(languages[work])) for work in numbers},
        items=items_of((id_, work) for id_, work, _ in found),
        spoken=spoken,
        work=np.array([numbers[work] for _, work, _ in found], np.int64),
        language=np.array([tongues[base_language(tag)] for _, _, tag in found], np.int64),
        vectors=vectors,
        tags=tuple(tag for _, _, tag in found),
    )


def read_titles(
    client: Elasticsearch, live: LiveIndex, works: Iterable[str]
) -> dict[tuple[str, str], str]:
    """Titles of works by work and language, each of one of its documents, or else the id of that.

    Args:
        client: Of the cluster.
        live: The index.
        works: Whose.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    titles: dict[tuple[str, str], str] = {}
    for hit in titled_hits(client, live, works):
        key = work_of(hit), base_language(language_of(hit))
        titles.setdefault(key, title_of(hit, live.meta.title_field) or hit["_id"])
    return titles
