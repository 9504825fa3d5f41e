"""Lists for all users of a file: computed from arrays where that gives what is served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.errors import UnknownItems, XlrecError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions.by_user import Histories, InteractionFile, UserGroups
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.interactions.history import History
from xlrec_es.recommend.answer.cascade import text_places
from xlrec_es.recommend.export.index_arrays import Numbers, read_arrays
from xlrec_es.recommend.export.list_rows import Columns, ListRows, rows_of
from xlrec_es.recommend.export.lists import Found, ListMaker, Targets
from xlrec_es.recommend.export.reasons import Explainer
from xlrec_es.recommend.export.tastes import TasteReader, Tastes
from xlrec_es.recommend.export.writer import list_writer
from xlrec_es.recommend.options import CASCADE, COLLABORATIVE, MAX_CLAUSES, WEIGHTS, Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.plan import allowed_tags, fusion_of, target_tags
from xlrec_es.recommend.request.profile import Profile, text_share

USERS = 128
"""Whose lists are made at once: their candidates fit into a processor's cache."""

_WHOEVER = Profile((), {}, (), {}, {}, {})

Search = Callable[[Iterable[History]], Iterator[Recommendations | XlrecError]]
"""Lists that are searched for one by one, as `Recommender.recommend_many` has them."""


@dataclass(slots=True)
class Exported:
    """What became of an export.

    Attributes:
        users: Users of the file.
        lists: Those who have a list.
        rows: Places of all lists.
        searched: Users whose lists were searched for, by reason.
        without: Users who have no list, by reason.
        degraded: How many searched lists lack something, by what they lack.
        unknown_items: Pairs of a user and an item that the index does not have.
        report: Rows of the file, and how many of them did not count, by reason.
        index: The physical index that the lists are of.
    """

    users: int = 0
    lists: int = 0
    rows: int = 0
    searched: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)
    degraded: Counter[str] = field(default_factory=Counter)
    unknown_items: int = 0
    report: Mapping[str, int] = field(default_factory=dict)
    index: str = ""

    def told(self) -> dict[str, Any]:
        """As an object, for JSON."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        return {n: dict(value) if isinstance(value, Mapping) else value for n, value in own.items()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What lists are wanted.

    Attributes:
        interactions: Whose lists.
        output: See `writer.list_writer`.
        languages: Target languages; None for all of the index but those of what each user liked.
        size: Places of a list.
    """

    interactions: InteractionFile
    output: str
    languages: tuple[str, ...] | None = None
    size: int = 10


NOBODY = "none of the items is in the index"
EMPTY = "nothing was found"
FEW = "too few candidates without the texts"
NEW = "most candidates are items that no user has liked yet"
TEXTS = "a history that few users' interactions rest on"
ODD = "an item that is stored in an unusual way"
COLD = "nothing that is liked"
LONG = "more items than one query takes"


def export(
    client: Elasticsearch,
    live: LiveIndex,
    options: Options,
    search: Search,
    wanted: Wanted,
    *,
    step: Callable[[int], object] = lambda _users: None,
) -> Exported:
    """Write a list for every user.

    Args:
        client: Of the cluster.
        live: The index.
        options: How recommendations are made.
        search: For users whose lists cannot be computed here.
        wanted: Which lists.
        step: Told of how many more users there are lists.

    Raises:
        XlrecError: As for `writer.list_writer`, `by_user.UserGroups` and
            `index_arrays.read_arrays`; or a search meets an error that others would meet too.
    """
    exported = Exported(index=live.name)
    with (
        list_writer(client, wanted.output, sources=bool(options.search.source)) as writer,
        UserGroups(
            wanted.interactions,
            events=options.rules.events,
            forgotten=Forgotten.from_meta(live.meta.forgotten),
        ) as groups,
    ):
        why = why_searched(live, options)
        computing = None
        if why is None:
            computing = _Computing(client, live, options, wanted, groups.items)
        for histories in groups.batches(USERS):
            lists = _all_searched(histories, str(why))
            if computing is not None:
                lists = computing.lists(histories)
            _count(exported, histories, lists)
            for rows in _in_order(histories, lists, search, exported, bool(options.search.source)):
                writer.write(rows)
            step(len(histories))
        exported.report = {name: count for name, count in groups.report.items() if count}
    return exported


def why_searched(live: LiveIndex, options: Options) -> str | None:
    """Why all lists are searched for, where numpy cannot give what is served; else None."""
    weights = options.weights or live.meta.weights or WEIGHTS
    if fusion_of(live, options) == CASCADE:
        if not weights.get(COLLABORATIVE, 0) > 0:
            return "retrievers that Elasticsearch alone has"
    elif {retriever for retriever, weight in weights.items() if weight > 0} != {COLLABORATIVE}:
        return "retrievers that Elasticsearch alone has"
    search = options.search
    for reason, given in (
        ("fusion by Elasticsearch", options.server_side),
        ("diversity", options.diversity > 0),
        ("collapsed hits", search.collapse),
        ("another relation than taste", search.relation is not None),
        ("a restriction to some items", search.only is not None),
        ("lists without explanation", not options.explain),
        ("places for items without interactions", options.explore > 0),
    ):
        if given:
            return reason
    return None


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of a block of users, as far as they are computed.

    Attributes:
        rows: Gives the rows of the users from one number to before another.
        searched: Why a user's list is searched for, by number.
        without: Why a user has none, by number.
        missing: Items of users that the index does not have, one for each user who has it.
    """

    rows: Callable[[int, int], ListRows | None]
    searched: Mapping[int, str]
    without: Mapping[int, str]
    missing: int = 0


def _all_searched(histories: Histories, why: str) -> _Lists:
    return _Lists(lambda _begin, _end: None, dict.fromkeys(range(len(histories)), why), {})


class _Computing:
    """Computes lists of one index, for the users of one file."""

    def __init__(
        self,
        client: Elasticsearch,
        live: LiveIndex,
        options: Options,
        wanted: Wanted,
        items: tuple[str, ...],
    ) -> None:
        tags = allowed_tags(live, options)
        if wanted.languages is not None:
            named = target_tags(wanted.languages, live, _WHOEVER, options)
            tags = tuple(tag for some in named.values() for tag in some)
        options = replace(options, fusion=fusion_of(live, options))
        self._cascade = options.fusion == CASCADE
        self._size = wanted.size
        arrays = read_arrays(client, live, options.search, tags)
        options = options.deep_enough(wanted.size, live.limits)
        self._tastes = TasteReader(arrays, items, options.rules, gone_too=self._cascade)
        self._targets = Targets(arrays, options, wanted.languages)
        self._maker = ListMaker(arrays, options, self._targets, size=wanted.size)
        self._explainer = Explainer(arrays)
        self._columns = Columns(arrays)

    def lists(self, histories: Histories) -> _Lists:
        """The lists of some users."""
        tastes = self._tastes.tastes(histories)
        target = self._targets.of(tastes)
        found = self._maker.candidates(tastes, target)
        shown = self._maker.chosen(found, target)
        reasons = self._explainer.reasons(shown, tastes)

        def rows(begin: int, end: int) -> ListRows:
            first, last = np.searchsorted(shown.user, (begin, end))
            mine = shown.at(np.arange(first, last))
            return self._columns.rows(histories.users, mine, reasons.part(first, last))

        searched, without = _apart(tastes, shown, self._left_open(tastes, found, shown, target))
        return _Lists(rows, searched, without, int(tastes.missing.sum()))

    def _left_open(
        self, tastes: Tastes, found: Found, shown: Found, target: Numbers
    ) -> dict[str, NDArray[np.bool_]]:
        """For whom a cascade asks the texts, too, by reason; see `results.ranked_first`."""
        if not self._cascade:
            return {}
        shares = text_share(tastes.evidence).tolist()
        return {
            FEW: self._maker.too_few(shown, target),
            NEW: self._maker.mostly_inherited(found, len(target)),
            TEXTS: np.array([bool(text_places(share, self._size)) for share in shares], bool),
        }


def _apart(
    tastes: Tastes, shown: Found, left_open: Mapping[str, NDArray[np.bool_]]
) -> tuple[dict[int, str], dict[int, str]]:
    """Users whose lists are searched for, and those who have none, each with the reason."""
    searched: dict[int, str] = {}
    for reason, these in {
        **left_open,
        COLD: tastes.likes == 0,
        LONG: tastes.likes > MAX_CLAUSES,
        ODD: tastes.odd,
    }.items():
        known = these & (tastes.odd | ~tastes.unknown)
        searched.update(dict.fromkeys(np.flatnonzero(known).tolist(), reason))
    empty = np.bincount(shown.user, minlength=len(tastes.likes)) == 0
    without = {
        number: NOBODY if tastes.unknown[number] else EMPTY
        for number in np.flatnonzero(empty).tolist()
        if number not in searched
    }
    return dict(sorted(searched.items())), without


def _count(exported: Exported, histories: Histories, lists: _Lists) -> None:
    exported.users += len(histories)
    exported.lists += len(histories) - len(lists.searched) - len(lists.without)
    exported.searched.update(lists.searched.values())
    exported.without.update(lists.without.values())
    exported.unknown_items += lists.missing


def _in_order(
    histories: Histories, lists: _Lists, search: Search, exported: Exported, sources: bool
) -> Iterator[ListRows]:
    """Rows in the order of the users, those that are searched for at their places."""
    begin = 0
    found = search(map(histories.history, lists.searched))
    for number, result in zip(lists.searched, found, strict=True):
        yield from _rows(lists.rows(begin, number), exported)
        begin = number + 1
        if isinstance(result, UnknownItems):
            exported.without[NOBODY] += 1
        elif isinstance(result, XlrecError):
            raise result
        elif result.items:
            exported.lists += 1
            exported.degraded.update(result.degraded)
            yield from _rows(rows_of(histories.users[number], result, sources=sources), exported)
        else:
            exported.without[EMPTY] += 1
    yield from _rows(lists.rows(begin, len(histories)), exported)


def _rows(rows: ListRows | None, exported: Exported) -> Iterator[ListRows]:
    if rows:
        exported.rows += len(rows)
        yield rows
