"""What encoders are compared on: a catalog's texts and what users like, without an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.documents.builder import DocumentBuilder
from ingest.documents.document import Document
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from ingest.finetune.data.pairs import MAX_CHARACTERS, like_matrix
from ingest.finetune.data.training_set import Documents
from ingest.sources.source import open_source
from xlrec_es.errors import SourceError
from xlrec_es.evaluate.protocol import Case, cold_cases, split, split_cases
from xlrec_es.index.works import items_of, number_works
from xlrec_es.interactions.likes import read_likes
from xlrec_es.languages import base_language
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.language_values import LanguageValues
from xlrec_es.records.record import Record

COLD_PART = 0.2
"""Of the items all interactions are held out, so that they are as if new."""


@dataclass(frozen=True, slots=True)
class CatalogJob:
    """What is read.

    Attributes:
        items: Catalog; a file, as `ingest.sources.source.open_source` takes it.
        interactions: File; see `xlrec_es.interactions.likes.read_likes`.
        fields: Which field of a record is what.
        language_map: See `ingest.run.job.RunJob`.
        columns: See `read_likes`, of which it is `fields`.
        min_rating: See `read_likes`.
        events: See `read_likes`.
        time_format: See `read_likes`.
        method: See `xlrec_es.evaluate.protocol.split`.
        part: See `split`.
        seed: Of the split, and of the users that are drawn.
        max_users: At most so many users are measured on.
    """

    items: str
    interactions: Path
    fields: FieldMap = field(default_factory=FieldMap)
    language_map: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    min_rating: float | None = None
    events: Mapping[str, float] | None = None
    time_format: str | None = None
    method: str | None = None
    part: float = 0.2
    seed: int = 0
    max_users: int = 500


@dataclass(frozen=True, slots=True)
class CatalogLikes:
    """A catalog with what users like.

    Attributes:
        works: Ids, sorted.
        documents: The works' texts.
        cases: Users to be measured on, whose targets were held out.
        cold_cases: The same where the targets are items without any interaction.
        learned: Shape (n_users, n_works): the likes that are left beside the cold items'.
        rejected: Records that were left out.
    """

    works: tuple[str, ...]
    documents: Documents
    cases: tuple[Case, ...]
    cold_cases: tuple[Case, ...]
    learned: csr_array
    rejected: int

    @property
    def cold(self) -> NDArray[np.bool_]:
        """Which works nobody likes in `learned`, shape (n_works,)."""
        without: NDArray[np.bool_] = self.users == 0
        return without

    @property
    def users(self) -> NDArray[np.int64]:
        """Users of each work in `learned`, shape (n_works,)."""
        return np.bincount(self.learned.indices, minlength=len(self.works))


def read_catalog_likes(job: CatalogJob) -> CatalogLikes:
    """Read both files, and hold interactions out.

    Raises:
        SourceError: A file cannot be read, has nothing in it, or leaves nothing to measure on.
        UsageError: See `split`.
    """
    documents, items, rejected = _read_documents(job)
    likes = read_likes(
        job.interactions,
        items,
        fields=job.columns,
        min_rating=job.min_rating,
        events=job.events,
        time_format=job.time_format,
    )
    works = likes.works
    languages: dict[str, list[str]] = {work: [] for work in works}
    for number, language in zip(documents.work, documents.languages, strict=True):
        languages[works[number]].append(language)
    parts = split(likes, method=job.method, part=job.part, seed=job.seed)
    cases = split_cases(likes, parts, languages, max_users=job.max_users)
    without = split(likes, method=job.method, part=job.part, seed=job.seed, cold=COLD_PART)
    learned = like_matrix(likes, without.training)
    users = np.bincount(likes.work[without.training], minlength=len(works))
    cold = {work for work, count in zip(works, users, strict=True) if not count}
    try:
        hidden = split_cases(likes, without, languages, max_users=job.max_users)
    except SourceError:  # nobody has a history left beside the cold items
        hidden = []
    return CatalogLikes(
        works, documents, tuple(cases), tuple(cold_cases(hidden, cold)), learned, rejected
    )


def _read_documents(job: CatalogJob) -> tuple[Documents, Mapping[str, str], int]:
    """Texts in order of works, the work of each item, and how many records were left out."""
    builder = DocumentBuilder(
        job.fields, Recipe(job.fields.texts), LanguageDetector(), LanguageValues(job.language_map)
    )
    found: dict[str, tuple[str, str, str]] = {}
    rejected = 0
    for record in open_source(job.items).records():
        made = builder.build(record) if isinstance(record, Record) else [record]
        for one in made:
            if isinstance(one, Document):
                text = one.text[:MAX_CHARACTERS]
                found[one.id] = (one.work, base_language(one.language), text)
            elif one is not None:
                rejected += 1
    if not found:
        raise SourceError(f"{job.items} has no item with a text")
    rows = sorted((work, id_, language, text) for id_, (work, language, text) in found.items())
    numbers = number_works(work for work, *_ in rows)
    documents = Documents(
        np.array([numbers[work] for work, *_ in rows], np.int64),
        tuple(language for _, _, language, _ in rows),
        tuple(text for *_, text in rows),
    )
    return documents, items_of((id_, work) for work, id_, _, _ in rows), rejected
