"""Two variants of recommendations, compared by what people clicked.

One row of a log is one recommendation that was shown. Where rows say with which probability it was
shown (`propensity`), the click-through rate is also estimated as it would be if everything were
shown alike: each row weighs 1 / propensity, and the weights are normalized.

Source: Swaminathan and Joachims 2015, "The Self-Normalized Estimator for Counterfactual Learning"
(NeurIPS 28).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluate.significance import bootstrap, difference_of_groups, plain
from xlrec_es.experiments import always_valid
from xlrec_es.interactions import ubi
from xlrec_es.interactions.row_reader import Row, text_of
from xlrec_es.interactions.times import TimeReader
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, event_weight

COLUMNS = ("user", "variant", "item", "work", "clicked", "propensity", "time", "query_id")
"""Of a log of what was shown: `user` and `variant`, and `clicked` or `item`."""

PLACEMENT = "placement"
"""Column of a log in which several placements are, each with variants of its own."""

CLICK_COLUMNS = ("user", "item", "event", "time", "query_id")

UBI_COLUMNS = ("client", "event")
"""Further ones of both logs where they are of User Behavior Insights; see `of_ubi`."""

Click = tuple[str, str]
"""User and item."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was clicked.

    Attributes:
        seconds: Since 1970; NaN where nobody knows.
        query_id: Of the list that it was shown in; empty where nobody knows.
    """

    seconds: float
    query_id: str = ""

    def may_follow(self, shown: float, query_id: str) -> bool:
        """Whether it may be a click on what was shown then, in that list."""
        known = bool(self.query_id and query_id)
        # NaN is before nothing.
        return not self.seconds < shown and not (known and self.query_id != query_id)


Clicks = Mapping[Click, Sequence[Moment]]
"""When each user clicked each item, in order; what has no time comes last."""

_CLICKED = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0, "": 0.0}


@dataclass(slots=True)
class Shown:
    """What one variant showed.

    Attributes:
        users: To whom, one for each recommendation.
        clicked: 1 where it was clicked, else 0.
        propensity: With which probability it was shown; 0 where the log does not say.
    """

    users: list[str] = field(default_factory=list)
    clicked: list[float] = field(default_factory=list)
    propensity: list[float] = field(default_factory=list)

    def of(self, some: set[str]) -> tuple[NDArray[np.float64], list[str], NDArray[np.float64]]:
        """Clicks, users and propensities of some users."""
        rows = [row for row, user in enumerate(self.users) if user in some]
        clicked = np.array([self.clicked[row] for row in rows], np.float64)
        propensity = np.array([self.propensity[row] for row in rows], np.float64)
        return clicked, [self.users[row] for row in rows], propensity


def read_clicks(rows: Iterable[Row]) -> Clicks:
    """When each user clicked each item; an event such as `hide` or `skip` is no click.

    Args:
        rows: Of `CLICK_COLUMNS`.
    """
    times = TimeReader()
    found: defaultdict[Click, list[Moment]] = defaultdict(list)
    for row in rows:
        if _is_liking(row.get("event")):
            seconds = times.text(text_of(row.get("time")))
            moment = Moment(seconds, text_of(row.get("query_id")))
            found[text_of(row["user"]), text_of(row["item"])].append(moment)
    return {click: sorted(moments, key=_unknown_last) for click, moments in found.items()}


def _unknown_last(moment: Moment) -> tuple[bool, float]:
    return math.isnan(moment.seconds), moment.seconds


def of_ubi(rows: Iterable[Row], *, shown: bool) -> Iterator[Row]:
    """The rows of a UBI log that are what was shown, or what users did.

    Users without a name of their own are told apart by their `client_id`. A row without an action
    is one of a log of queries, which names what was shown.

    Args:
        rows: Of `COLUMNS` or `CLICK_COLUMNS`, and `UBI_COLUMNS`.
        shown: Which of the two.
    """
    for row in rows:
        if (text_of(row.get("event")) in ("", ubi.IMPRESSION)) is shown:
            yield {**row, "user": text_of(row.get("user")) or row.get("client")}


def _is_liking(event: object) -> bool:
    weight = event_weight(text_of(event), EVENT_WEIGHTS) if event is not None else None
    return weight is None or weight > 0


def of_placement(rows: Iterable[Row], placement: str | None) -> Iterable[Row]:
    """The rows of one placement.

    Args:
        rows: Of `COLUMNS` and `PLACEMENT`.
        placement: Its name; None: all rows.
    """
    if placement is None:
        return rows
    return (row for row in rows if text_of(row.get(PLACEMENT)) == placement)


def read_log(
    rows: Iterable[Row], clicks: Clicks | None = None
) -> tuple[dict[str, Shown], dict[str, int]]:
    """Read a log of what was shown.

    Args:
        rows: Of `COLUMNS`.
        clicks: See `read_clicks`. Each click belongs to one row of its user and item, the first
            that comes: what was shown three times and clicked once was clicked once of three. A
            click from before the row's time does not belong to it, nor one of another list. None:
            the rows say it themselves.

    Returns:
        By variant; and how many rows came and did not count, by reason.

    Raises:
        SourceError: No row counts.
    """
    shown: defaultdict[str, Shown] = defaultdict(Shown)
    report: Counter[str] = Counter()
    left = None if clicks is None else {click: [*times] for click, times in clicks.items()}
    times = TimeReader()
    for row in rows:
        report["rows"] += 1
        user, variant = text_of(row["user"]), text_of(row["variant"])
        clicked = _clicked(row, left, times)
        propensity = _propensity(row)
        if not (user and variant):
            report["without user or variant"] += 1
        elif clicked is None or propensity is None:
            report["absurd click or propensity"] += 1
        else:
            one = shown[variant]
            one.users.append(user)
            one.clicked.append(clicked)
            one.propensity.append(propensity)
    if not shown:
        raise SourceError(
            f"the log says nothing of what was shown ({dict(report) or 'it is empty'})"
        )
    if left is not None and (unused := sum(map(len, left.values()))):
        report["clicks on what was not shown"] = unused
    return dict(shown), dict(report)


def _clicked(
    row: Row, left: Mapping[Click, list[Moment]] | None, times: TimeReader
) -> float | None:
    """1 or 0; None for nonsense. A click that is used up is taken away."""
    if left is None:
        return _CLICKED.get(text_of(row["clicked"]).lower())
    shown, query_id = times.text(text_of(row.get("time"))), text_of(row.get("query_id"))
    # Shops name the item, or the document that was shown.
    for name in ("item", "work"):
        clicks = left.get((text_of(row["user"]), text_of(row.get(name))), [])
        for number, clicked in enumerate(clicks):
            if clicked.may_follow(shown, query_id):
                del clicks[number]
                return 1.0
    return 0.0


def _propensity(row: Row) -> float | None:
    """Above 0, at most 1; 0 where there is none; None for nonsense."""
    text = text_of(row.get("propensity"))
    try:
        value = float(text) if text else 0.0
    except ValueError:
        return None
    return value if not text or 0 < value <= 1 else None


def compare_variants(
    shown: Mapping[str, Shown], report: Mapping[str, int], *, seed: int
) -> dict[str, Any]:
    """Click-through rates of two variants, with intervals over users.

    Args:
        shown: See `read_log`.
        report: See `read_log`.
        seed: Same seed and log, same intervals.

    Returns:
        Ready to be written as JSON. Whoever saw both variants is counted, and left out.

    Raises:
        UsageError: Not two variants, or no user saw one of them alone.
    """
    if len(shown) != 2:
        found = ", ".join(sorted(shown))
        raise UsageError(f"the log has {len(shown)} variants ({found}); two can be compared")
    names = sorted(shown)
    seen = {name: set(shown[name].users) for name in names}
    both = set.intersection(*seen.values())
    groups = {name: shown[name].of(seen[name] - both) for name in names}
    for name, (clicked, _, _) in groups.items():
        if not len(clicked):
            raise UsageError(f"no user saw {name!r} alone: give each user one variant")
    first, second = (groups[name] for name in names)
    gap = difference_of_groups(second[:2], first[:2], seed=seed)
    always = always_valid.difference(
        always_valid.by_user(*second[:2]), always_valid.by_user(*first[:2])
    )
    return {
        "log": dict(report),
        "left out, saw both": len(both),
        "variants": {name: _variant(*groups[name], seed=seed) for name in names},
        "difference": {"of": names[1], "from": names[0], **plain(gap)},
        "difference, always valid": None if always is None else plain(always),
    }


def _variant(
    clicked: NDArray[np.float64], users: list[str], propensity: NDArray[np.float64], *, seed: int
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "users": len(set(users)),
        "shown": len(clicked),
        "clicks": int(clicked.sum()),
        "click-through rate": plain(bootstrap(clicked, users, seed=seed)),
    }
    if (propensity > 0).all():
        estimate = bootstrap(clicked, users, seed=seed, weights=1 / propensity)
        found["if all were shown alike"] = plain(estimate)
    return found
