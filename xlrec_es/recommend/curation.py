"""What people decide of a list: items at places of their own, items that come last, items left out.

Pure. Pins are put between what is recommended, which keeps its order. What comes last and what is
left out are queries of the searches; see `pages`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.index.fields import LANGUAGE_FIELD, WORK_FIELD
from xlrec_es.index.hits import fields_of_hits, language_of, title_of, work_of
from xlrec_es.languages import named_by
from xlrec_es.recommend.options import SearchOptions
from xlrec_es.recommend.recommendations import LanguageShare, Recommendation, Recommendations

MAX_PLACE = 1000
"""Items of a list, in all its pages; see `cursor.MAX_ITEMS`."""

MAX_PINS = 100
"""Their documents are read for every list."""


@dataclass(frozen=True, slots=True)
class Pin:
    """An item at a place of its own.

    Attributes:
        item: Id of a work or of a document. A document's id means this document, or another
            language version of its work where this one is in no target language.
        place: In the whole list, from 1.
    """

    item: str
    place: int

    def __post_init__(self) -> None:
        if not self.item:
            raise UsageError("a pin needs the id of an item")
        if not 1 <= self.place <= MAX_PLACE:
            raise UsageError(
                f"the place of the pin {self.item!r} is {self.place}; use 1 to {MAX_PLACE}"
            )


@dataclass(frozen=True, slots=True)
class Bury:
    """Items that come last, or weigh little.

    Attributes:
        item: Id of a work or of a document, of which all language versions are meant; or None.
        query: An Elasticsearch query, in place of an item.
        factor: 0: they come after everything else. Above it, below 1: their scores are multiplied
            by it.
    """

    item: str | None = None
    query: Mapping[str, Any] | None = None
    factor: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.item) == (self.query is not None):
            raise UsageError("a bury needs the id of an item or a query, one of the two")
        if not 0 <= self.factor < 1:
            raise UsageError(
                f"the factor of a bury is {self.factor}; use 0 (after everything else) to below 1"
            )


@dataclass(frozen=True, slots=True)
class Curation:
    """What people decide of a list.

    Attributes:
        pins: Items at places of their own, which no other has.
        buries: Items that come last, or weigh little.
        excluded: Ids of works or documents of which no language version is recommended.
    """

    pins: tuple[Pin, ...] = ()
    buries: tuple[Bury, ...] = ()
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.pins) > MAX_PINS:
            raise UsageError(f"{len(self.pins)} items are pinned; use at most {MAX_PINS}")
        for place, count in Counter(pin.place for pin in self.pins).items():
            if count > 1:
                raise UsageError(f"{count} pins have the place {place}; give each its own")
        pinned = Counter(pin.item for pin in self.pins)
        buried = {bury.item for bury in self.buries}
        for item, count in pinned.items():
            if count > 1:
                raise UsageError(f"{item!r} is pinned {count} times; an item has one place")
            if item in self.excluded or item in buried:
                other = "excluded" if item in self.excluded else "buried"
                raise UsageError(f"{item!r} is both pinned and {other}; leave out one")

    @property
    def items(self) -> list[str]:
        """All ids that it names, each once."""
        buried = [bury.item for bury in self.buries if bury.item]
        return list(dict.fromkeys([*(pin.item for pin in self.pins), *buried, *self.excluded]))


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pin whose item may be shown to a user.

    Attributes:
        pin: The pin.
        work: Of its item.
        hits: The documents of the work that pass the filters.
    """

    pin: Pin
    work: str
    hits: tuple[Mapping[str, Any], ...] = field(repr=False)

    def hit_in(self, tags: Sequence[str]) -> Mapping[str, Any] | None:
        """The document that is shown where the target languages have these tags; None: none."""

        def order(hit: Mapping[str, Any]) -> tuple[bool, int, str]:
            return hit["_id"] != self.pin.item, tags.index(language_of(hit)), hit["_id"]

        return min((h for h in self.hits if language_of(h) in tags), key=order, default=None)


def pins_body(
    works: Sequence[str], options: SearchOptions, *, title: str | None, size: int
) -> dict[str, Any]:
    """The search for the documents of pinned works that pass the filters.

    Args:
        works: Of the pins.
        options: The filters, and the user's own fields that are wanted.
        title: The user's field that holds the title.
        size: Most hits.
    """
    source = list(dict.fromkeys((*options.source, *([title] if title else []))))
    return {
        "query": {"bool": {"filter": [{"terms": {WORK_FIELD: list(works)}}, *options.filters]}},
        "size": size,
        "_source": source or False,
        **fields_of_hits([WORK_FIELD, LANGUAGE_FIELD]),
        "track_total_hits": False,
    }


def pinned_of(
    curation: Curation,
    works: Mapping[str, str],
    seen: Sequence[str],
    hits: Sequence[Mapping[str, Any]],
) -> tuple[Pinned, ...]:
    """The pins whose items a user does not know, and that have a document that passes the filters.

    Args:
        curation: The pins.
        works: Work by id, of what the index has.
        seen: Ids of the user's history.
        hits: Of `pins_body`.
    """
    known = {works[id_] for id_ in seen if id_ in works}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for hit in hits:
        found.setdefault(work_of(hit), []).append(hit)
    pinned: dict[str, Pinned] = {}
    for pin in sorted(curation.pins, key=lambda pin: pin.place):
        work = works.get(pin.item)
        if work is not None and work in found and work not in known:
            pinned.setdefault(work, Pinned(pin, work, tuple(found[work])))
    return tuple(pinned.values())


def with_pins(
    found: Recommendations,
    pinned: Sequence[Pinned],
    *,
    start: int,
    size: int,
    index_languages: Sequence[str],
    title: str | None,
) -> Recommendations:
    """A page of a list with its pins; all else keeps its order, and makes room at the end.

    Args:
        found: A page without the pinned items.
        pinned: The pins that may still come, by their places.
        start: How many items the pages before have.
        size: Of a page.
        index_languages: The language tags of the index.
        title: The user's field that holds the title.
    """
    targets = [share.language for share in found.languages]
    tags = [tag for language in targets for tag in named_by(language, index_languages)]
    order = list(found.items)
    for one in pinned:
        hit = one.hit_in(tags) if one.pin.place <= start + size else None
        if hit is not None:
            place = min(one.pin.place - start, len(order) + 1)
            order.insert(place - 1, _recommendation(hit, order, place, title))
    del order[size:]
    filled = Counter(item.language for item in order)
    return replace(
        found,
        items=tuple(order),
        languages=tuple(
            LanguageShare(
                share.language,
                share.slots,
                sum(filled[tag] for tag in named_by(share.language, index_languages)),
            )
            for share in found.languages
        ),
    )


def _recommendation(
    hit: Mapping[str, Any], order: Sequence[Recommendation], place: int, title: str | None
) -> Recommendation:
    """A pinned item, with the score of what it stands before, or behind at the end of a list."""
    beside = order[place - 1 : place] or order[-1:]
    return Recommendation(
        id=hit["_id"],
        work=work_of(hit),
        language=language_of(hit),
        score=beside[0].score if beside else 0.0,
        title=title_of(hit, title),
        retrievers={},
        reasons=(),
        source=hit.get("_source", {}),
        pinned=True,
    )
