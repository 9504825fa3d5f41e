"""Options of the commands that serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from xlrec_es.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def address_options(port: int) -> Callable[[F], F]:
    """Give a command `host` and `port`, this one by default."""

    def declare(command: F) -> F:
        host = click.option(
            "--host",
            default="127.0.0.1",
            show_default=True,
            metavar="HOST",
            help="Address to listen on.",
        )
        number = click.option(
            "--port",
            default=port,
            show_default=True,
            type=click.IntRange(0, 65535),
            metavar="N",
            help="HTTP port to listen on.",
        )
        return host(number(command))

    return declare


def caller_options(command: F) -> F:
    """Give a command `hosts`, `origins` and `max_requests`."""
    for option in (
        click.option(
            "--max-requests",
            default=128,
            show_default=True,
            type=click.IntRange(min=1),
            metavar="N",
            help="Requests under way at once in a process; more are answered 429.",
        ),
        click.option(
            "--allowed-origin",
            "origins",
            multiple=True,
            metavar="URL",
            help="Origin of pages that may ask, such as https://shop.example. Repeatable.",
        ),
        click.option(
            "--allowed-host",
            "hosts",
            multiple=True,
            metavar="HOST",
            help="Name by which the service may be asked. Repeatable.",
            show_default="any with a token, else localhost",
        ),
    ):
        command = option(command)
    return command


placements_index_option = click.option(
    "--placements-index",
    default="xlrec-placements",
    show_default=True,
    metavar="INDEX",
    help="Index where placements are kept.",
)

samples_option = click.option(
    "--samples",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help='JSON file with histories to try: {"name": ["id", ...]}.',
)


def read_samples(path: Path | None) -> dict[str, list[str]]:
    """Histories to try, as ids by a name.

    Raises:
        ConfigError: The file says something else.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        return {str(name): [str(item) for item in _listed(items)] for name, items in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigError(f'cannot read {path}: {error}; write {{"name": ["id", ...]}}') from error


def _listed(items: object) -> list[object]:
    if not isinstance(items, list):  # a text would become a list of its letters
        raise TypeError(f"{items!r} is no list")
    return items
