"""What `evaluate`, `tune` and `pairs` have in common: interactions, their split, test cases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.recommend import MIX_HELP
from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    index_option,
    max_users_option,
    parse_assignments,
    seed_option,
)
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.evaluate.protocol import AT_RANDOM, BY_TIME, POOLS_BY_NAME
from xlrec_es.recommend.options import AUTO, EQUAL

F = TypeVar("F", bound=Callable[..., Any])


def split_options(command: F) -> F:
    """Give a command the options of `protocol.split`: `method`, `part` and `cold`."""
    method = click.option(
        "--split",
        "method",
        type=click.Choice([BY_TIME, AT_RANDOM]),
        help="How interactions are held out: all from a moment on, or a random part per user.",
        show_default="time where every interaction has one",
    )
    part = click.option(
        "--held-out",
        "part",
        default=0.2,
        show_default=True,
        type=NumberRange(0, 1, min_open=True, max_open=True),
        metavar="FRACTION",
        help="Part of the interactions that is held out.",
    )
    cold = renamed_option(
        "--cold-items",
        "cold",
        old=("--cold",),
        default=0.0,
        show_default=True,
        type=NumberRange(0, 1, max_open=True),
        metavar="FRACTION",
        help="Part of the items, sampled, to treat as new: all their interactions are held out.",
    )
    return method(part(cold(command)))


def job_options(command: F) -> F:
    """Give a command the options of an evaluation; it receives an `EvaluationJob`."""

    @click.argument(
        "interactions",
        type=click.Path(path_type=Path, dir_okay=False),
    )
    @index_option()
    @field_option(COLUMNS_OF_LIKES)
    @like_options
    @split_options
    @seed_option
    @max_users_option()
    @click.option(
        "--min-history",
        default=2,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="Fewest interactions in the source language that a test user needs.",
    )
    @click.option(
        "--k",
        default=50,
        show_default=True,
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Cut-off: the number of ranks that count.",
    )
    @click.option(
        "--pool",
        type=click.Choice([*POOLS_BY_NAME]),
        default="all",
        show_default=True,
        help="Candidates: items of all languages but the source (cross), of all languages "
        "(mixed), or those of cross without training interactions (cold).",
    )
    @click.option(
        "--mix",
        type=click.Choice([AUTO, EQUAL]),
        default=AUTO,
        show_default=True,
        help=MIX_HELP,
    )
    @renamed_option(
        "--language-versions",
        "renditions",
        old=("--renditions",),
        type=click.Choice(["all", "one"]),
        default="all",
        show_default=True,
        help="one: each item counts in one of its languages only, sampled by the seed; for "
        "catalogs where most items are in several.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        interactions: Path,
        index: str,
        assignments: tuple[str, ...],
        pool: str,
        events: Mapping[str, float] | None,
        min_rating: float | None,
        time_format: str | None,
        method: str | None,
        part: float,
        cold: float,
        seed: int,
        max_users: int,
        min_history: int,
        k: int,
        mix: str,
        renditions: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from xlrec_es.evaluate.dataset import EvaluationJob  # slow to import

        job = EvaluationJob(
            interactions,
            index,
            fields=parse_assignments(assignments),
            min_rating=min_rating,
            events=events,
            time_format=time_format,
            method=method,
            part=part,
            cold=cold,
            seed=seed,
            max_users=max_users,
            min_history=min_history,
            k=k,
            pools=POOLS_BY_NAME[pool],
            mix=mix,
            one_language=renditions == "one",
        )
        return command(*args, job=job, **kwargs)

    return connection_options(wrapper)  # type: ignore[return-value]
