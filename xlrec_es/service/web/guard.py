"""What stands before every service: numbers, access of pages and callers, and limits, in order."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from xlrec_es.service.web.access import Access, AccessRules
from xlrec_es.service.web.limits import Limited, Limits
from xlrec_es.service.web.observation import Observed


def guarded(app: ASGIApp, access: AccessRules, limits: Limits, paths: Collection[str]) -> ASGIApp:
    """An application behind all of it.

    Args:
        app: The endpoints.
        access: Who may ask.
        limits: How much at once.
        paths: Those that numbers are kept for.
    """
    behind: ASGIApp = Access(Limited(app, limits), access)
    if access.origins:  # else no page but its own may read answers, refusals too
        behind = CORSMiddleware(
            behind,
            allow_origins=access.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
            expose_headers=("retry-after",),
        )
    return Observed(behind, paths)
