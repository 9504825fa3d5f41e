"""`/v1/trending` and `/v1/buy-again`: lists by other relations than taste, out of events."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from xlrec_es.relations.buy_again import AgainQuestion
from xlrec_es.relations.periods import Periods
from xlrec_es.relations.trending import TrendQuestion
from xlrec_es.service.api import routing
from xlrec_es.service.api.answers import BuyAgainGiven, TrendingGiven
from xlrec_es.service.api.asking import Asking
from xlrec_es.service.api.counting import Counting, completed
from xlrec_es.service.api.questions import BuyAgainAsked, TrendingAsked, UserAsked
from xlrec_es.service.api.routing import written


def routes(asking: Asking, counting: Counting) -> APIRouter:
    """The endpoints.

    Args:
        asking: What all requests share.
        counting: Counts.
    """
    router = routing.router("recommendations")

    @router.post("/trending", response_model=TrendingGiven)
    async def trending(asked: TrendingAsked) -> Response:
        """List what trends: more users than its own past and its market lead to expect."""
        source = counting.source
        question = asking.list_question(asked, await asking.placement(asked), asked.user)
        user = UserAsked(user=asked.user, history=list(asked.history))
        history, notes = await asking.history(user)
        # What the service was started with may be a market of popularity alone.
        has_markets = source.market is not None or asked.options.market is not None
        trend = TrendQuestion(
            question.languages,
            question.size,
            question.options.search.market if has_markets else None,
            Periods(asked.period, asked.past),
            (*history.items, *question.curation.excluded),
        )
        trends = counting.lists(question).trends
        found = await asyncio.to_thread(trends.ask, trend, options=question.options)
        return written(completed(question, found, notes))

    @router.post("/buy-again", response_model=BuyAgainGiven)
    async def buy_again(asked: BuyAgainAsked) -> Response:
        """List what a user may buy again now, by the gaps between purchases of each item."""
        question = asking.list_question(asked, await asking.placement(asked), asked.user)
        history, notes = await counting.purchases(
            UserAsked(user=asked.user, history=list(asked.history))
        )
        again = AgainQuestion(
            history,
            question.languages,
            question.size,
            asked.ahead_days,
            question.curation.excluded,
        )
        repurchases = counting.lists(question).repurchases
        found = await asyncio.to_thread(repurchases.ask, again, options=question.options)
        return written(completed(question, found, notes))

    return router
