"""The indices that dashboards read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Indices:
    """Names of indices, aliases or patterns; None for what a team does not have.

    Attributes:
        catalog: Documents with vectors and indicators.
        evaluations: What `xlrec-es evaluate --write-to` wrote.
        shown: Lists that users were shown.
        clicks: What they did.
        runs: Summaries of `xlrec-ingest run --write-to`.
        rejects: Records that those runs rejected.
    """

    catalog: str
    evaluations: str | None = None
    shown: str | None = None
    clicks: str | None = None
    runs: str | None = None
    rejects: str | None = None
