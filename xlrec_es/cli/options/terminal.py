"""What commands print: texts of others cannot speak to the terminal, and warnings are in red."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TextIO

import click

from xlrec_es.credentials import InsecureConnectionWarning
from xlrec_es.visible_text import visible


def echo(message: object = "", *, label: str = "", err: bool = False, nl: bool = True) -> None:
    """Print a message as `click.echo` does, with control characters written out.

    Args:
        message: A text, UTF-8 bytes, or what has a text.
        label: Stands before it as it is, with the colors of `click.style`: nobody else's text.
        err: To standard error.
        nl: End the line.
    """
    text = message.decode() if isinstance(message, bytes) else str(message)
    click.echo(label + visible(text), err=err, nl=nl)  # noqa: TID251 - the one place


@contextlib.contextmanager
def insecure_warnings() -> Iterator[None]:
    """Say in red, once each, what others can read of a connection; other warnings as always."""
    said: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_in_red(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, InsecureConnectionWarning):
                show(message, category, filename, lineno, file, line)
            elif (text := visible(str(message))) not in said:
                said.add(text)
                click.secho(f"WARNING: {text}.", fg="red", bold=True, err=True)  # noqa: TID251

        warnings.simplefilter("always", InsecureConnectionWarning)
        warnings.showwarning = show_in_red
        yield
