"""A search for words, in the order of a user: what is asked. No client."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from xlrec_es.cluster.answers import Answer
from xlrec_es.errors import IndexNotFound, SearchFailed, UnknownItems, UsageError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions.history import History
from xlrec_es.languages import normalize
from xlrec_es.recommend.answer.explanations import _Held, _held
from xlrec_es.recommend.answer.query_fusion import rank_query, reasons_of, with_taste
from xlrec_es.recommend.answer.ranking import Ranking, Searched
from xlrec_es.recommend.answer.results import choose, considered, finish, holdings
from xlrec_es.recommend.answer.taste import Taste, tastes
from xlrec_es.recommend.calls import ENCODE, Call, Steps
from xlrec_es.recommend.options import COLLABORATIVE, DENSE, SEARCH_WEIGHTS
from xlrec_es.recommend.ranked import RankingCore, both
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.plan import Known, Plan, make_plan
from xlrec_es.recommend.request.text_queries import checked, query_plan
from xlrec_es.vectors.vector import Vector

_NO_TASTE = "nothing is known of this user: the results are in the order of the query alone"


@dataclass(frozen=True, slots=True)
class Query:
    """What a user searches for.

    Attributes:
        text: The words.
        languages: Target languages; None: all of the index.
        size: How many results.
        language: The language of the words; None: it is not known.
        exclude_seen: Leave out the history's items.
    """

    text: str
    languages: Sequence[str] | None = None
    size: int = 10
    language: str | None = None
    exclude_seen: bool = False

    def __post_init__(self) -> None:
        checked(self.text)
        if self.size < 1:
            raise UsageError(f"size is {self.size}; ask for at least 1")
        if self.language is not None:
            object.__setattr__(self, "language", normalize(self.language))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who searches.

    Attributes:
        plan: With their profile; None where nothing is known of them.
        notes: What that means, in sentences.
        unknown_items: Ids of the history that the index does not have.
        degraded: What could not be read of the history.
    """

    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    unknown_items: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()

    @property
    def seen(self) -> tuple[str, ...]:
        """The works of the history."""
        return () if self.plan is None else self.plan.profile.seen


@dataclass(frozen=True, slots=True)
class _Details:
    """What documents hold, as far as it was read."""

    hits: Sequence[Answer] = ()
    lost: Sequence[str] = ()

    @property
    def held(self) -> dict[str, _Held]:
        return {hit["_id"]: _held(hit) for hit in self.hits}


class SearchingCore(RankingCore):
    """Searches for words."""

    def search_text(self, query: Query, history: History | None) -> Steps[Recommendations]:
        """Search by the words and their meaning, and put what is found in the order of a user."""

        def once() -> Steps[Recommendations]:
            live = yield from self.live()
            vector = yield from self._vector(query, live)
            reader: _Reader
            if query.exclude_seen:  # what they have seen is known only then
                reader = yield from self._reader(history, live)
                searched = yield from self._find(query, live, vector, reader.seen)
            else:
                searched, reader = yield from both(
                    self._find(query, live, vector, ()), self._reader(history, live)
                )
            if reader.plan is not None and reader.plan.live.name != live.name:
                raise IndexNotFound(f"{self.index} has just been swapped; ask again")
            return (yield from self._in_order(query, searched, reader))

        return (yield from self._once_or_twice(once, query.size))

    def search_plan(self, query: Query) -> Steps[Plan]:
        """The searches of a query, readable."""
        live = yield from self.live()
        vector = yield from self._vector(query, live)
        return self._planned(query, live, vector, (), readable=True)

    def _vector(self, query: Query, live: LiveIndex) -> Steps[dict[str, Vector]]:
        """The centered vector of the query, shape (dims,), by its text; none without encoder."""
        weights = self.options.search_weights or SEARCH_WEIGHTS
        if self.encoder is None or not weights.get(DENSE, 0):
            return {}
        vectors = (yield Call(ENCODE, {"texts": [query.text], "live": live}))["vectors"]
        # Where nobody says in which language it is, the mean over all of them is taken out.
        [centered] = live.meta.centering.apply(vectors, [query.language or ""])
        return {query.text: centered}

    def _find(
        self, query: Query, live: LiveIndex, vector: dict[str, Vector], seen: Collection[str]
    ) -> Steps[Searched]:
        """The query's own searches, and their answers."""
        return (yield from self._answers(self._planned(query, live, vector, seen)))

    def _planned(
        self,
        query: Query,
        live: LiveIndex,
        vector: dict[str, Vector],
        seen: Collection[str],
        *,
        readable: bool = False,
    ) -> Plan:
        search = replace(
            self.options.search.deep_enough(query.size, live.limits),
            binary_vectors=live.has_binary_vectors and not readable,
        )
        options = replace(self.options, weights={DENSE: 1.0}, server_side=False, search=search)
        known = Known((), {}, {work: work for work in seen}, vector)
        history = History(texts=tuple(vector))
        plan = make_plan(live, history, known, languages=query.languages, options=options)
        weights = self.options.search_weights or SEARCH_WEIGHTS
        return query_plan(plan, query.text, search, weights=weights, query_language=query.language)

    def _reader(self, history: History | None, live: LiveIndex) -> Steps[_Reader]:
        """Who searches; without what could not be read of them, there is an answer all the same."""
        if history is None or not (history.interactions or history.texts):
            return _Reader()
        try:
            plan = yield from self.taste(history, live)
        except UnknownItems:
            return _Reader(notes=(_NO_TASTE,), unknown_items=history.items)
        except SearchFailed as error:
            return _Reader(degraded=(f"without the user's taste: {error}",))
        notes = () if plan.profile.interests else (_NO_TASTE,)
        return _Reader(plan, notes, plan.unknown_items, plan.degraded)

    def _in_order(
        self, query: Query, searched: Searched, reader: _Reader
    ) -> Steps[Recommendations]:
        """Read what was found, and put it in order."""
        found = rank_query(searched, self.options)
        said: dict[str, Taste] = {}
        read = _Details()
        taste = reader.plan if reader.plan is not None and reader.plan.profile.interests else None
        if (taste is not None and found.taste > 0) or self.options.diversity > 0:
            # Taste decides among as many as diversity does: what is far below stays there.
            read = yield from self._details(found.ranking, searched.plan, query.size)
            said = {} if taste is None else tastes(taste.profile, read.held)
        ranking = with_taste(found, said)
        vectors = {id_: h.vector for id_, h in read.held.items() if h.vector is not None}
        size = query.size
        chosen = choose(ranking, searched.plan, self.options, size=size, vectors=vectors)
        if missing := [candidate for candidate in chosen if candidate.id not in read.held]:
            rest = yield from self._details(
                replace(ranking, chosen=missing), searched.plan, query.size
            )
            read = _Details([*read.hits, *rest.hits], [*read.lost, *rest.lost])
        return self._finished(query, replace(ranking, chosen=chosen), searched.plan, reader, read)

    def _details(self, ranking: Ranking, plan: Plan, size: int) -> Steps[_Details]:
        """What the documents hold by which taste, diversity and reasons are computed.

        Of the chosen ones; where they are not chosen yet, of all among which that is decided.
        """
        wanted = considered(ranking, size)
        # Taste is by what the same users like, whatever `recommend` is asked for.
        options = replace(self.options, search=replace(self.options.search, relation=None))
        bodies = holdings(wanted, plan, options, (COLLABORATIVE, DENSE))
        hits, lost = yield from self._hits_of(plan, bodies)
        return _Details(hits, lost)

    def _finished(
        self, query: Query, ranking: Ranking, plan: Plan, reader: _Reader, read: _Details
    ) -> Recommendations:
        """The results with their reasons."""
        if read.lost:
            sentence = f"titles, fields and the user's taste are missing: {read.lost[0]}"
            ranking = replace(ranking, degraded=(*ranking.degraded, sentence))
        found = finish(ranking, plan, self.options, size=query.size, found=read.hits)
        held = read.held
        reasons = [
            reasons_of(candidate, query.text, reader.plan, held.get(candidate.id, _Held()))
            for candidate in ranking.chosen or ()
        ]
        return replace(
            found,
            items=tuple(
                replace(item, reasons=why if self.options.explain else ())
                for item, why in zip(found.items, reasons, strict=True)
            ),
            unknown_items=reader.unknown_items,
            notes=(*found.notes, *reader.notes),
            degraded=(*found.degraded, *reader.degraded),
        )
