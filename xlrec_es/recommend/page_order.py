"""Which documents come last, which have lower scores, and which do not come at all. Pure.

A list is searched for without what comes last. That is searched for only where nothing else is
left, one tier after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xlrec_es.index.fields import WORK_FIELD
from xlrec_es.index.search_limits import parts
from xlrec_es.recommend.curation import Bury, Pinned
from xlrec_es.recommend.options import Boost, Options, SearchOptions
from xlrec_es.recommend.recommendations import LanguageShare, Recommendations

_TENTHS = 10  # a boost for each tenth of the score, not for each item

SHOWN_BEFORE = "{} of these were shown before: nothing else is left"
BURIED = "{} of these are buried: nothing else is left"


@dataclass(frozen=True, slots=True)
class Lowered:
    """Works that a user was shown.

    Attributes:
        behind: Those that come after everything else.
        factors: What is left of the scores of others.
        lacks: What could not be read of it, in sentences.
    """

    behind: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """Documents that come after all others.

    Attributes:
        works: Their works.
        queries: Others match one of these.
        note: How many of them a page has, for people.
    """

    works: tuple[str, ...]
    queries: tuple[Mapping[str, Any], ...]
    note: str

    def parts(self, most: int) -> list[Mapping[str, Any]]:
        """Queries of which each document matches one at least; none if there is no document."""
        return [*(_works_queries(self.works, most) if self.works else ()), *self.queries]


@dataclass(frozen=True, slots=True)
class Order:
    """What decides where documents stand, besides their scores.

    Attributes:
        excluded: Works that do not come at all.
        pinned: Those with places of their own, by these.
        tiers: Those that come after all others.
        boosts: Factors of the scores of others.
        lacks: What could not be read of it, in sentences.
    """

    excluded: tuple[str, ...] = ()
    pinned: tuple[Pinned, ...] = ()
    tiers: tuple[Tier, ...] = ()
    boosts: tuple[Boost, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing but scores decides."""
        return not (self.excluded or self.pinned or self.tiers or self.boosts)


def _works_queries(works: Sequence[str], most: int) -> list[dict[str, Any]]:
    return [{"terms": {WORK_FIELD: some}} for some in parts(works, most)]


def filtered(options: Options, query: Mapping[str, Any]) -> Options:
    """The same, of the documents that match a query alone."""
    search = options.search
    return replace(options, search=replace(search, filters=(*search.filters, query)))


def without(
    options: Options, works: Sequence[str], queries: Sequence[Mapping[str, Any]], most: int
) -> Options:
    """The same, of all documents but those of some works, and those that match a query."""
    unwanted = [*(_works_queries(list(dict.fromkeys(works)), most) if works else ()), *queries]
    return filtered(options, {"bool": {"must_not": unwanted}}) if unwanted else options


def boosted(options: Options, boosts: Sequence[Boost]) -> Options:
    """The same, with further boosts."""
    if not boosts:
        return options
    search: SearchOptions = replace(options.search, boosts=(*options.search.boosts, *boosts))
    return replace(options, search=search)


def faded(factors: Mapping[str, float], most: int) -> list[Boost]:
    """Lower scores of some works, each to the nearest tenth."""
    by_tenth: dict[int, list[str]] = {}
    for work, factor in sorted(factors.items()):
        by_tenth.setdefault(max(1, round(factor * _TENTHS)), []).append(work)
    return [
        Boost({"bool": {"should": _works_queries(works, most)}}, tenth / _TENTHS)
        for tenth, works in sorted(by_tenth.items())
        if tenth < _TENTHS
    ]


def lowered_by(bury: Bury, works: Mapping[str, str], most: int) -> Boost:
    """Lower scores of what is buried to weigh little."""
    if bury.query is not None:
        return Boost(bury.query, bury.factor)
    [query] = _works_queries([works[bury.item or ""]], most)
    return Boost(query, bury.factor)


def last_tier(buries: Sequence[Bury], works: Mapping[str, str]) -> Tier:
    """What is buried to come after everything else."""
    named = sorted({works[bury.item] for bury in buries if bury.item})
    queries = tuple(bury.query for bury in buries if bury.query is not None)
    return Tier(tuple(named), queries, BURIED)


def joined(found: Recommendations, again: Recommendations, tier: Tier) -> Recommendations:
    """One list after the other; no score of the second is above those of the first."""
    highest = max((item.score for item in again.items), default=0.0)
    lowest = min((item.score for item in found.items), default=highest)
    scale = min(1.0, lowest / highest) if highest > 0 else 1.0
    filled = Counter(item.language for item in again.items)
    shares = Counter({share.language: share.filled for share in again.languages})
    note = tier.note.format(filled.total())
    return replace(
        found,
        items=(*found.items, *(replace(i, score=i.score * scale) for i in again.items)),
        notes=(*found.notes, note) if again.items else found.notes,
        degraded=tuple(dict.fromkeys((*found.degraded, *again.degraded))),
        languages=tuple(
            LanguageShare(share.language, share.slots, share.filled + shares[share.language])
            for share in found.languages
        ),
    )
