"""What an index has to recommend: its works, their languages and vectors, in memory.

Languages are base languages here: between variants of a language there is no border to cross.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.index.fields import VECTOR_FIELD
from xlrec_es.index.hits import language_of, title_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.works import items_of, number_works, work_pages
from xlrec_es.interactions.digests import ids_as_numbers
from xlrec_es.languages import base_language
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector


@dataclass(frozen=True, slots=True)
class Pool:
    """All documents, and their works.

    Attributes:
        works: Ids, sorted.
        languages: Of each work, sorted, by work.
        titles: By work and language, of one of its documents.
        items: Work by item, which is a work or a document.
        work: Shape (n_documents,): number of each document's work.
        language: Of each document.
        vectors: Shape (n_documents, dims), centered unit rows; zero without a vector.
        tags: Of each document, with script and region; empty where these are the languages.
    """

    works: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]]
    titles: Mapping[tuple[str, str], str]
    items: Mapping[str, str]
    work: NDArray[np.int64]
    language: tuple[str, ...]
    vectors: Vector
    tags: tuple[str, ...] = ()

    def raw_vectors(self, centering: LanguageCentering) -> Vector:
        """The documents' vectors before they were centered, shape (n_documents, dims)."""
        return centering.undo(self.vectors, self.tags or self.language)

    def within(self, languages: Collection[str]) -> NDArray[np.bool_]:
        """Which works are to be had in at least one of these languages, shape (n_works,)."""
        return np.array([not set(languages).isdisjoint(self.languages[w]) for w in self.works])

    def in_one_language(self, seed: int) -> Pool:
        """Each work in one of its languages, drawn by its id and the seed alone."""
        drawn = {work: _drawn(work, self.languages[work], seed) for work in self.works}
        tags = zip(self.work, self.language, strict=True)
        kept = [row for row, (work, tag) in enumerate(tags) if drawn[self.works[work]] == tag]
        return replace(
            self,
            languages={work: (language,) for work, language in drawn.items()},
            work=self.work[kept],
            language=tuple(self.language[row] for row in kept),
            vectors=self.vectors[kept],
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
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: Vector = np.divide(sums, length, out=np.zeros_like(sums), where=length > 1e-6)
    return directions


def read_pool(client: Elasticsearch, live: LiveIndex) -> Pool:
    """Read all documents; their vectors take 4 bytes a number, 1.5 GB for a million of 384.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    title = live.meta.title_field
    found: list[tuple[str, str, str, str | None]] = []
    dims = live.meta.fingerprint.dims
    rows = [np.zeros((0, dims), np.float32)]
    source = [title] if title else []
    for hits in work_pages(client, live, fields=[VECTOR_FIELD], source=source):
        found += [
            (hit["_id"], work_of(hit), language_of(hit), title_of(hit, title)) for hit in hits
        ]
        given = [hit["fields"].get(VECTOR_FIELD, [0.0] * dims) for hit in hits]
        rows.append(np.array(given, np.float32))
    # In order of ids: nothing may depend on how the index came about.
    order = sorted(range(len(found)), key=lambda number: found[number][0])
    return _pool([found[number] for number in order], np.concatenate(rows)[order])


def _pool(found: list[tuple[str, str, str, str | None]], vectors: Vector) -> Pool:
    languages: dict[str, set[str]] = {}
    titles: dict[tuple[str, str], str] = {}
    for id_, work, tag, title in found:
        languages.setdefault(work, set()).add(base_language(tag))
        titles.setdefault((work, base_language(tag)), title or id_)
    numbers = number_works(languages)
    return Pool(
        works=tuple(numbers),
        languages={work: tuple(sorted(languages[work])) for work in numbers},
        titles=titles,
        items=items_of((id_, work) for id_, work, _, _ in found),
        work=np.array([numbers[work] for _, work, _, _ in found], np.int64),
        language=tuple(base_language(tag) for _, _, tag, _ in found),
        vectors=vectors,
        tags=tuple(tag for _, _, tag, _ in found),
    )
