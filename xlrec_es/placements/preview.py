"""What some users get by a placement, before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from elasticsearch import Elasticsearch

from xlrec_es.errors import ClusterError, XlrecError
from xlrec_es.interactions.event_source import EventSource, draw_users, read_history
from xlrec_es.interactions.history import History
from xlrec_es.placements.placement import Placement
from xlrec_es.placements.resolution import Languages, resolve
from xlrec_es.placements.store import Stored, Version, not_found
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.relations.counted import CountedLists, CountedQuestion, lists_or_refusal

USERS = 10


@dataclass(frozen=True, slots=True)
class PreviewUser:
    """A user to try a placement on.

    Attributes:
        name: For people.
        history: What the user did.
        user: The user's id, which decides on the variant; None: there is none.
    """

    name: str
    history: History
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """A placement, as one of the two that are compared."""

    stored: Stored
    placement: Placement

    @classmethod
    def of(cls, stored: Stored | None, index: str, name: str) -> Side:
        """A stored placement; what there is none of is a plain list."""
        if stored is None or stored.is_deleted:
            return cls.unwritten(index, name, Placement())
        return cls(stored, stored.current.placement())

    @classmethod
    def unwritten(cls, index: str, name: str, placement: Placement, *, number: int = 0) -> Side:
        """A placement that is not stored."""
        return cls(Stored(index, name, Version(number, "", "", {})), placement)


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item of a list, as people look at it."""

    id: str
    title: str | None
    language: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What one user gets.

    Attributes:
        user: The name.
        before: The list before the change.
        after: And after it.
        added: How many items are only after it.
        moved: How many are in both, at other places among these.
        variant: The variant that the user sees after it.
        problem: Why there is no list, in a sentence.
    """

    user: str
    before: tuple[SeenItem, ...] = ()
    after: tuple[SeenItem, ...] = ()
    added: int = 0
    moved: int = 0
    variant: str | None = None
    problem: str | None = None


def sides_of(stored: Stored | None, index: str, name: str) -> tuple[Side, Side]:
    """The last change of a placement: the version before the current one, and that.

    Args:
        stored: With its versions; None: there is none.
        index: The alias or index that it is for.
        name: Its name.

    Raises:
        PlacementNotFound: There is none.
        IndexUnusable: A version cannot be read.
    """
    if stored is None or stored.is_deleted:
        raise not_found(index, name)
    earlier = [one for one in stored.versions[:-1] if one.definition is not None]
    before = replace(stored, current=earlier[-1]) if earlier else None
    return Side.of(before, index, name), Side.of(stored, index, name)


@dataclass(frozen=True, slots=True)
class Serving:
    """By what lists of an index are made.

    Attributes:
        recommender: Of the index.
        base: What holds where a placement says nothing.
        counted: Lists that are counted from events; None: there are no events.
    """

    recommender: Recommender
    base: Options
    counted: CountedLists | None = None


def preview(
    serving: Serving,
    sides: tuple[Side, Side],
    users: Iterable[PreviewUser],
    *,
    languages: Languages = None,
    size: int | None = None,
) -> list[Preview]:
    """What users get before and after a change.

    Args:
        serving: By what lists are made.
        sides: The placement before and after.
        users: Whom to try it on.
        languages: As for `resolution.resolve`.
        size: As for `resolution.resolve`.

    Raises:
        ClusterError: Elasticsearch is out of reach, or refuses.
    """

    def listed(side: Side, user: PreviewUser) -> tuple[Recommendations, str | None]:
        found = resolve(
            side.stored,
            side.placement,
            serving.base,
            user=user.user,
            languages=languages,
            size=size,
        )
        if found.relation is not None:
            asked = CountedQuestion(
                found.relation,
                found.options,
                found.languages,
                found.size,
                excluded=found.curation.excluded,
            )
            return lists_or_refusal(serving.counted).ask(asked, user.history), found.used.variant
        curated = serving.recommender.by(found.options, found.curation)
        lists = curated.recommend(user.history, languages=found.languages, size=found.size)
        return lists, found.used.variant

    return [_compared(user, sides, listed) for user in users]


def _compared(
    user: PreviewUser,
    sides: tuple[Side, Side],
    listed: Callable[[Side, PreviewUser], tuple[Recommendations, str | None]],
) -> Preview:
    try:
        (before, _), (after, variant) = (listed(side, user) for side in sides)
    except ClusterError:
        raise
    except XlrecError as error:
        return Preview(user.name, problem=str(error))
    was, now = ([item.work for item in one.items] for one in (before, after))
    both = set(was) & set(now)
    moved = zip(
        (work for work in was if work in both), (work for work in now if work in both), strict=True
    )
    return Preview(
        user.name,
        _seen(before),
        _seen(after),
        added=len(set(now) - both),
        moved=sum(one != other for one, other in moved),
        variant=variant,
    )


def _seen(found: Recommendations) -> tuple[SeenItem, ...]:
    return tuple(SeenItem(one.id, one.title, one.language, one.pinned) for one in found.items)


def of_samples(samples: Mapping[str, Sequence[str]], count: int = USERS) -> list[PreviewUser]:
    """Users to try, out of histories by names.

    Args:
        samples: Ids by name.
        count: Of users.
    """
    return [PreviewUser(name, History.of(ids), name) for name, ids in samples.items()][:count]


def of_events(client: Elasticsearch, source: EventSource, count: int = USERS) -> list[PreviewUser]:
    """Users to try, drawn from an index of events: who did more is drawn more often.

    Args:
        client: Of the cluster.
        source: Of the events.
        count: Of users.

    Raises:
        XlrecError: They cannot be read.
    """
    names = draw_users(client, source, count)
    return [PreviewUser(name, read_history(client, name, source), name) for name in names]
