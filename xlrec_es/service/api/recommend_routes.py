"""`/v1/recommend`, `similar`, `rank`, `search`, `query`: what the library offers, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from starlette.responses import Response

from xlrec_es.errors import UnknownItems, UsageError, XlrecError
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request import query_forms
from xlrec_es.service.api import routing
from xlrec_es.service.api.answers import BatchGiven, QueryGiven, RecommendationsGiven
from xlrec_es.service.api.asking import Asking, Question, with_notes
from xlrec_es.service.api.counting import Counting
from xlrec_es.service.api.questions import (
    MAX_BATCH_IDS,
    BatchAsked,
    RankAsked,
    RecommendAsked,
    SearchAsked,
    SimilarAsked,
    UserAsked,
)
from xlrec_es.service.api.routing import written
from xlrec_es.service.web.problems import members_of

_AT_ONCE = 4
"""Histories of a batch that are read before other callers have their turn."""
_TOO_LONG = (
    f"the histories of this batch have more than {MAX_BATCH_IDS} interactions together; ask for "
    "this user in another batch"
)


def routes(asking: Asking, counting: Counting) -> APIRouter:
    """The endpoints.

    Args:
        asking: What all requests share.
        counting: Makes the lists of placements that are counted from events.
    """
    router = routing.router("recommendations")

    @router.post("/recommend", response_model=RecommendationsGiven)
    async def recommend(asked: RecommendAsked) -> Response:
        """Recommend items to a user; without anything known of the user, popular ones."""
        return written(await _list(asking, counting, asked))

    @router.post("/recommend/batch", response_model=BatchGiven)
    async def recommend_batch(asked: BatchAsked) -> Response:
        """Recommend items to several users; for each of them a list, or a problem."""
        return written({"users": await _lists(asking, counting, asked)})

    @router.post("/similar", response_model=RecommendationsGiven)
    async def similar(asked: SimilarAsked) -> Response:
        """Find items similar to one."""
        question = asking.question(asked)
        return written(
            await question.recommender.similar(
                asked.item, languages=question.languages, size=asked.size, measure=asked.measure
            )
        )

    @router.post("/rank", response_model=RecommendationsGiven)
    async def rank(asked: RankAsked) -> Response:
        """Put given items into the order of a user."""
        question = asking.question(asked)
        history, notes = await asking.history(asked)
        found = await question.recommender.rank(history, asked.ids, languages=question.languages)
        return written(with_notes(found, notes))

    @router.post("/search", response_model=RecommendationsGiven)
    async def search(asked: SearchAsked) -> Response:
        """Search for words in all target languages, in the order of a user."""
        question = asking.question(asked)
        history, _ = await asking.history(asked)
        found = await question.recommender.search(
            asked.text,
            history if history.interactions or history.texts else None,
            languages=question.languages,
            size=asked.size,
            query_language=asked.query_language,
            exclude_seen=asked.exclude_seen,
        )
        return written(found)

    @router.post("/query", response_model=QueryGiven)
    async def query(asked: RecommendAsked) -> Response:
        """Show the searches that `recommend` sends, ready for Kibana's console."""
        current = await asking.placement(asked)
        question = asking.list_question(asked, current, asked.user)
        if question.relation is not None:
            raise UsageError(
                f"a placement of the relation {question.relation} is counted from events, by no "
                "search; ask for its list"
            )
        history, _ = await asking.history(asked, for_variant=current is not None)
        plan = await question.recommender.plan(history, languages=question.languages)
        console = query_forms.render(plan.requests, index=plan.live.searched, url="")
        told = [
            {"language": one.language, "retriever": one.retriever, "body": one.body}
            for one in plan.requests
        ]
        return written({"console": console, "requests": told})

    return router


async def _list(asking: Asking, counting: Counting, asked: RecommendAsked) -> Recommendations:
    """The list of one user."""
    current = await asking.placement(asked)
    question = asking.list_question(asked, current, asked.user)
    if question.relation is not None:
        return await counting.page(question, asked)
    shown = asking.shown(asked.shown)
    history, notes = await asking.history(asked, for_variant=current is not None)

    async def found(history: History) -> Recommendations:
        return await question.recommender.recommend(
            history,
            languages=question.languages,
            size=question.size,
            page=asked.page,
            after=asked.after,
            shown=shown,
        )

    try:
        return question.completed(await found(history), notes)
    except UnknownItems:
        if asked.user is None:
            raise
        notes = [*notes, "no item of this user's history is in the index"]
        return question.completed(await found(History()), notes)


async def _lists(asking: Asking, counting: Counting, asked: BatchAsked) -> list[dict[str, object]]:
    """What a batch tells of each of its users, in their order."""
    current = await asking.placement(asked)
    placed = current is not None
    read = await _histories(asking, asked.users, placed)
    # The users of a variant have their options in common, and so have all without one.
    groups: dict[str | None, tuple[Question, list[int]]] = {}
    for number, user in enumerate(asked.users):
        if not placed and groups:
            groups[None][1].append(number)
            continue
        question = asking.list_question(asked, current, user.user)
        variant = None if question.placement is None else question.placement.variant
        groups.setdefault(variant, (question, []))[1].append(number)
    told: dict[int, dict[str, object]] = {}
    for question, numbers in groups.values():
        if question.relation is not None:
            for number in numbers:
                told[number] = await _counted(counting, question, asked.users[number])
            continue
        histories = [one[0] for n in numbers if not isinstance(one := read[n], XlrecError)]
        lists = question.recommender.recommend_many(
            histories, languages=question.languages, size=question.size
        )
        found = iter([one async for one in lists])
        told |= {number: _told(read[number], found, question) for number in numbers}
    return [told[number] for number in range(len(read))]


async def _counted(counting: Counting, question: Question, asked: UserAsked) -> dict[str, object]:
    """What a batch tells of a user whose list is counted from events."""
    try:
        return {"recommendations": await counting.first_page(question, asked)}
    except XlrecError as error:
        return {"problem": members_of(error)}


async def _histories(
    asking: Asking, users: Sequence[UserAsked], placed: bool
) -> list[tuple[History, list[str]] | XlrecError]:
    """The history of each user with notes on it, or why there is none.

    Histories that were read count in the bound of those that were sent: the caller cannot know how
    long they are, so that the users beyond it have a problem, and the others their lists.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    room = MAX_BATCH_IDS

    async def read(asked: UserAsked) -> tuple[History, list[str]] | XlrecError:
        nonlocal room
        async with turns:
            await asyncio.sleep(0)  # what others asked meanwhile comes first
            try:
                found = await asking.history(asked, for_variant=placed)
            except XlrecError as error:
                return error
            if len(found[0].interactions) > room:
                return UsageError(_TOO_LONG)
            room -= len(found[0].interactions)
            return found

    return await asyncio.gather(*map(read, users))


def _told(
    read: tuple[History, list[str]] | XlrecError,
    found: Iterator[Recommendations | XlrecError],
    question: Question,
) -> dict[str, object]:
    """What a batch tells of a user, whose list is the next of those that were found."""
    if isinstance(read, XlrecError):
        return {"problem": members_of(read)}
    answer = next(found)
    if isinstance(answer, XlrecError):
        return {"problem": members_of(answer)}
    return {"recommendations": question.completed(answer, read[1])}
