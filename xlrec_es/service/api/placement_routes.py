"""`/v1/placements`: placements are written, shown, tried and brought back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi import Query as InQuery
from starlette.requests import Request
from starlette.responses import Response

from xlrec_es.placements.checks import Report
from xlrec_es.placements.preview import PreviewUser
from xlrec_es.placements.rollback import Rollback
from xlrec_es.placements.store import Stored
from xlrec_es.service.api import routing
from xlrec_es.service.api.administration import Administration, expected_of
from xlrec_es.service.api.asking import Asking
from xlrec_es.service.api.placement_forms import (
    PlacementAsked,
    PlacementGiven,
    PlacementsGiven,
    PreviewAsked,
    PreviewGiven,
    RollbackAsked,
    WrittenGiven,
)
from xlrec_es.service.api.questions import Name
from xlrec_es.service.api.routing import written

_NOBODY = "a caller without a token"

Index = Annotated[
    str | None,
    InQuery(description="One of those that the service serves; the first without it."),
]
IfMatch = Annotated[
    str | None,
    Header(description="ETag of the version that was read: another one is not overwritten."),
]


def routes(asking: Asking, admin: Administration) -> APIRouter:
    """The endpoints.

    Args:
        asking: What all requests share.
        admin: Does it.
    """
    router = routing.router("placements")

    @router.get("/placements", response_model=PlacementsGiven)
    async def list_placements(index: Index = None) -> Response:
        """List the placements of an index."""
        found = await asyncio.to_thread(admin.store.all_of, asking.index(index))
        return written({"placements": [_told(one) for one in found]})

    @router.get("/placements/{name}", response_model=PlacementGiven)
    async def get_placement(name: Name, index: Index = None) -> Response:
        """Show a placement, with its last twenty versions."""
        found = await asyncio.to_thread(admin.store.found, asking.index(index), name)
        return _tagged(found, _told(found))

    @router.put("/placements/{name}", response_model=WrittenGiven)
    async def put_placement(
        name: Name,
        asked: PlacementAsked,
        request: Request,
        index: Index = None,
        dry_run: Annotated[bool, InQuery(description="Check, and write nothing.")] = False,
        if_match: IfMatch = None,
    ) -> Response:
        """Check a placement, and write it as a new version. All that is wrong is told at once."""
        stored, report = await asyncio.to_thread(
            admin.put,
            asking.index(index),
            name,
            asked.definition(),
            author=_author(request),
            expected=expected_of(if_match),
            dry_run=dry_run,
        )
        told = _written(stored, report)
        return written(told) if stored is None else _tagged(stored, told)

    @router.delete("/placements/{name}", response_model=PlacementGiven)
    async def delete_placement(
        name: Name, request: Request, index: Index = None, if_match: IfMatch = None
    ) -> Response:
        """Delete a placement. A rollback brings it back."""
        stored = await asyncio.to_thread(
            admin.delete,
            asking.index(index),
            name,
            author=_author(request),
            expected=expected_of(if_match),
        )
        return _tagged(stored, _told(stored))

    @router.post("/placements/{name}/rollback", response_model=WrittenGiven)
    async def rollback_placement(
        name: Name,
        asked: RollbackAsked,
        request: Request,
        index: Index = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Bring back an earlier version, as a new one, if it fits the index as it is now."""
        wanted = Rollback(
            author=_author(request),
            to=asked.to,
            expected=expected_of(if_match),
            force=asked.force,
        )
        stored, report = await asyncio.to_thread(admin.rollback, asking.index(index), name, wanted)
        return _tagged(stored, _written(stored, report))

    @router.post("/placements/{name}/preview", response_model=PreviewGiven)
    async def preview_placement(name: Name, asked: PreviewAsked, index: Index = None) -> Response:
        """Show what up to ten users get before and after a change; nothing is written."""
        users = []
        for number, one in enumerate(asked.users or (), 1):
            history, _ = await asking.history(one, for_variant=True)
            users.append(PreviewUser(one.user or f"user {number}", history, one.user))
        found, report = await asyncio.to_thread(
            admin.preview,
            asking.index(index),
            name,
            None if asked.placement is None else asked.placement.definition(),
            users,
            languages=asked.languages,
            size=asked.size,
        )
        return written({"users": found, "warnings": report.warnings})

    return router


def _author(request: Request) -> str:
    """Who asks: the name of the token."""
    return str(getattr(request.state, "caller", _NOBODY))


def _told(stored: Stored) -> dict[str, object]:
    """A placement, as `PlacementGiven` says."""
    return {name: getattr(stored, name) for name in PlacementGiven.model_fields}


def _written(stored: Stored | None, report: Report) -> dict[str, object]:
    """What was written, as `WrittenGiven` says."""
    return {
        "placement": None if stored is None else _told(stored),
        "warnings": report.warnings,
        "documents": report.documents,
    }


def _tagged(stored: Stored, answer: object) -> Response:
    """An answer with the version's tag."""
    return written(answer, headers={"ETag": f'"{stored.current.number}"'})
