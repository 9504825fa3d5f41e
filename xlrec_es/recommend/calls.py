"""Requests that are to be sent, and steps from one to the next. No client.

Generators yield a `Call` and are sent its answer, or are thrown the error that it met. Whoever has
a client carries the calls, and steps from each to the next by `advance`. What takes long and is no
request, such as encoding, is a call too: so that a caller for asyncio can do it in a thread.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from xlrec_es.cluster.answers import Answer
from xlrec_es.errors import XlrecError

T = TypeVar("T")

SEARCH = "search"
MSEARCH = "msearch"
ENCODE = "encode"
"""No method of the client: see `flow.Core.encode`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: a method of the client, by its dotted name, or `ENCODE`; and its arguments."""

    method: str
    arguments: Mapping[str, Any]


Steps = Generator[Call, Mapping[str, Any], T]

Outcome = Mapping[str, Any] | XlrecError
"""What became of a call: its answer, or the error that it met."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The end of steps, and what they return."""

    result: T


def advance(steps: Steps[T], outcome: Outcome | None = None) -> Call | Done[T]:
    """Go on to the next call, or to the end.

    Args:
        steps: What is under way.
        outcome: What became of the last call; None for the first step. Steps that are told of an
            error may go on without the answer.

    Raises:
        XlrecError: The steps end in it.
    """
    try:
        if isinstance(outcome, XlrecError):
            return steps.throw(outcome)
        return next(steps) if outcome is None else steps.send(outcome)
    except StopIteration as end:
        return Done(end.value)


def ask(
    index: str, bodies: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, Any]] = ()
) -> Steps[Sequence[Answer]]:
    """The answers to searches, in one request; to none, none.

    Args:
        index: Where the searches are sent.
        bodies: Of the searches.
        beside: Lines of further searches, a header and a body each, that are sent along.
    """
    if not (bodies or beside):
        return []
    if len(bodies) == 1 and not beside:
        return [(yield Call(SEARCH, {"index": index, "body": bodies[0]}))]
    header = {"index": index}
    lines = [line for body in bodies for line in (header, body)]
    answer = yield Call(MSEARCH, {"searches": [*lines, *beside]})
    answers: Sequence[Answer] = answer["responses"]
    return answers
