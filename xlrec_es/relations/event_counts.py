"""How many users did something with each item, period by period, counted by Elasticsearch.

Users are counted, each once for an item and a period, however often they clicked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.relations.event_fields import EventFields, aggregated

PAGE = 500
"""Items whose users are counted in one request."""

EXACT_UNTIL = 1000
"""So many users are counted exactly, or nearly so; of more, to two in a hundred.

Source: https://www.elastic.co/docs/reference/aggregations/search-aggregations-metrics-cardinality-aggregation
"""

_ITEMS, _PERIODS, _USERS = "items", "periods", "users"
_GROUP = 100

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Users of items, and of the market.

    Attributes:
        items: As the events name them.
        users: Shape (n_items, n_periods): of each.
        active: Shape (n_periods,): of all.
    """

    items: tuple[str, ...]
    users: NDArray[np.int64]
    active: NDArray[np.int64]


class EventCounter:
    """Counts the events of an index that count, by periods."""

    def __init__(
        self,
        client: Elasticsearch,
        fields: EventFields,
        periods: Sequence[Period],
        *,
        events: Sequence[str] | None,
        market: str | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: Of the cluster.
            fields: Of the index.
            periods: From when (inclusive) till when each is.
            events: Names of those that count; None: all.
            market: Whose; None: all.
        """
        self._client = client
        self._fields = fields
        self._periods = periods
        self._filters: list[dict[str, Any]] = [within(fields, periods)]
        if events is not None:
            self._filters.append({"terms": {str(fields.event): list(events)}})
        if market is not None:
            self._filters.append({"term": {str(fields.market): market}})

    def count(self) -> EventCounts:
        """The users of every item that has some in these periods.

        Raises:
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        items: list[str] = []
        rows: list[list[int]] = []
        for bucket in self._items():
            items.append(str(bucket["key"]["item"]))
            rows.append(self._row(bucket))
        query = {"bool": {"filter": self._filters}}
        active = self._row(self._ask(query, self._by_period()))
        shape = (len(items), len(self._periods))
        return EventCounts(
            tuple(items),
            np.array(rows, np.int64).reshape(shape),
            np.array(active, np.int64),
        )

    def together(self, groups: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.int64]]:
        """The users of several items as if they were one, shape (n_periods,), by group.

        Args:
            groups: Items by the name of the group.

        Raises:
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        found: dict[str, NDArray[np.int64]] = {}
        names = list(groups)
        for start in range(0, len(names), _GROUP):
            some = names[start : start + _GROUP]
            filters = [{"terms": {self._fields.item: list(groups[name])}} for name in some]
            aggs = {_ITEMS: {"filters": {"filters": filters}, "aggs": self._by_period()}}
            answer = self._ask({"bool": {"filter": self._filters}}, aggs)
            for name, bucket in zip(some, answer[_ITEMS]["buckets"], strict=True):
                found[name] = np.array(self._row(bucket), np.int64)
        return found

    def _items(self) -> Iterator[Mapping[str, Any]]:
        """A bucket for each item, page by page."""
        composite: dict[str, Any] = {
            "size": PAGE,
            "sources": [{"item": {"terms": {"field": self._fields.item}}}],
        }
        while True:
            aggs = {_ITEMS: {"composite": composite, "aggs": self._by_period()}}
            found = self._ask({"bool": {"filter": self._filters}}, aggs).get(_ITEMS, {})
            yield from found.get("buckets", ())
            if "after_key" not in found:
                return
            composite = {**composite, "after": found["after_key"]}

    def _by_period(self) -> dict[str, Any]:
        users = {"field": self._fields.user, "precision_threshold": EXACT_UNTIL}
        ranges = [
            {"key": str(number), "from": millis(start), "to": millis(end)}
            for number, (start, end) in enumerate(self._periods)
        ]
        return {
            _PERIODS: {
                "date_range": {
                    "field": self._fields.time,
                    "format": "epoch_millis",
                    "keyed": True,
                    "ranges": ranges,
                },
                "aggs": {_USERS: {"cardinality": users}},
            }
        }

    def _row(self, bucket: Mapping[str, Any]) -> list[int]:
        """The users of each period, out of `_by_period`."""
        periods = bucket.get(_PERIODS, {}).get("buckets", {})
        if not periods:  # a pattern that no index has
            return [0] * len(self._periods)
        return [int(periods[str(n)][_USERS]["value"]) for n in range(len(self._periods))]

    def _ask(self, query: Mapping[str, Any], aggs: Mapping[str, Any]) -> Mapping[str, Any]:
        return aggregated(self._client, self._fields.index, query, aggs)


def within(fields: EventFields, periods: Sequence[Period]) -> dict[str, Any]:
    """The query for events from the earliest of some periods to the end of the latest."""
    first, last = min(start for start, _ in periods), max(end for _, end in periods)
    bounds = {"gte": millis(first), "lt": millis(last), "format": "epoch_millis"}
    return {"range": {fields.time: bounds}}


def millis(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)
