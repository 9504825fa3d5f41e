"""Whether the service is well, what it serves, and its numbers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from xlrec_es.errors import (
    AuthenticationFailed,
    ClusterError,
    ClusterUnreachable,
    IndexNotFound,
    IndexUnusable,
    PermissionDenied,
    XlrecError,
)
from xlrec_es.placements.store import Store
from xlrec_es.recommend.recommender import AsyncRecommender
from xlrec_es.service.api import routing
from xlrec_es.service.api.answers import IndicesGiven, StateGiven
from xlrec_es.service.api.routing import PROBLEMS, written
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.observation import metrics
from xlrec_es.service.web.problems import kind_of, problem

logger = logging.getLogger(__name__)

_BELIEVED_S = 1.0
"""Seconds for which an answer of the cluster is good, for all that ask."""


_STATES: Mapping[type[XlrecError], str] = {
    ClusterUnreachable: "Elasticsearch is out of reach",
    AuthenticationFailed: "Elasticsearch does not accept the service's credentials",
    PermissionDenied: "Elasticsearch does not let the service read an index",
    IndexNotFound: "an index is not there",
    IndexUnusable: "an index is not what the service needs",
}


def routes(
    settings: Settings, recommenders: Mapping[str, AsyncRecommender], store: Store
) -> APIRouter:
    """The endpoints.

    Args:
        settings: Of the service.
        recommenders: By index.
        store: Where placements are kept; it blocks, and is called in threads.
    """
    router = routing.router("status", prefix="", responses={})
    asked = _Believed(recommenders)

    @router.get("/healthz", response_model=StateGiven)
    async def health() -> Response:
        """Whether the process is alive."""
        return written({"status": "ok"})

    @router.get("/readyz", response_model=StateGiven, responses={503: PROBLEMS[503]})
    async def readiness() -> Response:
        """Whether Elasticsearch answers, and the indices are there."""
        error = await asked.error()
        if error is None:
            return written({"status": "ok"})
        # Anybody may ask, and addresses and names of indices are not for anybody.
        told = _STATES.get(type(error), "Elasticsearch cannot answer for an index")
        detail = f"{told}; the service's log says which, and why"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind=kind_of(error))

    @router.get(
        "/metrics",
        name="metrics",
        response_class=PlainTextResponse,
        responses={401: PROBLEMS[401], 403: PROBLEMS[403]},
    )
    async def numbers() -> Response:
        """Prometheus's numbers."""
        return metrics()

    @router.get("/v1/indices", response_model=IndicesGiven, responses=PROBLEMS)
    async def list_indices() -> Response:
        """The indices that are served."""
        lives = await asyncio.gather(*(one.live() for one in recommenders.values()))
        names = [await asyncio.to_thread(_placements, store, name) for name in recommenders]
        described = [
            {
                "name": name,
                "version": live.name,
                "languages": live.meta.languages,
                "associations": bool(live.meta.indicators),
                "encoder": live.meta.fingerprint.model,
                "placements": placements,
            }
            for name, live, placements in zip(recommenders, lives, names, strict=True)
        ]
        return written(
            {
                "indices": described,
                "events": settings.events is not None,
                "impressions": settings.impressions is not None,
                "texts": settings.encoder_url is not None,
                "samples": settings.samples,
            }
        )

    return router


def _placements(store: Store, index: str) -> list[str]:
    """The names of an index's placements; none where the service may not read them."""
    try:
        return [one.name for one in store.all_of(index)]
    except (ClusterError, IndexUnusable) as error:
        logger.warning("placements of %s cannot be listed: %s", index, error)
        return []


class _Believed:
    """Whether the indices can be read, asked once for all that want to know at a time."""

    def __init__(self, recommenders: Mapping[str, AsyncRecommender]) -> None:
        self._recommenders = recommenders
        self._asking = asyncio.Lock()
        self._error: XlrecError | None = None
        self._asked_at = float("-inf")

    async def error(self) -> XlrecError | None:
        """What is wrong; None if nothing is."""
        async with self._asking:
            if time.monotonic() - self._asked_at > _BELIEVED_S:
                error = await self._met()
                if error is not None and str(error) != str(self._error):  # else it is known
                    logger.warning("not ready: %s", error)
                self._error = error
                self._asked_at = time.monotonic()
            return self._error

    async def _met(self) -> XlrecError | None:
        try:
            for recommender in self._recommenders.values():
                await recommender.live(afresh=True)
        except XlrecError as error:
            return error
        return None
