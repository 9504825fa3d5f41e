"""What both recommenders offer besides lists: given documents in order, and a search for words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions.history import History
from xlrec_es.recommend.calls import Steps
from xlrec_es.recommend.pages import PagedCore
from xlrec_es.recommend.personal_search import Query, SearchingCore
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.plan import Plan

T = TypeVar("T")


class WholeCore(PagedCore, SearchingCore):
    """All that recommenders know and do, without a client."""


class Personal:
    """`rank` and `search` of a `Recommender`."""

    _core: WholeCore

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def live(self, *, afresh: bool = False) -> LiveIndex:
        """The version that is behind the name, and what it says of itself.

        Args:
            afresh: Ask Elasticsearch, whatever is known.

        Raises:
            XlrecError: As for `recommend`.
        """
        return self._run(self._core.live(afresh=afresh))

    def rank(
        self, history: History, ids: Iterable[str], *, languages: Iterable[str] | None = None
    ) -> Recommendations:
        """Put given documents into the order of a user: a page of search results, a shelf.

        Documents that learned associations connect with the history come first, by these; the
        others by their vectors. Equal ones stay in the order given. Nothing is left out: filters
        and caps do not apply, and items of the history are ranked like others. Boosts apply.

        Args:
            history: As for `recommend`. Of a user who is not known to like anything, the order
                given is kept, and `notes` says so.
            ids: Of documents or works, each once. A document's id means this document, a work's id
                one of its language versions.
            languages: For the ids of works: the language version that is wanted, the most wanted
                language first. None, or no version in any of them: the one that suits best. Where
                several suit alike, as for a user who is not known to like anything: one in a
                language that the user knows, else in that of most of the documents.

        Returns:
            Every document that the index has, once. `unknown_items` names the other ids, and those
            of the history. Scores above a half are by associations (before boosts).

        Raises:
            UnknownItems: The index has no document of the whole history.
            UnknownLanguage: Not a language tag.
            UsageError: An id that is no text; otherwise as for `recommend`.
            XlrecError: As for `recommend`.
        """
        return self._run(self._core.rank(history, ids, languages))

    def search(
        self,
        text: str,
        history: History | None = None,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        query_language: str | None = None,
        exclude_seen: bool = False,
    ) -> Recommendations:
        """Search for words, in the order of a user.

        BM25 finds the words in each target language's own field, the dense retriever texts that
        mean the same in any target language. `taste` only orders what these two find, and lifts
        nothing that lacks a word of the query above what has them all. Weights are
        `Options.search_weights`. Filters, caps, boosts and slots apply as in `recommend`.

        Args:
            text: The query, at most 500 characters.
            history: As for `recommend`; None, or one of which nothing is known: the query decides
                alone.
            languages: Target languages; None for all of the index.
            size: How many, over all languages.
            query_language: The language of the query: BM25 then searches texts in it and its
                variants alone, and the vector is centered by it. None: it is not guessed.
            exclude_seen: Leave out the items of the history, which are found like others otherwise.

        Returns:
            At most `size`, best first, each work once. Without an encoder BM25 is alone, and
            `notes` says so.

        Raises:
            UnknownLanguage: Not a language tag, or none of the index's languages.
            UsageError: The query is empty or too long; `size` is not at least 1; an event without a
                weight; a history's free text without an encoder.
            XlrecError: As for `recommend`.
        """
        targets = None if languages is None else tuple(languages)
        query = Query(text, targets, size, query_language, exclude_seen)
        return self._run(self._core.search_text(query, history))

    def rank_plan(self, history: History, ids: Iterable[str]) -> Plan:
        """What `rank` sends to read the documents, without sending it; the history is read.

        Args:
            history: As for `rank`.
            ids: As for `rank`.

        Raises:
            XlrecError: As for `rank`.
        """
        return self._run(self._core.rank_plan(history, ids))

    def search_plan(
        self,
        text: str,
        *,
        languages: Iterable[str] | None = None,
        query_language: str | None = None,
    ) -> Plan:
        """The searches of `search`, without sending them; vectors stand in them as numbers.

        Args:
            text: As for `search`.
            languages: As for `search`.
            query_language: As for `search`.

        Raises:
            XlrecError: As for `search`.
        """
        targets = None if languages is None else tuple(languages)
        return self._run(self._core.search_plan(Query(text, targets, language=query_language)))


class AsyncPersonal:
    """`rank` and `search` of an `AsyncRecommender`."""

    _core: WholeCore

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    async def live(self, *, afresh: bool = False) -> LiveIndex:
        """As `Personal.live`.

        Args:
            afresh: As there.

        Raises:
            XlrecError: As there.
        """
        return await self._run(self._core.live(afresh=afresh))

    async def rank(
        self, history: History, ids: Iterable[str], *, languages: Iterable[str] | None = None
    ) -> Recommendations:
        """As `Recommender.rank`.

        Args:
            history: As there.
            ids: As there.
            languages: As there.

        Raises:
            XlrecError: As there.
        """
        return await self._run(self._core.rank(history, ids, languages))

    async def search(
        self,
        text: str,
        history: History | None = None,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        query_language: str | None = None,
        exclude_seen: bool = False,
    ) -> Recommendations:
        """As `Recommender.search`.

        Args:
            text: As there.
            history: As there.
            languages: As there.
            size: As there.
            query_language: As there.
            exclude_seen: As there.

        Raises:
            XlrecError: As there.
        """
        targets = None if languages is None else tuple(languages)
        query = Query(text, targets, size, query_language, exclude_seen)
        return await self._run(self._core.search_text(query, history))

    async def rank_plan(self, history: History, ids: Iterable[str]) -> Plan:
        """As `Recommender.rank_plan`.

        Args:
            history: As there.
            ids: As there.

        Raises:
            XlrecError: As there.
        """
        return await self._run(self._core.rank_plan(history, ids))

    async def search_plan(
        self,
        text: str,
        *,
        languages: Iterable[str] | None = None,
        query_language: str | None = None,
    ) -> Plan:
        """As `Recommender.search_plan`.

        Args:
            text: As there.
            languages: As there.
            query_language: As there.

        Raises:
            XlrecError: As there.
        """
        targets = None if languages is None else tuple(languages)
        query = Query(text, targets, language=query_language)
        return await self._run(self._core.search_plan(query))
