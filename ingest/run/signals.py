"""End a run on a signal, so that nothing that was done is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console  # noqa: TID251 - it moves the cursor alone

from xlrec_es.visible_text import visible

DRAIN_S = 25
"""Service managers and containers kill after 30 s what does not end by itself."""


def tell(sentence: str) -> None:
    """On standard error."""
    click.echo(visible(sentence), err=True)  # noqa: TID251 - commands' own is above this folder


@dataclass(slots=True)
class Stop:
    """A wish that a run may end.

    Attributes:
        requested: Set by whoever wishes it.
        can_drain: Set by the run once it writes, and has something to bring to an end.
        number: The signal that it came by, if it did.
        say: Tells whoever wishes it what happens.
    """

    requested: threading.Event = field(default_factory=threading.Event)
    can_drain: bool = False
    number: int = 0
    say: Callable[[str], None] = tell


@contextlib.contextmanager
def stoppable(say: Callable[[str], None] = tell) -> Iterator[Stop]:
    """End on Ctrl-C and SIGTERM: gently at first, at once when asked again or out of time.

    To end at once is safe: the checkpoint is behind what is acknowledged, never ahead of it.

    Args:
        say: Is given the sentences that tell what happens.
    """
    stop = Stop(say=say)

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.requested.is_set() or not stop.can_drain:
            stop.number = stop.number or number
            end(stop, " at once")
        stop.number = number
        stop.requested.set()
        signal.alarm(DRAIN_S)
        stop.say("Stopping: what is encoded is still written ...")

    def give_up(_number: int, _frame: FrameType | None) -> None:
        end(stop, f" without an answer for {DRAIN_S} s")

    handlers = {signal.SIGINT: ask, signal.SIGTERM: ask, signal.SIGALRM: give_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def end(stop: Stop, how: str) -> NoReturn:
    """End the process with a sentence, and the exit code of the signal."""
    Console(stderr=True).show_cursor()  # which the progress bar hides
    name = signal.Signals(stop.number).name
    kept = (
        "What was acknowledged is in the index; the same command goes on from there, with --resume "
        "at once."
        if stop.can_drain
        else "This run has written no document yet; run the same command again."
    )
    stop.say(f"Stopped by {name}{how}. {kept}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + stop.number)  # threads that wait for a network could not be told
