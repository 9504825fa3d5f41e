"""Given documents in the order of a user: what is asked. No client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xlrec_es.cluster.answers import Answer
from xlrec_es.errors import IndexNotFound, UsageError, XlrecError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.paging import PagedSearch, all_hits
from xlrec_es.index.search_limits import parts
from xlrec_es.interactions.history import History
from xlrec_es.languages import normalize
from xlrec_es.recommend.answer.shelf import Wanted, put_in_order
from xlrec_es.recommend.calls import Steps
from xlrec_es.recommend.flow import Core
from xlrec_es.recommend.history_reading import to_the_end
from xlrec_es.recommend.multi_search import together
from xlrec_es.recommend.options import COLLABORATIVE, DENSE
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.candidates import PAGE, candidates_body
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import SearchRequest

GIVEN, ANY = "given", "any"
"""What the search for given documents is called in place of a retriever and a language."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Given documents that were read.

    Attributes:
        hits: The documents.
        lacks: What the answers lack, in phrases; see `answers.lacks_of`.
    """

    hits: Sequence[Answer]
    lacks: tuple[str, ...] = ()


class RankingCore(Core):
    """Puts given documents in order."""

    def rank(
        self, history: History, ids: Iterable[str], languages: Iterable[str] | None
    ) -> Steps[Recommendations]:
        """Read the history and the documents, in one request where that is enough."""
        given = _checked(ids)
        known = [*map(normalize, history.languages or ())]
        wanted = Wanted(None if languages is None else [*map(normalize, languages)], known)

        def once() -> Steps[Recommendations]:
            live = yield from self.live()
            plan: Plan
            found: Candidates
            plan, found = yield from both(self.taste(history, live), self.candidates(live, given))
            if plan.live.name != live.name:  # the alias was swapped in between
                found = yield from self.candidates(plan.live, given)
            return put_in_order(
                given, found.hits, plan, self.options, wanted=wanted, lacks=found.lacks
            )

        return (yield from self._once_or_twice(once, max(1, len(given)), typed=False))

    def rank_plan(self, history: History, ids: Iterable[str]) -> Steps[Plan]:
        """What `rank` sends for the documents, readable; their language is not known before."""
        given = _checked(ids)
        live = yield from self.live()
        plan = yield from self.taste(history, live)
        bodies = (search.body for search in self._searches(live, given, readable=True))
        requests = (SearchRequest(ANY, GIVEN, body) for body in bodies if body is not None)
        return replace(plan, requests=tuple(requests))

    def taste(self, history: History, live: LiveIndex) -> Steps[Plan]:
        """Read a history for its taste alone: associations and vectors, in any language."""
        options = replace(
            self.options,
            weights={COLLABORATIVE: 1.0, DENSE: 1.0},
            mix=None,
            exclude=(),
            server_side=False,
            search=replace(self.options.search, market=None),
        )
        # Its searches are not sent: those of one language are enough.
        languages = live.meta.languages[:1] or None
        return (yield from self.plan(history, languages, options=options))

    def candidates(self, live: LiveIndex, ids: Sequence[str]) -> Steps[Candidates]:
        """All that puts given documents and works in order.

        Raises:
            IndexNotFound: The index is gone, or the alias was swapped a moment ago.
        """
        searches = self._searches(live, ids)
        yield from to_the_end(live.searched, searches)
        hits = all_hits(searches)
        if any(hit["_index"] != live.name for hit in hits):
            raise IndexNotFound(f"{live.through} has just been swapped from {live.name}; ask again")
        lacks = [lack for one in searches for lack in one.lacks]
        return Candidates(hits, tuple(dict.fromkeys(lacks)))

    def _searches(
        self, live: LiveIndex, ids: Sequence[str], *, readable: bool = False
    ) -> list[PagedSearch]:
        """For all that puts the documents in order, in pages."""
        size = min(PAGE, live.limits.hits)
        binary = live.has_binary_vectors and not readable
        search = replace(self.options.search, binary_vectors=binary)
        title = live.meta.title_field
        return [
            PagedSearch(
                candidates_body(some, search, title=title, size=size),
                may_be_more=len(some) * len(live.meta.languages) > size,
            )
            for some in parts(ids, min(PAGE, live.limits.ids))
            if some
        ]


def _checked(ids: Iterable[str]) -> list[str]:
    """Ids, each once.

    Raises:
        UsageError: One of them is none.
    """
    given = list(dict.fromkeys(ids))
    if unnamed := [id_ for id_ in given if not isinstance(id_, str) or not id_]:
        raise UsageError(f"{unnamed[0]!r} is no id of a work or a document; give texts")
    return given


def both(one: Steps[Any], other: Steps[Any]) -> Steps[tuple[Any, Any]]:
    """Step through both at once, their searches of a round in one request.

    Raises:
        XlrecError: What the first, else the second, ended in.
    """
    results = yield from together([one, other])
    for result in results:
        if isinstance(result, XlrecError):
            raise result
    return results[0], results[1]
