"""Ray itself: started here for one machine, or joined, and asked for actors."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from xlrec_es.errors import IngestError, MissingExtra, UsageError, XlrecError

# No report of the use leaves the machine, unless it is asked for; read at the import.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray will not change this variable of tasks without a GPU, as it says in a warning.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

try:
    import ray
    from ray.exceptions import RayActorError, RayError, RayTaskError
    from ray.util import ActorPool
except ImportError as error:
    raise MissingExtra.named("ray", "--engine ray") from error

logger = logging.getLogger(__name__)

TRIES = 20
"""A call that has ended the process of its actor so often is given up."""
OBJECT_STORE_BYTES = 256 * 1024 * 1024
"""Of a Ray that is started here: units and results are small."""
_POLL_S = 0.5

I = TypeVar("I")  # noqa: E741 - an input


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where the work is done, and by how many.

    Attributes:
        address: Of a Ray cluster, as `ray.init` takes it; None: one is started on this machine.
        workers: Actors; None: one for each GPU, or for each two CPUs where there is none.
        object_store_bytes: Of a Ray that is started here; None: as much as Ray thinks fit.

    Raises:
        UsageError: Fewer than one.
    """

    address: str | None = None
    workers: int | None = None
    object_store_bytes: int | None = OBJECT_STORE_BYTES

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers is {self.workers}; it counts from 1")


@dataclass(frozen=True, slots=True)
class Places:
    """What each actor gets.

    Attributes:
        count: Actors.
        cpus: Of each.
        gpus: Of each.
    """

    count: int
    cpus: float
    gpus: float


@contextlib.contextmanager
def session(options: RayOptions) -> Iterator[Places]:
    """Have Ray, for as long as the `with` block lasts.

    Raises:
        IngestError: It cannot be started, or there is none at the address.
    """
    local: dict[str, Any] = {}
    if options.address is None:
        local = {
            "object_store_memory": options.object_store_bytes,
            "include_dashboard": False,
            # At least so many that every actor has a place.
            "num_cpus": max(os.cpu_count() or 1, options.workers or 1),
        }
    try:
        ray.init(
            address=options.address or "local",
            logging_level=logging.ERROR,
            log_to_driver=False,
            **local,
        )
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = options.address or "on this machine"
        reason = str(error).partition("\n")[0]
        raise IngestError(f"cannot start Ray, or reach it, {where}: {reason}") from error
    with contextlib.redirect_stdout(_Logged()):
        try:
            yield _places(options)
        finally:
            ray.shutdown()


class _Logged(io.TextIOBase):
    """What Ray prints of processes that ended, as warnings: standard output is for the summary."""

    def write(self, text: str) -> int:
        """Log it."""
        if text.strip():
            logger.warning("Ray: %s", text.strip())
        return len(text)


def _places(options: RayOptions) -> Places:
    there = ray.cluster_resources()
    gpus, cpus = int(there.get("GPU", 0)), max(1, int(there.get("CPU", 1)))
    if gpus:
        count = options.workers or gpus
        share = min(1.0, gpus / count)
        return Places(count, max(0.01, min(1.0, cpus / count)), share)
    count = options.workers or max(1, cpus // 2)
    # Whole CPUs, which Ray also gives an actor as the number of its threads.
    each = cpus // count if cpus >= count else max(0.01, int(100 * cpus / count) / 100)
    return Places(count, each, 0)


def actors(kind: type, places: Places, *args: object) -> list[Any]:
    """Actors of a class, which Ray starts again where their processes end.

    Args:
        kind: The class.
        places: How many, and what each gets.
        args: Of the class.
    """
    remote: Any = ray.remote(kind).options(
        num_cpus=places.cpus,
        num_gpus=places.gpus,
        max_restarts=-1,
        max_task_retries=TRIES,
        max_concurrency=2,  # a call to stop is heard while another lasts
    )
    return [remote.remote(*args) for _ in range(places.count)]


def each(
    workers: Sequence[Any],
    inputs: Iterable[I],
    call: Callable[[Any, I], Any],
    *,
    until: Callable[[], bool] = lambda: False,
) -> Iterator[Any]:
    """What a call to an actor returns for each input; an actor that is free gets the next.

    Args:
        workers: The actors; each has a method `stop`.
        inputs: What is to be done.
        call: Calls a method of an actor with an input.
        until: Once it is true, the actors are asked to stop, and no further input is given out.

    Raises:
        XlrecError: What a call has returned as its error.
        IngestError: Ray gave a call up.
    """
    pool, waiting, stopped = ActorPool(list(workers)), deque(inputs), False
    while True:
        if not stopped and until():
            waiting.clear()
            stopped = True
            for worker in workers:
                worker.stop.remote()
        while waiting and pool.has_free():
            pool.submit(call, waiting.popleft())
        if not pool.has_next():
            return
        try:
            with lost_actors():
                result = pool.get_next_unordered(timeout=_POLL_S)
        except TimeoutError:
            continue
        if isinstance(result, XlrecError):
            raise result
        yield result


@contextlib.contextmanager
def lost_actors() -> Iterator[None]:
    """Have what Ray says of a process that ended again and again be an error of ours.

    Raises:
        IngestError: So it is.
    """
    try:
        yield
    except RayTaskError:
        raise  # an error in the program itself
    except RayActorError as error:
        raise IngestError(
            f"a process of Ray ended {TRIES + 1} times over the same part of the input, perhaps "
            "for a lack of memory; see its logs (ray logs), and run this again with --resume and "
            "fewer --workers"
        ) from error
    except RayError as error:
        raise IngestError(f"Ray failed: {str(error).partition(chr(10))[0]}") from error
