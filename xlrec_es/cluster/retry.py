"""For how long what did not get through is tried again, and a cluster with such patience."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import elasticsearch
import tenacity
from elasticsearch import Elasticsearch

from xlrec_es.cluster.capabilities import Capabilities
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterError, ClusterUnreachable

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # silent, unless somebody listens

T = TypeVar("T")

PASSING_STATUSES = frozenset((429, 502, 503, 504))
"""Of an overloaded or restarting cluster: the same request may succeed later."""


class NotReady(Exception):
    """An answer that says nothing, because a shard is not there yet, say."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long, and how, something is tried again: exponential back-off with full jitter.

    Source: Brooker 2015, "Exponential Backoff And Jitter"
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Attributes:
        retry_s: Seconds after which it is given up.
        max_wait_s: Longest pause between two attempts.
        give_up: Set by another thread to end all waiting.
    """

    retry_s: float = 600.0
    max_wait_s: float = 30.0
    give_up: threading.Event = field(default_factory=threading.Event)

    def retrying(self, passes: Callable[[BaseException], bool]) -> tenacity.Retrying:
        """Attempts for as long as an error is of the kind that passes; the last one is raised."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(passes),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=self.max_wait_s),
            stop=tenacity.stop_after_delay(self.retry_s)
            | tenacity.stop_when_event_set(self.give_up),
            sleep=tenacity.sleep_using_event(self.give_up),
            before_sleep=_log,
            reraise=True,
        )

    def call(self, client: Elasticsearch, send: Callable[[], T]) -> T:
        """Send something that does no harm when it is sent twice.

        Args:
            client: What it is sent with.
            send: Sends it; may raise `NotReady`.

        Raises:
            ClusterError: The cluster refuses, or is still in trouble when time is up.
        """
        with friendly_errors(client):
            return self.retrying(passes)(send)


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    reason = str(error).partition("\n")[0]
    about = {"attempt": state.attempt_number, "reason": reason, "pause_s": round(pause, 2)}
    logger.warning("trying again", extra=about)


def passes(error: BaseException) -> bool:
    """Whether an error is of a cluster in trouble, and not of what was asked."""
    if isinstance(error, elasticsearch.ApiError):
        return error.status_code in PASSING_STATUSES
    if isinstance(error, ClusterError) and error.status in PASSING_STATUSES:
        return True
    if isinstance(error, elasticsearch.SSLError):
        return False  # a wrong certificate stays wrong
    return isinstance(error, elasticsearch.TransportError | ClusterUnreachable | NotReady)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where an index is, for work with it that takes long.

    Attributes:
        client: Of the cluster.
        capabilities: What it can do.
        patience: How long a request is sent again while it is in trouble.
    """

    client: Elasticsearch
    capabilities: Capabilities
    patience: Patience = field(default_factory=Patience)
