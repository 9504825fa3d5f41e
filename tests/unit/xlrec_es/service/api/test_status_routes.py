"""What anybody may know of the service's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
from fastapi import FastAPI

from asgi import asked
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import (
    AuthenticationFailed,
    ClusterError,
    ClusterUnreachable,
    IndexNotFound,
    IndexUnusable,
    XlrecError,
)
from xlrec_es.placements.store import Store
from xlrec_es.recommend.recommender import AsyncRecommender
from xlrec_es.service.api import status_routes
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.access import AccessRules

ADDRESS = "http://es.internal:9200"


class Unwell:
    """A recommender whose index cannot be read."""

    def __init__(self, error: XlrecError) -> None:
        self.error: XlrecError | None = error

    async def live(self, *, afresh: bool) -> None:
        assert afresh
        if self.error is not None:
            raise self.error


def served(recommender: Unwell) -> FastAPI:
    app = FastAPI()
    settings = Settings(("shop",), Connection(ADDRESS), AccessRules("127.0.0.1"))
    recommenders = cast("Mapping[str, AsyncRecommender]", {"shop": recommender})
    store = cast("Store", None)  # which is not asked
    app.router.routes.extend(status_routes.routes(settings, recommenders, store).routes)
    return app


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ClusterUnreachable, "Elasticsearch is out of reach"),
        (AuthenticationFailed, "does not accept the service's credentials"),
        (IndexNotFound, "an index is not there"),
        (IndexUnusable, "is not what the service needs"),
        (ClusterError, "Elasticsearch cannot answer"),
    ],
)
def test_the_state_is_told_without_addresses_and_names(
    kind: type[XlrecError], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = kind(f"no shop-xlrec-v1 at {ADDRESS}")
    answer = asked(served(Unwell(error)), "GET", "/readyz")
    assert answer.status == 503
    assert told in answer.json["detail"]
    assert "internal" not in answer.content.decode()
    assert "shop" not in answer.content.decode()
    assert f"not ready: {error}" in caplog.text


def test_a_state_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_routes, "_BELIEVED_S", -1.0)
    recommender = Unwell(ClusterUnreachable(f"no Elasticsearch at {ADDRESS}"))
    app = served(recommender)
    for _ in range(3):
        assert asked(app, "GET", "/readyz").status == 503
    assert caplog.text.count("not ready") == 1
    recommender.error = None
    assert asked(app, "GET", "/readyz").status == 200
    recommender.error = ClusterUnreachable(f"no Elasticsearch at {ADDRESS}")
    assert asked(app, "GET", "/readyz").status == 503
    assert caplog.text.count("not ready") == 2
