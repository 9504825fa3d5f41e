"""`/v1/trending` and `/v1/buy-again`: lists by other relations than taste, out of events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from elasticsearch import Elasticsearch
from fastapi import APIRouter
from starlette.responses import Response

from xlrec_es.errors import IndexNotFound, UnknownItems, UsageError
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.history import History
from xlrec_es.placements.cache import Current
from xlrec_es.recommend.curation import Curation
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import PlacementUsed, Recommendations
from xlrec_es.relations.buy_again import AgainQuestion, BuyAgain, purchases_of
from xlrec_es.relations.periods import Periods
from xlrec_es.relations.trending import TrendQuestion, Trends
from xlrec_es.service.api import routing
from xlrec_es.service.api.answers import BuyAgainGiven, TrendingGiven
from xlrec_es.service.api.asking import (
    Asking,
    interactions_of,
    languages_of,
    options_of,
    with_notes,
)
from xlrec_es.service.api.questions import BuyAgainAsked, TrendingAsked, UserAsked
from xlrec_es.service.api.routing import written
from xlrec_es.service.settings import Settings

_NO_EVENTS = (
    "this service reads no events, which this is counted from: start it with --events-index"
)
_NOT_CURATED = "pins and buries of a placement do not apply here"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How a list is made.

    Attributes:
        options: Filters, caps, market.
        languages: Target languages, or None.
        size: Of the list.
        curation: Of which exclusions hold.
        placement: What it is made by, for logs.
        notes: For people.
    """

    options: Options
    languages: Sequence[str] | None
    size: int
    curation: Curation = field(default_factory=Curation)
    placement: PlacementUsed | None = None
    notes: tuple[str, ...] = ()

    def completed(self, found: Recommendations, notes: Sequence[str]) -> Recommendations:
        """An answer with what was noted, and what it was made by."""
        curated = self.curation.pins or self.curation.buries
        told = (*self.notes, *((_NOT_CURATED,) if curated else ()), *notes)
        return replace(with_notes(found, told), placement=self.placement)


def routes(settings: Settings, asking: Asking, client: Elasticsearch) -> APIRouter:
    """The endpoints.

    Args:
        settings: Of the service.
        asking: What all requests share.
        client: It blocks, and is called in threads.
    """
    router = routing.router("recommendations")
    trends: dict[str, Trends] = {}
    repurchases: dict[str, BuyAgain] = {}
    for index in settings.indices if settings.events is not None else ():
        source = _events(settings)
        trends[index] = Trends(client, index, source, options=settings.options)
        repurchases[index] = BuyAgain(client, index, source, options=settings.options)

    @router.post("/trending", response_model=TrendingGiven)
    async def trending(asked: TrendingAsked) -> Response:
        """List what trends: more users than its own past and its market lead to expect."""
        source = _events(settings)
        wanted = _wanted(settings, asking, asked, await asking.placement(asked))
        seen, notes = await _seen(asking, asked)
        market = wanted.options.search.market
        # What the service was started with may be a market of popularity alone.
        has_markets = source.market is not None or asked.options.market is not None
        question = TrendQuestion(
            wanted.languages,
            wanted.size,
            market if has_markets else None,
            Periods(asked.period, asked.past),
            (*seen, *wanted.curation.excluded),
        )
        found = await asyncio.to_thread(
            trends[asking.index(asked.index)].ask, question, options=wanted.options
        )
        return written(wanted.completed(found, notes))

    @router.post("/buy-again", response_model=BuyAgainGiven)
    async def buy_again(asked: BuyAgainAsked) -> Response:
        """List what a user may buy again now, by the gaps between purchases of each item."""
        source = _events(settings)
        wanted = _wanted(settings, asking, asked, await asking.placement(asked))
        history, notes = History(interactions_of(asked.history)), []
        if asked.user is not None:
            try:
                read = await asyncio.to_thread(purchases_of, client, asked.user, source)
                history = History((*history.interactions, *read.interactions))
            except (UnknownItems, IndexNotFound):  # the index is made with the first event
                notes.append("no event of this user is known")
        question = AgainQuestion(
            history, wanted.languages, wanted.size, asked.ahead_days, wanted.curation.excluded
        )
        found = await asyncio.to_thread(
            repurchases[asking.index(asked.index)].ask, question, options=wanted.options
        )
        return written(wanted.completed(found, notes))

    return router


def _events(settings: Settings) -> EventSource:
    if settings.events is None:
        raise UsageError(_NO_EVENTS)
    return settings.events


def _wanted(
    settings: Settings,
    asking: Asking,
    asked: TrendingAsked | BuyAgainAsked,
    current: Current | None,
) -> _Wanted:
    if current is None:
        options = options_of(asked.options, settings.options)
        languages, options = languages_of(asked, options)
        return _Wanted(options, languages, asked.size)
    found = asking.resolved(asked, current, asked.user)
    return _Wanted(
        found.options, found.languages, found.size, found.curation, found.used, found.notes
    )


async def _seen(asking: Asking, asked: TrendingAsked) -> tuple[Sequence[str], list[str]]:
    """The items that a user knows, and notes on that."""
    if asked.user is None:
        return asked.history, []
    history, notes = await asking.history(UserAsked(user=asked.user), for_variant=True)
    return [*asked.history, *history.items], notes
