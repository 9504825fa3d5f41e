"""Who bought which items on which days, out of an index of events: for what is bought again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.relations.event_counts import within
from xlrec_es.relations.event_fields import EventFields, aggregated

PAGE = 10_000
"""Purchases that are read in one request: of a buyer, an item and a day."""

_DAY_MS = 86_400_000
_BOUGHT = "bought"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Buyers and the works that they bought, each pair once.

    Attributes:
        works: Ids.
        work: Shape (n_pairs,): number of the work.
        times: Shape (n_pairs,): on how many days it was bought.
        spans_days: Shape (n_pairs,): from the first of these to the last.
    """

    works: tuple[str, ...]
    work: NDArray[np.int64]
    times: NDArray[np.int64]
    spans_days: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Purchases:
    """Purchases as events name them, a row for each buyer, item and day.

    Attributes:
        items: As events name them.
        item: Shape (n,): number of the item.
        user: Shape (n,): number of the buyer.
        day: Shape (n,): since 1970, in UTC.
    """

    items: tuple[str, ...]
    item: NDArray[np.int64]
    user: NDArray[np.int64]
    day: NDArray[np.int64]

    def pairs(self, works: Mapping[str, tuple[str, str | None]]) -> Pairs:
        """By work, whichever language version was bought.

        Args:
            works: Work and language of each item that the index has.
        """
        known = [works[item][0] if item in works else None for item in self.items]
        names = sorted({work for work in known if work is not None})
        numbers = {work: number for number, work in enumerate(names)}
        of_item = np.array([-1 if work is None else numbers[work] for work in known], np.int64)
        work = of_item[self.item] if len(self.item) else self.item
        rows = np.unique(np.stack([work, self.user, self.day])[:, work >= 0], axis=1)
        work, user, day = rows
        starts = np.ones(len(work), bool)
        starts[1:] = (work[1:] != work[:-1]) | (user[1:] != user[:-1])
        first = np.flatnonzero(starts)
        times = np.diff(np.append(first, len(work)))
        spans = (day[first + times - 1] - day[first]).astype(float)
        return Pairs(tuple(names), work[first], times.astype(np.int64), spans)


def read_purchases(
    client: Elasticsearch,
    fields: EventFields,
    period: tuple[datetime, datetime],
    events: Sequence[str] | None,
) -> Purchases:
    """Read the purchases of all users.

    Args:
        client: Of the cluster.
        fields: Of the index of events.
        period: From when till when.
        events: Names of those that are purchases; None: all.

    Raises:
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    items: dict[str, int] = {}
    users: dict[str, int] = {}
    item, user, day = array("q"), array("q"), array("q")
    filters = [within(fields, [period])]
    if events is not None:
        filters.append({"terms": {str(fields.event): list(events)}})
    for key in _keys(client, fields, {"bool": {"filter": filters}}):
        item.append(items.setdefault(str(key["item"]), len(items)))
        user.append(users.setdefault(str(key["user"]), len(users)))
        day.append(int(key["day"]) // _DAY_MS)
    columns = (np.array(column, np.int64) for column in (item, user, day))
    return Purchases(tuple(items), *columns)


def _keys(
    client: Elasticsearch, fields: EventFields, query: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Each buyer, item and day once, page by page."""
    by_day = {"field": fields.time, "fixed_interval": "1d"}
    composite: dict[str, Any] = {
        "size": PAGE,
        "sources": [
            {"item": {"terms": {"field": fields.item}}},
            {"user": {"terms": {"field": fields.user}}},
            {"day": {"date_histogram": by_day}},
        ],
    }
    while True:
        aggs = {_BOUGHT: {"composite": composite}}
        found = aggregated(client, fields.index, query, aggs).get(_BOUGHT, {})
        yield from (bucket["key"] for bucket in found.get("buckets", ()))
        if "after_key" not in found:
            return
        composite = {**composite, "after": found["after_key"]}
