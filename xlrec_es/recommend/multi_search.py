"""Several users at once: all their searches of a round in one `_msearch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from xlrec_es.cluster.client_errors import explained, root_cause
from xlrec_es.errors import ClusterError, IndexNotFound, SearchFailed, XlrecError
from xlrec_es.recommend.calls import MSEARCH, SEARCH, Call, Done, Outcome, Steps, advance

T = TypeVar("T")


def together(people: Sequence[Steps[T]]) -> Steps[list[T | XlrecError]]:
    """Step through several users at once, all their searches of a round in one request.

    Args:
        people: The steps of each.

    Returns:
        For each of them in order the result, or the error.

    Raises:
        ClusterError: It would meet the others too.
    """
    results: list[T | XlrecError | None] = [None] * len(people)
    outcomes: Mapping[int, Outcome | None] = dict.fromkeys(range(len(people)))
    while outcomes:
        calls: dict[int, Call] = {}
        for number, outcome in outcomes.items():
            try:
                reached = advance(people[number], outcome)
            except ClusterError:
                raise
            except XlrecError as error:
                results[number] = error
                continue
            if isinstance(reached, Done):
                results[number] = reached.result
            else:
                calls[number] = reached
        outcomes = yield from _ask_together(calls)
    return results  # type: ignore[return-value] # every user has ended


def _ask_together(calls: Mapping[int, Call]) -> Steps[dict[int, Outcome]]:
    outcomes: dict[int, Outcome] = {}
    for number, call in calls.items():
        # Whoever sees that the alias was swapped asks what the new version says of itself.
        if call.method not in (SEARCH, MSEARCH):
            outcomes[number] = yield call
    searches = {n: _as_searches(call) for n, call in calls.items() if n not in outcomes}
    lines = [line for mine in searches.values() for line in mine]
    if not lines:
        return outcomes
    whole = (yield Call(MSEARCH, {"searches": lines}))["responses"]
    for number, mine in searches.items():
        part, whole = whole[: len(mine) // 2], whole[len(mine) // 2 :]
        several = calls[number].method == MSEARCH
        outcomes[number] = {"responses": part} if several else _outcome(part[0])
    return outcomes


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    """What a search would have met if it had been sent by itself."""
    error = answer.get("error")
    if error is None:
        return answer
    cause = root_cause(error)
    reason = explained(cause) or "a search failed"
    gone = cause.get("type") == "index_not_found_exception"  # pruned a moment ago
    return IndexNotFound(reason) if gone else SearchFailed(reason, status=answer.get("status"))


def _as_searches(call: Call) -> Sequence[Mapping[str, Any]]:
    """The lines that ask the same in an `_msearch`."""
    if call.method == MSEARCH:
        lines: Sequence[Mapping[str, Any]] = call.arguments["searches"]
        return lines
    return [{"index": call.arguments["index"]}, call.arguments["body"]]
