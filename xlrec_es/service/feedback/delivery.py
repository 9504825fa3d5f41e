"""From the spool to Elasticsearch, in the background, until everything is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from elasticsearch import AsyncElasticsearch
from prometheus_client import Counter, Gauge

from xlrec_es.cluster.client_errors import explained, friendly_errors
from xlrec_es.errors import XlrecError
from xlrec_es.service.feedback.spool import REJECTED, Queued, Spool

logger = logging.getLogger(__name__)

BATCH = 500
IDLE_S = 0.2
"""Seconds between looks at an empty spool: about as long as an event takes to Elasticsearch."""
MOST_S = 10.0
"""Seconds between attempts at most, while Elasticsearch takes nothing."""

WAITING = Gauge(
    "xlrec_spool_documents",
    "Events and impressions that are not in Elasticsearch yet.",
    multiprocess_mode="mostrecent",
)
DELIVERED = Counter("xlrec_spool_delivered", "Events and impressions written to Elasticsearch.")
REFUSED = Counter("xlrec_spool_rejected", "Events and impressions that Elasticsearch refused.")


class Delivery:
    """Writes what waits in a spool."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        spool: Spool,
        mappings: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: Of the cluster.
            spool: Where documents wait.
            mappings: Of the indices that are made if they are missing, by name.
        """
        self._client = client
        self._spool = spool
        self._missing = dict(mappings)

    async def run(self) -> None:
        """Deliver until this is cancelled; one process of those that share a spool does it."""
        lock = None
        try:
            while lock is None:
                lock = self._spool.take_delivery()
                if lock is None:
                    await asyncio.sleep(1)
            await self._deliver()
        finally:
            if lock is not None:
                lock.close()

    async def _deliver(self) -> None:
        pause = IDLE_S
        while True:
            more = False
            try:
                waiting = await self._spool.first(BATCH)
                left = await self._write_all(waiting)
                more = not left and any(len(some) == BATCH for some in waiting)
                pause = min(2 * pause, MOST_S) if left else IDLE_S
            except XlrecError as error:
                pause = min(2 * pause, MOST_S)
                logger.warning("events wait in the spool: %s", error)
            except Exception:  # a fault here must not end delivery
                pause = MOST_S
                logger.exception("events wait in the spool")
            if not more:
                await asyncio.sleep(pause)

    async def _write_all(self, waiting: Sequence[Sequence[Queued]]) -> int:
        """Write documents of several targets, and return how many of them still wait."""
        WAITING.set(await self._spool.waiting() if waiting else 0)
        if not waiting:
            return 0
        await self._make_missing()
        left = 0
        for some in waiting:
            left += len(some) - await self._write(some)
        WAITING.set(await self._spool.waiting())
        return left

    async def _make_missing(self) -> None:
        for index, mappings in list(self._missing.items()):
            with friendly_errors(self._client):
                if not await self._client.indices.exists(index=index):
                    await self._client.options(ignore_status=HTTPStatus.BAD_REQUEST).indices.create(
                        index=index, mappings=mappings
                    )
            del self._missing[index]

    async def _write(self, waiting: Sequence[Queued]) -> int:
        """Write documents, and return how many of them are done with."""
        lines: list[Any] = []  # as JSON, which the client sends as it is
        for queued in waiting:
            one = queued.document
            # `create`: what is there already is the same event, sent twice. Data streams take it.
            lines += [orjson.dumps({"create": {"_index": one.target, "_id": one.id}}), one.body]
        with friendly_errors(self._client):
            answer = await self._client.bulk(operations=lines)
        written, refused = [], []
        for queued, result in zip(waiting, answer["items"], strict=True):
            said = result["create"]
            if said["status"] < HTTPStatus.MULTIPLE_CHOICES or _is_there(said):
                written.append(queued.number)
            elif said["status"] == HTTPStatus.BAD_REQUEST:
                refused.append((queued, explained(said["error"])))
            else:  # too busy, blocked, not allowed: it may be taken later
                logger.warning("events wait in the spool: %s", explained(said["error"]))
        if refused:
            # Not the reasons, which quote what was sent.
            told = (len(refused), self._spool.folder / REJECTED)
            logger.warning("%d events were refused; %s has them and the reasons", *told)
            await self._spool.set_aside(refused)
        await self._spool.remove(written)
        DELIVERED.inc(len(written))
        REFUSED.inc(len(refused))
        return len(written) + len(refused)


def _is_there(said: Mapping[str, Any]) -> bool:
    """Whether a document of this id is there already."""
    return bool(said["status"] == HTTPStatus.CONFLICT)
