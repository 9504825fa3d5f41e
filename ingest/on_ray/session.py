"""Ray itself: started here for one machine, or joined, and asked for actors."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from xlrec_es.errors import IngestError, MissingExtra, UsageError, XlrecError

# No report of the use leaves the machine, unless it is asked for; read at the import.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray will not change this variable of tasks without a GPU, as it says in a warning.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# Of 40 s each, where something listens that is not Ray: its own 20 would be a quarter of an hour.
os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")

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
AUTO = "auto"
CONNECT_S = 5.0
"""What a head of Ray has for an answer to the first packet."""
_POLL_S = 0.5

I = TypeVar("I")  # noqa: E741 - an input


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where the work is done, and by how many.

    Attributes:
        address: Of a Ray cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`; None: one is started
            on this machine.
        workers: Actors; None: one for each GPU, or for each two CPUs where there is none.
        object_store_bytes: Of a Ray that is started here; None: as much as Ray thinks fit.

    Raises:
        UsageError: Fewer than one, or an address of another form.
    """

    address: str | None = None
    workers: int | None = None
    object_store_bytes: int | None = OBJECT_STORE_BYTES

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers is {self.workers}; it counts from 1")
        if self.address not in (None, AUTO):
            _host_and_port(self.address)


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
    else:
        _check_listens(options.address)
    try:
        with _signals_kept():
            ray.init(
                address=options.address or "local",
                logging_level=logging.ERROR,
                log_to_driver=False,
                **local,
            )
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise IngestError(_sentence(options.address, error)) from error
    with contextlib.redirect_stdout(_Logged()):
        try:
            yield _places(options)
        finally:
            ray.shutdown()


def _host_and_port(address: str) -> tuple[str, int]:
    """Where a cluster listens, by an address that is not `auto`.

    Raises:
        UsageError: It has another form.
    """
    with contextlib.suppress(ValueError):  # of a port
        parts = urlsplit(address if "://" in address else f"//{address}")
        if parts.scheme in ("", "ray") and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    raise UsageError(
        f"{address!r} is no address of a Ray cluster; give auto, HOST:PORT or ray://HOST:PORT"
    )


def _check_listens(address: str) -> None:
    """See that something listens there, for Ray itself tries for minutes.

    Raises:
        IngestError: Nothing does.
        UsageError: `auto` is an address of another form, by the variable RAY_ADDRESS.
    """
    from ray._private.services import canonicalize_bootstrap_address

    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS") or AUTO
    if address != AUTO:
        _host_and_port(address)
    # As `ray.init` does it: it looks for a cluster of this machine in a file and among processes,
    # and takes the address that other machines have for localhost.
    try:
        there = address if "://" in address else canonicalize_bootstrap_address(address)
    except ConnectionError as error:
        raise IngestError(_sentence(address, "none runs on this machine")) from error
    try:
        socket.create_connection(_host_and_port(str(there)), CONNECT_S).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise IngestError(_sentence(address, reason)) from error


def _sentence(address: str | None, why: object) -> str:
    """Why there is no Ray, and what to do."""
    first, _, rest = str(why).partition("\n")
    # Of two versions that do not go together, Ray tells in lines.
    reason = " ".join([first, *rest.split()]) if first.endswith(":") else first
    if address is None:
        return f"cannot start Ray on this machine: {reason}"
    return (
        f"cannot reach Ray at {address}: {reason.rstrip('.')}; give the address of a head (ray "
        "start --head prints it) and set RAY_AUTH_MODE=token if it has a token, or leave --address "
        "out to start Ray on this machine"
    )


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Have a run end gently on SIGTERM still: Ray puts a handler of its own in the place."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and signal.getsignal(signal.SIGTERM) is not before:
            signal.signal(signal.SIGTERM, before)


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
