"""Whether a placement fits its index: what is wrong is told at once, and before it is stored."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.answers import whole
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import (
    ClusterError,
    ClusterUnreachable,
    PlacementRefused,
    UsageError,
    XlrecError,
)
from xlrec_es.index.fields import MAX_HITS, WORK_FIELD
from xlrec_es.index.hits import language_of, work_of
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.search_limits import parts
from xlrec_es.interactions.history import History
from xlrec_es.languages import named_by
from xlrec_es.placements.given_options import counted_of, valid
from xlrec_es.placements.placement import Placement, read_placement
from xlrec_es.placements.query_check import fields_of
from xlrec_es.placements.resolution import DEFAULT_SIZE, NOT_CURATED
from xlrec_es.recommend.curation import pins_body
from xlrec_es.recommend.options import Options, SearchOptions
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.recommend.request.read_queries import history_body, passing_body, passing_of

_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen of a placement in its index.

    Attributes:
        faults: Why it cannot be stored, in sentences.
        warnings: What may not be meant, in sentences.
        documents: How many documents the filters leave, by target language.
    """

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    documents: Mapping[str, int] = field(default_factory=dict)

    def refuse_faults(self) -> None:
        """Go on only without faults.

        Raises:
            PlacementRefused: There are some.
        """
        if self.faults:
            raise PlacementRefused(self.faults)


def examine(client: Elasticsearch, index: str, definition: object, base: Options) -> Report:
    """Look whether a placement can be served.

    Args:
        client: Of the cluster.
        index: Alias or index that it is for.
        definition: Of the placement.
        base: What holds where it says nothing.

    Raises:
        IndexNotFound: There is no such index.
        XlrecError: It cannot be looked at.
    """
    live = find_live(client, index)
    try:
        placement = read_placement(definition)
    except PlacementRefused as error:
        return Report(error.faults)
    return _Examination(client, index, live, placement, base).report()


class _Examination:
    """What is looked at, and what was found so far."""

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        live: LiveIndex,
        placement: Placement,
        base: Options,
    ) -> None:
        self._client = client
        self._index = index
        self._live = live
        self._placement = placement
        self._base = base
        self._faults: list[str] = []
        self._warnings: list[str] = []

    def report(self) -> Report:
        """All that is found."""
        arms = self._arms()
        targets = self._targets()
        self._check_fields(arms)
        documents: dict[str, int] = {}
        if arms and not self._faults:  # a field that is not there would leave no document
            documents = self._count(arms, targets)
        if arms:
            self._check_items(arms, targets)
        counted = self._counted()
        if counted and (self._placement.curation.pins or self._placement.curation.buries):
            self._warnings.append(NOT_CURATED)
        if not self._faults:
            self._try({place: one for place, one in arms.items() if place not in counted})
        faults, warnings = (tuple(dict.fromkeys(s)) for s in (self._faults, self._warnings))
        return Report(faults, warnings, documents)

    def _counted(self) -> set[str]:
        """The arms that are counted from events, which the index alone says nothing of."""
        placement = self._placement
        own = counted_of(placement.options)[1]
        found = set() if own is None or placement.variants else {"the placement"}
        for name, variant in placement.variants.items():
            if counted_of({"relation": own, **variant.options})[1] is not None:
                found.add(f"the variant {name!r}")
        return found

    def _arms(self) -> dict[str, Options]:
        """Options by what they are called: those of the placement, and of each variant."""
        placement = self._placement
        own = valid(placement.options, self._base, "options")
        if isinstance(own, str):
            self._faults.append(own)
            return {}
        found: dict[str, Options] = {} if placement.variants else {"the placement": own}
        for name, variant in placement.variants.items():
            options = valid(variant.options, own, f"the variant {name!r}")
            if isinstance(options, str):
                self._faults.append(options)
            else:
                found[f"the variant {name!r}"] = options
        return found

    def _targets(self) -> dict[str, tuple[str, ...]]:
        """The tags of the index by target language."""
        has = self._live.meta.languages
        if self._placement.languages is None:
            return {tag: (tag,) for tag in has}
        targets = {tag: named_by(tag, has) for tag in self._placement.languages}
        self._faults += [
            f"{self._index} has no documents in {tag}; it has {', '.join(has)}"
            for tag, tags in targets.items()
            if not tags
        ]
        return {tag: tags for tag, tags in targets.items() if tags}

    def _check_fields(self, arms: Mapping[str, Options]) -> None:
        """Fields of caps, recency, filters, boosts and buries are in the index."""
        asked: dict[str, str] = {}
        for options in arms.values():
            asked |= dict(_fields(options.search))
        for bury in self._placement.curation.buries:
            if bury.query is not None:
                asked |= dict.fromkeys(fields_of(bury.query), "a query of buries")
        if not asked:
            return
        with friendly_errors(self._client):
            known = self._client.field_caps(index=self._live.searched, fields="*").body["fields"]
        for name, where in asked.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._faults.append(f"{where} asks the field {name!r}, which is not there{hint}")
        self._check_types(arms, known)

    def _check_types(
        self, arms: Mapping[str, Options], known: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Caps count values of a column, and recency is by a date."""
        for options in arms.values():
            for one in _typed(options.search):
                if set(one.typed_fields) <= known.keys():
                    try:
                        one.refuse_types(known)
                    except UsageError as error:
                        self._faults.append(str(error))

    def _count(
        self, arms: Mapping[str, Options], targets: Mapping[str, Sequence[str]]
    ) -> dict[str, int]:
        """How many documents pass the filters, by target language: the fewest of all variants."""
        size = self._placement.size or DEFAULT_SIZE
        fewest: dict[str, int] = {}
        for place, options in arms.items():
            filters = [*options.search.filters, {"exists": {"field": WORK_FIELD}}]
            body = passing_body(filters, len(self._live.meta.languages))
            answer = self._search(body, place)
            if answer is None:
                continue
            passing = passing_of(whole(answer, "the count of what passes the filters")) or {}
            counts = {
                target: sum(passing.get(tag, 0) for tag in tags) for target, tags in targets.items()
            }
            self._judge(counts, size, place)
            fewest = {t: min(n, fewest.get(t, n)) for t, n in counts.items()}
        return fewest

    def _judge(self, counts: Mapping[str, int], size: int, place: str) -> None:
        if counts and not any(counts.values()):
            self._faults.append(f"the filters of {place} leave no document in any target language")
            return
        for language, count in counts.items():
            if count == 0:
                self._warnings.append(f"the filters of {place} leave no document in {language}")
            elif count < size:
                self._warnings.append(
                    f"the filters of {place} leave {count} documents in {language}, fewer than the "
                    f"{size} of a list"
                )

    def _check_items(
        self, arms: Mapping[str, Options], targets: Mapping[str, Sequence[str]]
    ) -> None:
        """Items that are named exist, and pins have a document that can be shown."""
        curation = self._placement.curation
        if not curation.items:
            return
        works: dict[str, str] = {}
        spoken: dict[str, set[str]] = {}
        for some in parts(curation.items, self._live.limits.ids):
            body = history_body(some, title=None, read=(), size=self._live.limits.hits)
            for hit in self._hits(body):
                works[hit["_id"]] = works[work_of(hit)] = work_of(hit)
                spoken.setdefault(work_of(hit), set()).add(language_of(hit))
        self._faults += [
            f"{self._index} has no item {id_!r}, which is {self._role(id_)}"
            for id_ in curation.items
            if id_ not in works
        ]
        # A document's id found that document alone: its work may have others.
        pinned = sorted({works[pin.item] for pin in curation.pins if pin.item in works})
        tags = {tag for some in targets.values() for tag in some}
        shown = self._pinned_languages(pinned, arms)
        for pin in curation.pins:
            if pin.item not in works:
                continue
            anywhere, passing = shown[works[pin.item]]
            if not anywhere & tags:
                self._faults.append(
                    f"the pin {pin.item!r} has no document in a target language, but in "
                    f"{', '.join(sorted(anywhere))}"
                )
            elif not passing & tags:
                self._warnings.append(
                    f"the filters leave out the pin {pin.item!r}: it is not shown"
                )

    def _pinned_languages(
        self, works: Sequence[str], arms: Mapping[str, Options]
    ) -> dict[str, tuple[set[str], set[str]]]:
        """The languages of pinned works: of all documents, and of those that pass the filters."""
        found: dict[str, tuple[set[str], set[str]]] = {work: (set(), set()) for work in works}
        if not works:
            return found
        size = min(len(works) * max(1, len(self._live.meta.languages)), MAX_HITS)
        every = [SearchOptions(), *(options.search for options in arms.values())]
        for number, options in enumerate(every):
            body = pins_body(works, options, title=None, size=min(size, self._live.limits.hits))
            for hit in self._hits({**body, "_source": False}):
                found[work_of(hit)][bool(number)].add(language_of(hit))
        return found

    def _role(self, id_: str) -> str:
        curation = self._placement.curation
        if id_ in curation.excluded:
            return "excluded"
        return "pinned" if any(pin.item == id_ for pin in curation.pins) else "buried"

    def _try(self, arms: Mapping[str, Options]) -> None:
        """Ask for a list, as a user of whom nothing is known would."""
        recommender = Recommender(self._client, self._index, options=self._base)
        placement = self._placement
        languages = None if placement.languages is None else list(placement.languages)
        for place, options in arms.items():
            try:
                recommender.by(options, placement.curation).recommend(
                    History(), languages=languages, size=placement.size or DEFAULT_SIZE
                )
            except (ClusterUnreachable, ClusterError) as error:
                self._fault_or_raise(error, place)
            except XlrecError as error:
                self._faults.append(f"a list by {place} fails: {error}")

    def _hits(self, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        answer = self._search(body, "the placement")
        if answer is None:
            return []
        hits: list[Mapping[str, Any]] = whole(answer, "the search for items")["hits"]["hits"]
        return hits

    def _search(self, body: Mapping[str, Any], place: str) -> Mapping[str, Any] | None:
        """The answer; None where the query is at fault, which is told."""
        try:
            with friendly_errors(self._client):
                answer: Mapping[str, Any] = self._client.search(
                    index=self._live.searched, body=dict(body)
                ).body
                return answer
        except ClusterError as error:
            self._fault_or_raise(error, place)
            return None

    def _fault_or_raise(self, error: ClusterError, place: str) -> None:
        if error.status != _BAD_REQUEST:
            raise error
        self._faults.append(f"Elasticsearch refuses the queries of {place}: {error}")


def _typed(search: SearchOptions) -> Iterator[SearchOptions]:
    """Each cap, and recency, by itself: all that is wrong with them is told."""
    for name, most in (search.caps or {}).items():
        yield SearchOptions(caps={name: most})
    if search.recent is not None:
        yield SearchOptions(recent=search.recent)


def _fields(search: SearchOptions) -> Iterator[tuple[str, str]]:
    """The fields that options ask, with what asks them."""
    for query in search.filters:
        yield from ((name, "a filter") for name in fields_of(query))
    for boost in search.boosts:
        yield from ((name, "a boost") for name in fields_of(boost.query))
    for name in search.caps or {}:
        yield name, "a cap"
    if search.recent is not None:
        yield search.recent.field, "recent"
