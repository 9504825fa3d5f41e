"""Options that say which index is written, and in which mode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.errors import ConfigError

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from ingest.write.modes import Mode

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class WrittenIndex:
    """Which index is written, and how.

    Attributes:
        name: Index or alias.
        mode: `VERSION`, `IN_PLACE` or `COMPANION` of `ingest.write.modes`.
    """

    name: str
    mode: Mode

    @classmethod
    def chosen(
        cls, source: str, index: str | None, *, in_place: bool, companion: bool
    ) -> WrittenIndex:
        """Combine what was said.

        Raises:
            ConfigError: It contradicts itself.
        """
        from ingest.write.modes import COMPANION, IN_PLACE, VERSION
        from xlrec_es.interactions.row_reader import INDEX

        if not (in_place or companion):
            if index is None:
                raise ConfigError("name the index to write with --index, or XLREC_INDEX")
            return cls(index, VERSION)
        if in_place and companion:
            raise ConfigError("an index is completed --in-place, or has a --companion; choose one")
        name = source.removeprefix(INDEX)
        if not source.startswith(INDEX) or not name:
            raise ConfigError(f"{source}: what exists is given as {INDEX}NAME")
        if in_place and index not in (None, name):
            raise ConfigError(f"in place, {name} is what is written; leave --index {index} out")
        if companion and index == name:
            raise ConfigError(f"a companion has a name of its own: --index {name}-xlrec")
        return cls(name, IN_PLACE) if in_place else cls(index or f"{name}-xlrec", COMPANION)


ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Engine:
    """Ray, where the work is done.

    Attributes:
        address: Of a Ray cluster; None: one is started on this machine.
        workers: How many; None: as many as fit.
    """

    address: str | None = None
    workers: int | None = None


shard_option = click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="I/N",
    help="Process the I-th of N parts only, to divide the input between machines.",
)


def engine_options(command: F) -> F:
    """Give a command the options of where its work is done; it gets `engine`."""

    @click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=ENGINES[0],
        show_default=True,
        help="Where the work is done: in this process, or by the workers of a Ray cluster.",
    )
    @click.option(
        "--address",
        metavar="HOST",
        help="Ray cluster that --engine ray joins: auto, HOST:PORT or ray://HOST:PORT.",
        show_default="one is started on this machine",
    )
    @click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="N",
        help="Workers of --engine ray.",
        show_default="one for each GPU, or for each two CPUs where there is none",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        engine: str,
        address: str | None,
        workers: int | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if engine == ENGINES[0] and (address is not None or workers is not None):
            raise ConfigError("--address and --workers are of --engine ray; give that too")
        chosen = None if engine == ENGINES[0] else Engine(address, workers)
        return command(*args, engine=chosen, **kwargs)

    return cast("F", wrapped)


def mode_options(command: F) -> F:
    """Give a command the options of how an index is written; see `ingest.run.job`."""

    @click.option(
        "--in-place",
        is_flag=True,
        help="Add the object xlrec to the documents of index:NAME, and write nothing else.",
    )
    @click.option(
        "--companion",
        is_flag=True,
        help="Write vectors into an index of their own beside index:NAME, joined by document IDs. "
        "It is called NAME-xlrec unless --index names it.",
    )
    @renamed_option(
        "--keep-field",
        "keep",
        old=("--keep",),
        multiple=True,
        metavar="FIELD",
        help="Field to copy into a companion, for filters, boosts and caps; the title always is. "
        "Repeatable.",
        show_default="those that the companion has",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        in_place: bool,
        companion: bool,
        keep: tuple[str, ...],
        index: str | None,
        source: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        target = WrittenIndex.chosen(source, index, in_place=in_place, companion=companion)
        if keep and not companion:
            raise ConfigError("--keep-field is for --companion; otherwise all fields stay")
        return command(*args, source=source, target=target, keep=keep or None, **kwargs)

    return wrapper  # type: ignore[return-value]
