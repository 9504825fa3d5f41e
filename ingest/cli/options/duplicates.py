"""Options of the commands that tell duplicates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ingest.documents.duplicate_policy import MODES, Duplicates

F = TypeVar("F", bound=Callable[..., Any])


def duplicate_options(command: F) -> F:
    """Give a command the options of duplicates; it receives them as `duplicates`."""

    @click.option(
        "--duplicates",
        "mode",
        type=click.Choice(MODES),
        default="keep",
        show_default=True,
        help="What is done with a text that the input has before, in the same language: keep it, "
        "drop it, or link it as another rendition of the same work.",
    )
    @click.option(
        "--near-duplicates",
        "near",
        type=float,
        metavar="FRACTION",
        help="Texts that are alike are duplicates too, from this on, such as 0.8: the share of "
        "strings of five characters that they have in common. Estimated; most are found.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        mode: str,
        near: float | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        duplicates = Duplicates(mode, near)
        duplicates.check()
        return command(*args, duplicates=duplicates, **kwargs)

    return wrapper  # type: ignore[return-value]
