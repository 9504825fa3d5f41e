"""Options that say which interactions count, wherever they are learned from or measured by."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from xlrec_es.cli.options.values import Number, finite
from xlrec_es.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


_event_option = click.option(
    "--event",
    "events",
    multiple=True,
    metavar="NAME=WEIGHT",
    help="Weight of an event; events that are not named then do not count. Repeatable.",
    show_default="view 1, click 1, rate 2, save 2, like 3, cart 3, purchase 5, and common "
    "other names of these",
)
_min_rating_option = click.option(
    "--min-rating",
    type=Number(),
    metavar="RATING",
    help="Lowest rating that counts as a positive interaction.",
)
time_format_option = click.option(
    "--time-format",
    metavar="UNIT|PATTERN",
    help="Form of the times: seconds, milliseconds, microseconds, nanoseconds, yyyymmdd, "
    "or a pattern such as '%d/%m/%Y %H:%M'.",
    show_default="recognized, ISO 8601 too",
)


def like_options(command: F) -> F:
    """Give a command `events` (None for the weights by default), `min_rating` and `time_format`."""
    return _event_option(_min_rating_option(time_format_option(_with_weights(command))))


def history_options(command: F) -> F:
    """Give a command `events` and `time_format`: in a history, ratings are compared by user."""
    return _event_option(time_format_option(_with_weights(command)))


def _with_weights(command: F) -> F:
    @functools.wraps(command)
    def wrapper(*args: Any, events: tuple[str, ...], **kwargs: Any) -> Any:  # noqa: ANN401
        return command(*args, events=_weights(events) if events else None, **kwargs)

    return wrapper  # type: ignore[return-value]


def _weights(events: tuple[str, ...]) -> dict[str, float]:
    """Weight by event, of texts such as `purchase=5`."""
    weights = {}
    for text in events:
        name, _, number = text.partition("=")
        try:
            weights[name] = finite(number)
        except ValueError:
            raise UsageError(f"--event {text!r}: write NAME=WEIGHT, such as purchase=5") from None
    return weights
