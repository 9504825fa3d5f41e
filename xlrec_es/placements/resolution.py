"""From a placement and a user to what the library is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xlrec_es.errors import UsageError
from xlrec_es.languages import normalize
from xlrec_es.placements.given_options import counted_of, overlaid
from xlrec_es.placements.placement import Placement
from xlrec_es.placements.store import Stored
from xlrec_es.recommend.curation import Curation
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import PlacementUsed

DEFAULT_SIZE = 10

Languages = Sequence[str] | Mapping[str, float] | None
"""Target languages, or the part of the slots of each; None: those of the index."""

NOT_CURATED = "pins and buries of a placement do not apply to what is counted from events"
NO_USER = "no user was named, so that no variant of the experiment applies"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the library is asked for a user of a placement.

    Attributes:
        options: How.
        languages: Target languages, or None.
        size: Of the list.
        curation: Pins, buries and exclusions.
        used: What is logged.
        notes: For people.
        relation: By which it is counted from events, one of `names.COUNTED`; None: it is
            recommended.
    """

    options: Options
    languages: tuple[str, ...] | None
    size: int
    curation: Curation
    used: PlacementUsed
    notes: tuple[str, ...] = ()
    relation: str | None = None


def resolve(
    stored: Stored,
    placement: Placement,
    base: Options,
    *,
    user: str | None = None,
    languages: Languages = None,
    size: int | None = None,
) -> Resolved:
    """What a user of a placement is recommended by.

    Args:
        stored: The placement.
        placement: What its current version says.
        base: What holds where it says nothing.
        user: The user's id, which decides on the variant; None: the placement's own options.
        languages: What the call asks for: any where the placement names none, else some of its own.
        size: What the call asks for.

    Raises:
        UsageError: The languages are not the placement's.
    """
    given, relation = counted_of(placement.options)
    options = overlaid(given, base)
    experiment = placement.experiment(f"{stored.index}/{stored.name}")
    variant = None if experiment is None or user is None else experiment.variant_of(user)
    if variant is not None:
        given, other = counted_of(placement.variants[variant].options)
        options = overlaid(given, options)
        if other is not None or given.get("relation") is not None:  # in place of its own
            relation = other
    targets = _targets(placement.languages, languages, stored.name)
    if isinstance(targets, Mapping):
        options = replace(options, mix=dict(targets))
    return Resolved(
        options,
        None if targets is None else tuple(targets),
        size or placement.size or DEFAULT_SIZE,
        placement.curation,
        PlacementUsed(stored.name, stored.current.number, variant),
        (NO_USER,) if experiment is not None and user is None else (),
        relation,
    )


def _targets(own: Languages, asked: Languages, name: str) -> Languages:
    """The target languages of a call."""
    if own is None or asked is None:
        return own if asked is None else asked
    wanted = [normalize(tag) for tag in asked]
    if others := [tag for tag in wanted if tag not in own]:
        raise UsageError(
            f"the placement {name!r} has the languages {', '.join(own)}, and not {others[0]}; ask "
            "for some of these, or leave languages out"
        )
    if isinstance(asked, Mapping):
        return {normalize(tag): part for tag, part in asked.items()}
    return {tag: own[tag] for tag in wanted} if isinstance(own, Mapping) else wanted
