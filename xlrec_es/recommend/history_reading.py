"""What an index says of the items of a history. No client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xlrec_es.cluster.answers import Answer
from xlrec_es.index.fields import VECTOR_FIELD
from xlrec_es.index.hits import id_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.paging import PagedSearch, all_hits, once_each
from xlrec_es.index.search_limits import parts
from xlrec_es.recommend.calls import Steps, ask
from xlrec_es.recommend.request.read_queries import history_body, names_body

TEXTS_READ = 50
"""Items whose texts are read: of each language, BM25 takes a few (`SearchOptions.query_texts`)."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a history.

    Attributes:
        documents: The hits of items that say something.
        others: The hits of items that say nothing.
        lacks: What the answers lack, in phrases; see `answers.lacks_of`.
    """

    documents: Sequence[Answer]
    others: Sequence[Answer]
    lacks: tuple[str, ...] = ()

    @property
    def hits(self) -> list[Answer]:
        """All hits."""
        return [*self.documents, *self.others]

    def with_all(self, renditions: Read) -> Read:
        """With every language version of the works that its documents are of."""
        lacks = tuple(dict.fromkeys((*self.lacks, *renditions.lacks)))
        # What was found before is there, even if a part of the index does not answer now.
        before = self.documents if lacks else ()
        return Read(once_each([*before, *renditions.documents]), self.others, lacks)


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a history.

    Attributes:
        telling: Those that say something.
        silent: Those that are known to the user, and no more.
        texts: Fields of texts that are wanted of the first `TEXTS_READ` that say something.
        read: Other fields that are wanted of those that say something.
    """

    telling: Sequence[str]
    silent: Sequence[str] = ()
    texts: Sequence[str] = ()
    read: Sequence[str] = (VECTOR_FIELD,)


class Reader(Protocol):
    """`read_in_full`, or `read_names`."""

    def __call__(
        self, index: str, live: LiveIndex, items: Items, beside: Sequence[Mapping[str, Any]] = ()
    ) -> Steps[tuple[Read, Sequence[Answer]]]:
        """See these."""


def read_in_full(
    index: str, live: LiveIndex, items: Items, beside: Sequence[Mapping[str, Any]] = ()
) -> Steps[tuple[Read, Sequence[Answer]]]:
    """Read the documents of items with titles, vectors and texts, in every language.

    Args:
        index: What is asked: the alias, or the version that is behind it.
        live: The version.
        items: Of the history.
        beside: Lines of further searches, a header and a body each, that are sent along.

    Returns:
        What was read, and the answers to the searches beside it.
    """
    title, binary, size = live.meta.title_field, live.has_binary_vectors, live.limits.hits
    end = TEXTS_READ if items.texts else 0
    documents = [
        _paged(
            some,
            history_body(some, title=title, texts=texts, read=items.read, binary=binary, size=size),
            live,
        )
        for group, texts in ((items.telling[end:], ()), (items.telling[:end], items.texts))
        for some in parts(group, live.limits.ids)
        if some
    ]
    others = _of_items(items.silent, live)
    searches = [*documents, *others]
    answers = yield from to_the_end(index, searches, beside)
    found = all_hits(documents)
    # A document and its work may both be in a history: what comes last stays, which has its text.
    found = once_each(found) if len(documents) > 1 else found
    return Read(found, all_hits(others), _lacks(searches)), answers


def read_names(
    index: str, live: LiveIndex, items: Items, beside: Sequence[Mapping[str, Any]] = ()
) -> Steps[tuple[Read, Sequence[Answer]]]:
    """Read which works, languages and evidence the documents of items have; from columns alone.

    Args:
        index: As for `read_in_full`.
        live: As for `read_in_full`.
        items: As for `read_in_full`.
        beside: As for `read_in_full`.

    Returns:
        As `read_in_full`.
    """
    size = live.limits.hits
    searches = [
        _paged(some, names_body(some, size=size), live)
        for some in parts([*items.telling, *items.silent], live.limits.ids)
        if some
    ]
    answers = yield from to_the_end(index, searches, beside)
    telling = set(items.telling)
    documents: list[Answer] = []
    others: list[Answer] = []
    for hit in (hit for search in searches for hit in search.hits):
        id_ = id_of(hit)
        says = id_ in telling or work_of(hit) in telling
        (documents if says else others).append({**hit, "_id": id_})
    if len(searches) > 1:
        documents, others = once_each(documents), once_each(others)
    return Read(documents, others, _lacks(searches)), answers


def _of_items(items: Sequence[str], live: LiveIndex) -> list[PagedSearch]:
    size = live.limits.hits
    return [
        _paged(some, history_body(some, title=None, read=(), size=size), live)
        for some in parts(items, live.limits.ids)
        if some
    ]


def _paged(items: Sequence[str], body: dict[str, Any], live: LiveIndex) -> PagedSearch:
    return PagedSearch(body, may_be_more=len(items) * len(live.meta.languages) > live.limits.hits)


def to_the_end(
    index: str, searches: Sequence[PagedSearch], beside: Sequence[Mapping[str, Any]] = ()
) -> Steps[Sequence[Answer]]:
    """Ask until each search has found all.

    Args:
        index: Where they are sent.
        searches: Take the answers.
        beside: As for `read_in_full`.

    Returns:
        The answers to those beside, from the first round.
    """
    answers: Sequence[Answer] = ()
    while (waiting := [(one, one.body) for one in searches if one.body is not None]) or beside:
        found = yield from ask(index, [body for _, body in waiting], beside)
        for (search, _), answer in zip(waiting, found, strict=False):
            search.take(answer)
        answers = [*answers, *found[len(waiting) :]]
        beside = ()
    return answers


def _lacks(searches: Sequence[PagedSearch]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lack for search in searches for lack in search.lacks))
