"""Bringing back an earlier version of a placement, if it still fits its index."""

from __future__ import annotations

from dataclasses import dataclass, replace

from elasticsearch import Elasticsearch

from xlrec_es.errors import PlacementRefused
from xlrec_es.placements.checks import Report, examine
from xlrec_es.placements.store import Store, Stored, not_found
from xlrec_es.recommend.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What is brought back, and by whom.

    Attributes:
        author: Who does it.
        to: The number of the version; None: the one before the current one.
        expected: The number of the version that is there; None: whatever is there.
        force: Whether it is brought back whatever is wrong with it.
    """

    author: str
    to: int | None = None
    expected: int | None = None
    force: bool = False


def roll_back(
    client: Elasticsearch,
    store: Store,
    placement: tuple[str, str],
    asked: Rollback,
    *,
    base: Options,
) -> tuple[Stored, Report]:
    """Check an earlier version, and bring it back as a new one.

    Args:
        client: Of the cluster.
        store: Where placements are kept.
        placement: The alias or index that it is for, and its name.
        asked: What is brought back.
        base: What holds where it says nothing.

    Returns:
        What is there now, and what was seen of it: with force, its faults are among the warnings.

    Raises:
        PlacementRefused: It does not fit the index any more. Nothing was written.
        XlrecError: As for `Store.rollback` and `checks.examine`.
    """
    index, name = placement
    before = store.read(index, name)
    if before is None:
        raise not_found(index, name)
    version = before.earlier(asked.to)
    report = examine(client, index, version.definition, base)
    if report.faults and not asked.force:
        raise PlacementRefused(
            [
                *report.faults,
                f"version {version.number} of {name!r} does not fit the index any more, and is not "
                "brought back; force does so whatever is wrong with it",
            ]
        )
    # By its number: what was checked is what is written, whoever else writes meanwhile.
    stored = store.rollback(
        index, name, author=asked.author, to=version.number, expected=asked.expected
    )
    return stored, replace(report, faults=(), warnings=(*report.faults, *report.warnings))
