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

from xlrec_es.cluster.client_errors import TOO_LARGE, explained, friendly_errors
from xlrec_es.errors import ClusterError, XlrecError
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

_OF_WHOLE = (HTTPStatus.BAD_REQUEST, TOO_LARGE)
"""Statuses of a bulk request none of whose documents was looked at."""
_INVALID = "Validation Failed"
"""Elasticsearch's words for a document that fails the whole request, such as by its id."""
_FAULTS_OF_DOCUMENTS = frozenset(
    ("document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception")
)
_FAULTS_OF_INDICES = frozenset(
    ("cluster_block_exception", "index_closed_exception", "security_exception")
)


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
        self._mappings = dict(mappings)

    async def run(self) -> None:
        """Deliver until this is cancelled; one process of those that share a spool does it."""
        lock = None
        try:
            while lock is None:
                try:
                    lock = self._spool.take_delivery()
                except OSError as error:  # a file of another account, say: somebody may mend it
                    logger.error("events wait in the spool, which cannot be locked: %s", error)
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
            except Exception:  # a fault here must not end delivery
                pause = MOST_S
                logger.exception("events wait in the spool")
            if not more:
                await asyncio.sleep(pause)

    async def _write_all(self, waiting: Sequence[Sequence[Queued]]) -> int:
        """Write documents of several targets, and return how many of them still wait."""
        left = 0
        for some in waiting:
            left += len(some)
            try:
                await self._make_if_missing(some[0].document.target)
                left -= await self._write(some)
            except XlrecError as error:  # the next target may take its own
                logger.warning("events wait in the spool: %s", error)
        WAITING.set(await self._spool.waiting() if waiting else 0)
        return left

    async def _make_if_missing(self, index: str) -> None:
        """Make an index; it may have been deleted since, and Elasticsearch would guess its types.

        One that cannot be made says so when documents are written to it.
        """
        if index not in self._mappings:
            return
        with friendly_errors(self._client):
            if not await self._client.indices.exists(index=index):
                await self._client.options(ignore_status=HTTPStatus.BAD_REQUEST).indices.create(
                    index=index, mappings=self._mappings[index]
                )

    async def _write(self, waiting: Sequence[Queued]) -> int:
        """Write documents, and return how many of them are done with."""
        try:
            results = await self._sent(waiting)
        except ClusterError as error:
            if error.status not in _OF_WHOLE:
                raise
            if len(waiting) > 1:  # one of them is at fault, or they are too large together
                half = len(waiting) // 2
                return await self._write(waiting[:half]) + await self._write(waiting[half:])
            if _INVALID not in str(error):
                raise
            await self._refuse([(waiting[0], str(error))], "action_request_validation_exception")
            return 1
        written = [queued.number for queued, said in results if _is_kept(said)]
        others = [(queued, said) for queued, said in results if not _is_kept(said)]
        refused = [one for one in others if _is_its_own_fault(one[1], some_kept=bool(written))]
        await self._spool.remove(written)
        DELIVERED.inc(len(written))
        if refused:
            reasons = [(queued, explained(said["error"])) for queued, said in refused]
            await self._refuse(reasons, refused[0][1]["error"]["type"])
        if waits := [said for _, said in others if all(said is not one for _, one in refused)]:
            logger.warning("%d events wait in the spool: %s", len(waits), _loggable(waits[0]))
        return len(written) + len(refused)

    async def _sent(self, waiting: Sequence[Queued]) -> list[tuple[Queued, Mapping[str, Any]]]:
        """Documents, and what Elasticsearch says of each."""
        lines: list[Any] = []  # as JSON, which the client sends as it is
        for queued in waiting:
            one = queued.document
            # `create`: what is there already is the same event, sent twice. Data streams take it.
            lines += [orjson.dumps({"create": {"_index": one.target, "_id": one.id}}), one.body]
        with friendly_errors(self._client):
            answer = await self._client.bulk(operations=lines)
        said = [result["create"] for result in answer["items"]]
        return list(zip(waiting, said, strict=True))

    async def _refuse(self, refused: Sequence[tuple[Queued, str]], kind: str) -> None:
        # Reasons hold ids and values, which no log may.
        logger.warning(
            "%d events were refused (%s), and put into %s in %s, each with its reason",
            len(refused),
            kind,
            REJECTED,
            self._spool.folder,
        )
        await self._spool.set_aside(refused)
        REFUSED.inc(len(refused))


def _is_kept(said: Mapping[str, Any]) -> bool:
    """Whether a document is in the index, now or since it was sent before."""
    return bool(
        said["status"] < HTTPStatus.MULTIPLE_CHOICES or said["status"] == HTTPStatus.CONFLICT
    )


def _is_its_own_fault(said: Mapping[str, Any], *, some_kept: bool) -> bool:
    """Whether a document will never be taken, whatever becomes of its index.

    400 is also what a closed index answers, an alias without an index to write to, or a pipeline
    that is not there. None of the documents is taken then, and they wait until that is mended.
    """
    if said["status"] != HTTPStatus.BAD_REQUEST:  # too busy, blocked, not allowed
        return False
    return some_kept or said["error"]["type"] in _FAULTS_OF_DOCUMENTS


def _loggable(said: Mapping[str, Any]) -> str:
    """Why a document waits; other reasons than these may quote it."""
    kind = str(said["error"]["type"])
    return explained(said["error"]) if kind in _FAULTS_OF_INDICES else kind
