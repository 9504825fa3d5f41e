"""The ASGI application of `xlrec-es serve`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from elasticsearch import Elasticsearch
from fastapi import FastAPI
from starlette.types import ASGIApp

from xlrec_es import __version__
from xlrec_es.cluster.connection import connect, connect_async
from xlrec_es.errors import XlrecError
from xlrec_es.placements.cache import Cache
from xlrec_es.placements.store import Store
from xlrec_es.recommend.recommender import AsyncRecommender
from xlrec_es.service import pages
from xlrec_es.service.api import (
    placement_routes,
    recommend_routes,
    relation_routes,
    status_routes,
)
from xlrec_es.service.api.administration import Administration
from xlrec_es.service.api.asking import Asking
from xlrec_es.service.api.counting import Counting
from xlrec_es.service.api.description import DescribedApp, operation_id
from xlrec_es.service.api.routing import HANDLERS
from xlrec_es.service.feedback import event_routes
from xlrec_es.service.feedback.delivery import Delivery
from xlrec_es.service.feedback.spool import Spool
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.access import ADMIN, EVENTS, READ
from xlrec_es.service.web.guard import guarded
from xlrec_es.vectors.open_encoder import open_encoder

logger = logging.getLogger(__name__)

SCOPES = {
    "/v1": READ,
    "/v1/events": EVENTS,
    "/v1/impressions": EVENTS,
    "/v1/placements": ADMIN,
    "/metrics": READ,
}
"""What a token must allow, by path. Pages, `openapi.json` and health hold nothing of anybody's."""

UNLIMITED = ("/healthz", "/metrics")


@dataclass(frozen=True, slots=True)
class Application:
    """Makes the application, in each process that serves it."""

    settings: Settings

    def __call__(self) -> ASGIApp:
        """The application."""
        settings = self.settings
        app = make(settings)
        paths = [*app.openapi()["paths"], *pages.PATHS]
        return guarded(app, settings.access, settings.limits, paths)


def make(settings: Settings) -> FastAPI:
    """The endpoints, without what limits and observes them."""
    client = connect_async(settings.connection)
    waiting_client = connect(settings.connection)
    encoder = None
    if settings.encoder_url is not None:
        encoder = open_encoder(settings.encoder_url, settings.encoder_access)
    recommenders = {
        name: AsyncRecommender(
            client,
            name,
            options=settings.options,
            encoder=encoder,
            timeout_s=settings.timeout_s,
        )
        for name in settings.indices
    }
    spool = None
    if settings.spool is not None:
        spool = Spool(
            settings.spool, cluster=settings.connection.url, most_bytes=settings.spool_bytes
        )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with client:
            looking = asyncio.create_task(_warned(recommenders.values()))
            delivering = None
            if spool is not None:
                mappings = event_routes.mappings_of(settings)
                delivering = asyncio.create_task(Delivery(client, spool, mappings).run())
            try:
                yield
            finally:
                looking.cancel()
                await _stopped(delivering, spool, waiting_client)

    app = DescribedApp(
        title="xlrec-es",
        version=__version__,
        summary="Cross-language recommendations from Elasticsearch.",
        servers=[{"url": "/"}],  # where this description was had; some generators guess otherwise
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        docs_url=None,
        redoc_url=None,
        exception_handlers=HANDLERS,
    )
    store = Store(waiting_client, settings.placements)
    placements = Cache(store)
    asking = Asking(settings, recommenders, waiting_client, placements)
    counting = Counting(settings, asking, waiting_client)
    admin = Administration(settings, waiting_client, store, placements)
    for router in (
        recommend_routes.routes(asking, counting),
        relation_routes.routes(asking, counting),
        placement_routes.routes(asking, admin),
        event_routes.routes(settings, spool),
        status_routes.routes(settings, recommenders, store),
    ):
        # As they are: an included router is searched twice for each request.
        app.router.routes.extend(router.routes)
    pages.add_to(app)
    return app


async def _warned(recommenders: Iterable[AsyncRecommender]) -> None:
    """Log what is wrong with an index at the start; it may come to be well later."""
    for recommender in recommenders:
        try:
            await recommender.live()
        except XlrecError as error:
            logger.warning("not ready: %s", error)


async def _stopped(
    delivering: asyncio.Task[None] | None, spool: Spool | None, client: Elasticsearch
) -> None:
    if delivering is not None:
        delivering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivering
    if spool is not None:
        await spool.close()
    client.close()
