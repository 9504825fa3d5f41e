"""What each item of a history says about a user's taste, as one signed weight. Pure: no clock.

Three rules, in this order: an event has a weight (a purchase says more than a view), a rating is
measured against the user's own mean, and what is older counts less.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from xlrec_es.errors import UsageError
from xlrec_es.interactions.history import ABSURD, History, Interaction

EVENT_WEIGHTS: Mapping[str, float] = {
    "view": 1.0,
    "click": 1.0,
    "rate": 2.0,
    "save": 2.0,
    "like": 3.0,
    "cart": 3.0,
    "purchase": 5.0,
    "skip": -1.0,
    "dislike": -3.0,
    "hide": -3.0,
}
"""Below zero: the user does not want more of this."""

_SAME_AS: Mapping[str, str] = {
    **{name: name for name in EVENT_WEIGHTS},
    **dict.fromkeys(("pageview", "viewitem", "productview", "productviewed", "detail"), "view"),
    **dict.fromkeys(("clicked", "selectitem", "productclicked"), "click"),
    **dict.fromkeys(("rating", "rated", "review"), "rate"),
    **dict.fromkeys(("saved", "bookmark", "wishlist", "addtowishlist", "favorite"), "save"),
    **dict.fromkeys(("liked", "thumbsup", "upvote"), "like"),
    **dict.fromkeys(("addtocart", "addcart", "cartadd", "basket", "addtobasket"), "cart"),
    **dict.fromkeys(("buy", "bought", "purchased", "order", "transaction"), "purchase"),
    **dict.fromkeys(("ordercompleted", "checkoutcompleted", "sale"), "purchase"),
    **dict.fromkeys(("skipped",), "skip"),
    **dict.fromkeys(("disliked", "thumbsdown", "downvote"), "dislike"),
    **dict.fromkeys(("hidden", "notinterested"), "hide"),
}
"""What shops, players and analytics products call these events, letters and digits alone.

Sources: the events of Google Analytics 4 and of Segment's e-commerce specification, and those of
public data sets of shops.
"""

_PLAIN = re.compile(r"[\W_]+")

SATISFIED_DWELL_S = 30.0
"""A visit of so many seconds is a full view.

Source: Fox et al. 2005, "Evaluating Implicit Measures to Improve Web Search"
(https://doi.org/10.1145/1059981.1059982).
"""


@dataclass(frozen=True, slots=True)
class WeightRules:
    """How interactions are weighed.

    Attributes:
        events: Weight by event; an interaction with another event is refused.
        half_life_days: Age at which an interaction counts half, computed from the history's latest;
            None: age does not matter. What has no time counts as the latest.
        max_items: Only so many items, those that weigh most, make the profile; the others are
            still known to have been seen.
    """

    events: Mapping[str, float] = field(default_factory=lambda: EVENT_WEIGHTS)
    half_life_days: float | None = 180.0
    max_items: int = 100

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise UsageError(f"half_life_days is {self.half_life_days}; use days above 0, or None")
        if self.max_items < 1:
            raise UsageError(f"max_items is {self.max_items}; use at least 1")
        for event, weight in self.events.items():
            if not abs(weight) <= ABSURD:
                raise UsageError(
                    f"the weight of event {event!r} is {weight}; use a number within ±{ABSURD:g}"
                )


def event_weight(event: str, events: Mapping[str, float]) -> float | None:
    """What an event weighs, by its own name or by the one that this project has for it.

    Args:
        event: As a log names it, such as `purchase`, `Add to Cart` or `transaction`.
        events: Weight by event.

    Returns:
        None if nothing says what it weighs.
    """
    weight = events.get(event)
    if weight is None:
        weight = events.get(_SAME_AS.get(_PLAIN.sub("", event.lower()), ""))
    return weight


def is_purchase(event: str) -> bool:
    """Whether an event is a purchase, as shops name them: `purchase`, `Order Completed`."""
    return _SAME_AS.get(_PLAIN.sub("", event.lower())) == "purchase"


def weigh(history: History, rules: WeightRules) -> dict[str, float]:
    """The signed weight of each item; several interactions with one item add up.

    Args:
        history: In any order.
        rules: How.

    Returns:
        By item, the `max_items` heaviest; above zero: liked, below: disliked. An item that says
        nothing (a rating at the user's own mean) has no entry.

    Raises:
        UsageError: An event that has no weight.
    """
    ratings = _centered_ratings(history)
    latest = max((i.time for i in history.interactions if i.time is not None), default=None)
    weights: dict[str, float] = {}
    for interaction in history.interactions:
        weight = _own_weight(interaction, rules)
        if interaction.rating is not None:
            weight *= ratings.get(interaction, 1.0)
        if latest is not None and interaction.time is not None and rules.half_life_days is not None:
            age_days = (latest - interaction.time).total_seconds() / 86_400
            weight *= 0.5 ** (age_days / rules.half_life_days)
        weights[interaction.item] = weights.get(interaction.item, 0.0) + weight
    # By their names too, so that the order of the interactions decides nothing.
    heaviest = sorted(weights.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    return {item: w for item, w in heaviest[: rules.max_items] if abs(w) > 1e-9}


def _own_weight(interaction: Interaction, rules: WeightRules) -> float:
    """What the interaction says by itself, its age and rating aside."""
    if interaction.weight is not None:
        return interaction.weight
    weight = event_weight(interaction.event, rules.events)
    if weight is None:
        raise UsageError(
            f"no weight for the event {interaction.event!r} of {interaction.item!r}; known are: "
            + ", ".join(sorted(rules.events))
        )
    if interaction.dwell_s is not None:
        weight *= min(max(interaction.dwell_s / SATISFIED_DWELL_S, 0.1), 2.0)
    return weight


def _centered_ratings(history: History) -> dict[Interaction, float]:
    """Each rating as -1..1 around the user's mean; a user who rates all alike likes all."""
    rated = [i for i in history.interactions if i.rating is not None]
    values = [i.rating for i in rated if i.rating is not None]
    if not values:
        return {}
    mean = math.fsum(values) / len(values)
    width = max(abs(value - mean) for value in values)
    if width < 1e-9:
        return {}
    return {i: (value - mean) / width for i, value in zip(rated, values, strict=True)}
