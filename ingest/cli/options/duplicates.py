"""Options of the commands that tell duplicates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ingest.documents.duplicate_policy import MODES, Duplicates
from xlrec_es.cli.options.values import Number

F = TypeVar("F", bound=Callable[..., Any])


def duplicate_options(command: F) -> F:
    """Give a command the options of duplicates; it receives them as `duplicates`."""

    @click.option(
        "--duplicates",
        "mode",
        type=click.Choice(MODES),
        default="keep",
        show_default=True,
        help="What happens to a text that the input already had in the same language: keep it, "
        "drop it, or link it as another document of the same item.",
    )
    @click.option(
        "--near-duplicates",
        "near",
        type=Number(),
        metavar="FRACTION",
        help="Similarity from which texts are duplicates too, such as 0.8: their common part of "
        "strings of five characters. It is estimated, and a few duplicates are missed.",
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
