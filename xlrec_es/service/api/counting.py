"""Lists that are counted from events: by an endpoint of their own, or by a placement."""

from __future__ import annotations

import asyncio

from elasticsearch import Elasticsearch

from xlrec_es.errors import UsageError
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.history import History
from xlrec_es.placements.resolution import NOT_CURATED
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.relations.buy_again import purchases_of
from xlrec_es.relations.counted import CountedLists, CountedQuestion
from xlrec_es.relations.names import BUY_AGAIN
from xlrec_es.service.api.asking import Asking, Question, interactions_of
from xlrec_es.service.api.questions import RecommendAsked, UserAsked
from xlrec_es.service.settings import Settings

_NO_EVENTS = (
    "this service reads no events, which this is counted from: start it with --events-index"
)
_NO_CURSOR = "a list that is counted from events has no cursor: ask for its next page by its number"
_ALL_SHOWN = "what the user was shown keeps its place in a list that is counted from events"


class Counting:
    """Asks for lists that are counted from events; what was counted is shared by all requests."""

    def __init__(self, settings: Settings, asking: Asking, client: Elasticsearch) -> None:
        """Nothing is counted yet.

        Args:
            settings: Of the service.
            asking: What all requests share.
            client: It blocks, and is called in threads.
        """
        self._settings = settings
        self._asking = asking
        self._client = client
        self._lists: dict[str, CountedLists] = {}
        if settings.events is not None:
            for index in settings.indices:
                self._lists[index] = CountedLists(
                    client, index, settings.events, options=settings.options
                )

    @property
    def source(self) -> EventSource:
        """Where events are.

        Raises:
            UsageError: The service reads none.
        """
        if self._settings.events is None:
            raise UsageError(_NO_EVENTS)
        return self._settings.events

    def lists(self, question: Question) -> CountedLists:
        """The lists of an index.

        Raises:
            UsageError: The service reads no events.
        """
        if not self._lists:
            raise UsageError(_NO_EVENTS)
        return self._lists[question.index]

    async def page(self, question: Question, asked: RecommendAsked) -> Recommendations:
        """What `/v1/recommend` answers by a placement whose list is counted.

        Raises:
            UsageError: The service reads no events; or a cursor is sent.
            XlrecError: It cannot be counted.
        """
        if asked.after is not None:
            raise UsageError(_NO_CURSOR)
        found, notes = await self._found(question, asked, asked.page)
        return completed(question, found, [*notes, *([_ALL_SHOWN] if asked.shown else [])])

    async def first_page(self, question: Question, asked: UserAsked) -> Recommendations:
        """What a batch answers for one of its users; as `page`."""
        return completed(question, *await self._found(question, asked, 1))

    async def purchases(self, asked: UserAsked) -> tuple[History, list[str]]:
        """What a user bought, and notes on it: what is sent, and what the events say.

        Raises:
            UsageError: The service reads no events.
            XlrecError: They cannot be read.
        """
        sent = interactions_of(asked.history)
        if asked.user is None:
            return History(sent), []

        def read(user: str, source: EventSource) -> History:
            return purchases_of(self._client, user, source)

        found, notes = await self._asking.events_of(read, asked.user, self.source)
        return History((*sent, *found.interactions)), notes

    async def _found(
        self, question: Question, asked: UserAsked, page: int
    ) -> tuple[Recommendations, list[str]]:
        lists = self.lists(question)
        if question.relation == BUY_AGAIN:
            history, notes = await self.purchases(asked)
        else:
            history, notes = await self._asking.history(asked)
        counted = CountedQuestion(
            str(question.relation),
            question.options,
            question.languages,
            question.size,
            page,
            question.curation.excluded,
        )
        return await asyncio.to_thread(lists.ask, counted, history), notes


def completed(question: Question, found: Recommendations, notes: list[str]) -> Recommendations:
    """An answer that was counted, with what was noted, and what it was made by."""
    curated = question.curation.pins or question.curation.buries
    return question.completed(found, [*([NOT_CURATED] if curated else []), *notes])
