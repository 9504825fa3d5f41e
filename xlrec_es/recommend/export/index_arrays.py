"""An index as arrays: what lists are computed from, read once.

What decides which documents may be shown is Elasticsearch's: it is asked once for those that match
the filters, and says of each which boosts it matches.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.cluster import scan
from xlrec_es.cluster.answers import Answer
from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    ID_FIELD,
    INDICATORS_FIELD,
    LANGUAGE_FIELD,
    WORK_FIELD,
    in_language,
)
from xlrec_es.index.hits import fields_of_hits, title_of, work_of
from xlrec_es.index.indicators import as_stored, read_indicators
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.recommend.options import SearchOptions
from xlrec_es.recommend.request.queries import boost_marks, boost_of

_NO_EVIDENCE = (0.0,)

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents that may be shown: those with a tag that is wanted which match the filters.

    In the order in which the index has them, by which Elasticsearch breaks ties.

    Attributes:
        ids: Of the n documents.
        id_order: Shape (n,): place of each id among all, sorted.
        work: Shape (n,): number of each one's work.
        tag: Shape (n,): number of its language tag.
        titles: Their titles, or None.
        sources: The user's own fields that are asked for, of each.
        values: By capped field the values of each document.
        factor: Shape (n,): product of the boosts that each matches; None without boosts.
        indicators: What each one's indicators are.
    """

    ids: Sequence[str]
    id_order: Numbers
    work: Numbers
    tag: Numbers
    titles: Sequence[str | None]
    sources: Sequence[Mapping[str, Any]]
    values: Mapping[str, Mapping[str, Sequence[str]]]
    factor: NDArray[np.float64] | None
    indicators: Rows


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a sparse matrix.

    Attributes:
        start: Shape (n + 1,): where each row begins and ends.
        column: Shape (m,): numbers of columns.
        value: Shape (m,).
    """

    start: Numbers
    column: Numbers
    value: NDArray[np.float32]

    def turned(self, columns: int) -> Rows:
        """The same matrix by its columns."""
        order = np.argsort(self.column, kind="stable")
        row = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))[order]
        many = np.bincount(self.column, minlength=columns)
        return Rows(np.r_[0, np.cumsum(many)], row, self.value[order])


@dataclass(frozen=True, slots=True)
class IndexArrays:
    """What lists are computed from.

    Attributes:
        live: The index.
        works: Ids of all its works, and of those that only indicators name, sorted.
        there: Shape (n_works,): which of them have a document.
        tags: Its language tags.
        has_tag: Shape (n_works, n_tags): in which languages each work has documents.
        evidence: Shape (n_works,): on how many users the indicators rest that name it.
        titles: By work, of its document with the first id; None without one.
        work_of: Number of the work by item, which is a document or a work.
        odd: Items that one work cannot be named for: an id that is two documents' by their
            routings, or a document's and another one's work's.
        documents: Those that may be shown.
        spoken_for: By work, which documents it speaks for, and how much as Elasticsearch has it.
    """

    live: LiveIndex
    works: Sequence[str]
    there: NDArray[np.bool_]
    tags: Sequence[str]
    has_tag: NDArray[np.bool_]
    evidence: NDArray[np.float64]
    titles: Sequence[str | None]
    work_of: Mapping[str, int]
    odd: frozenset[str]
    documents: Documents
    spoken_for: Rows


def read_arrays(
    client: Elasticsearch, live: LiveIndex, options: SearchOptions, tags: Iterable[str]
) -> IndexArrays:
    """Read an index.

    Args:
        client: Of the cluster.
        live: The index.
        options: Filters, boosts, capped fields, and fields that are asked for.
        tags: Of the index, those that may be shown.

    Raises:
        SearchFailed: A part of the index does not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    reading = _Reading(live, options)
    shown = {"bool": {"filter": [in_language(list(tags)), *options.filters]}}
    for hits in scan.pages(client, live.searched, _body(live, options, shown)):
        reading.show(hits)
    # The others are read for histories alone: without indicators, which cost most.
    others = {"bool": {"must_not": [shown]}}
    for hits in scan.pages(client, live.searched, _body(live, None, others)):
        for hit in hits:
            reading.add(hit)
    return reading.arrays()


def _body(
    live: LiveIndex, options: SearchOptions | None, query: Mapping[str, Any]
) -> dict[str, Any]:
    """The search for documents: with all that lists need, or without options that histories do."""
    title = [live.meta.title_field] if live.meta.title_field else []
    columns = [WORK_FIELD, LANGUAGE_FIELD, EVIDENCE_FIELD]
    ours = {"filter": [{"exists": {"field": WORK_FIELD}}, query]}
    if options is None:
        return {"query": {"bool": ours}, "_source": title or False, **fields_of_hits(columns)}
    marks = boost_marks(options)
    return {
        "query": {"bool": {**ours, **({"should": marks} if marks else {})}},
        "_source": [*dict.fromkeys((*options.source, *title))] or False,
        **fields_of_hits([ID_FIELD, *columns, *(options.caps or {})], [INDICATORS_FIELD]),
    }


class _Reading:
    """What is kept of hits while they come."""

    def __init__(self, live: LiveIndex, options: SearchOptions) -> None:
        self._live, self._options = live, options
        # Texts as numbers, in the order in which they come.
        self._names: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        self._tags: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        self._all: list[tuple[str, int, int]] = []  # id, work, tag of every document
        self._work_titles: dict[int, tuple[str, str | None]] = {}
        self._evidence: list[float] = []
        self._ids: list[str] = []
        self._shown: list[int] = []  # place among all
        self._titles: list[str | None] = []
        self._sources: list[Mapping[str, Any]] = []
        self._values: dict[str, dict[str, Sequence[str]]] = {n: {} for n in options.caps or {}}
        self._factors: list[float] = []
        self._lengths: list[int] = []
        self._columns: list[NDArray[np.int32]] = []
        self._weights: list[NDArray[np.float32]] = []

    def add(self, hit: Answer) -> str | None:
        """Take a document that histories may have; its title."""
        fields = hit["fields"]
        id_, work = hit["_id"], self._names[work_of(hit)]
        title = title_of(hit, self._live.meta.title_field)
        self._all.append((id_, work, self._tags[fields[LANGUAGE_FIELD][0]]))
        self._evidence.append(fields.get(EVIDENCE_FIELD, _NO_EVIDENCE)[0])
        before = self._work_titles.get(work)
        if before is None or id_ < before[0]:
            self._work_titles[work] = (id_, title)
        return title

    def show(self, hits: Iterable[Answer]) -> None:
        """Take documents that may be shown, too."""
        works: list[str] = []
        weights: list[float] = []
        for hit in hits:
            self._show(hit)
            found = read_indicators(hit["fields"].get(INDICATORS_FIELD))
            self._lengths.append(len(found))
            works.extend(found)
            weights.extend(found.values())
        # A page at once: three million numbers cost a second less than document by document.
        numbers = map(self._names.__getitem__, works)
        self._columns.append(np.fromiter(numbers, np.int32, len(works)))
        self._weights.append(np.array(weights, np.float32))

    def _show(self, hit: Answer) -> None:
        title, fields = self.add(hit), hit["fields"]
        id_ = fields.get(ID_FIELD, [hit["_id"]])[0]
        self._shown.append(len(self._all) - 1)
        self._ids.append(id_)
        self._titles.append(title)
        if self._options.source:
            self._sources.append(hit.get("_source", {}))
        for name, values in self._values.items():
            values[id_] = fields.get(name, ())
        if self._options.boosts:
            self._factors.append(boost_of(hit, self._options))

    def arrays(self) -> IndexArrays:
        """The arrays, with works numbered in the order of their ids."""
        names = list(self._names)
        by_id = sorted(range(len(names)), key=names.__getitem__)
        place = np.empty(len(names), np.int64)
        place[by_id] = np.arange(len(names))
        works = [names[number] for number in by_id]
        work = place[np.array([work for _, work, _ in self._all], np.int64)]
        tag = np.array([tag for _, _, tag in self._all], np.int64)
        has_tag = np.zeros((len(works), len(self._tags)), bool)
        has_tag[work, tag] = True
        there = np.zeros(len(works), bool)
        there[work] = True
        evidence = np.zeros(len(works))
        np.maximum.at(evidence, work, np.array(self._evidence, float))
        documents = self._documents(place, work, tag)
        indicators = documents.indicators
        stored = Rows(indicators.start, indicators.column, as_stored(indicators.value))
        work_of, odd = self._items(works, work)
        untitled = ("", None)
        return IndexArrays(
            self._live,
            works,
            there,
            list(self._tags),
            has_tag,
            evidence,
            [self._work_titles.get(number, untitled)[1] for number in by_id],
            work_of,
            odd,
            documents,
            stored.turned(len(works)),
        )

    def _documents(self, place: Numbers, work: Numbers, tag: Numbers) -> Documents:
        lengths = np.array(self._lengths, np.int64)
        column = place[np.concatenate([*self._columns, np.empty(0, np.int32)])]
        value = np.concatenate([*self._weights, np.empty(0, np.float32)])
        order = np.empty(len(self._ids), np.int64)
        order[sorted(range(len(self._ids)), key=self._ids.__getitem__)] = np.arange(len(self._ids))
        shown = np.array(self._shown, np.int64)
        return Documents(
            self._ids,
            order,
            work[shown],
            tag[shown],
            self._titles,
            self._sources,
            self._values,
            np.array(self._factors) if self._options.boosts else None,
            Rows(np.r_[0, np.cumsum(lengths)], column, value),
        )

    def _items(self, works: Sequence[str], work: Numbers) -> tuple[dict[str, int], frozenset[str]]:
        """The work by item, and the odd items."""
        work_of = dict(zip((id_ for id_, _, _ in self._all), work.tolist(), strict=True))
        odd = {id_ for id_, many in Counter(id_ for id_, _, _ in self._all).items() if many > 1}
        for number in np.unique(work).tolist():
            name = works[number]
            if work_of.get(name, number) != number:
                odd.add(name)
            work_of[name] = number
        return work_of, frozenset(odd)


def places_in(start: Numbers, length: Numbers) -> Numbers:
    """The numbers of all entries of some rows, one row after the other.

    Args:
        start: Shape (n,): where each row begins.
        length: Shape (n,): how many entries it has.
    """
    before = np.cumsum(length) - length
    found: Numbers = np.repeat(start - before, length)
    found += np.arange(len(found))
    return found
