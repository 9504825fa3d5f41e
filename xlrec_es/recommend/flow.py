"""The flow of one recommendation: what is asked, and what is made of the answers. No client."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from xlrec_es.cluster.answers import Answer, documents_lost, hits_of, lacks_of
from xlrec_es.cluster.capabilities import NODES_ANSWER, read_nodes
from xlrec_es.errors import (
    ClusterError,
    IndexNotFound,
    PermissionDenied,
    UsageError,
)
from xlrec_es.index.fields import RELATIONS
from xlrec_es.index.hits import work_of
from xlrec_es.index.live_index import LiveIndex, check_encoder, live_arguments, read_live
from xlrec_es.interactions.history import History
from xlrec_es.interactions.weighting import weigh
from xlrec_es.recommend import similarity
from xlrec_es.recommend.answer.ranking import Ranking, Searched, rank
from xlrec_es.recommend.answer.results import (
    choose,
    details,
    finish,
    ranked_first,
    title_bodies,
    with_passing,
    with_titles,
)
from xlrec_es.recommend.calls import ENCODE, MSEARCH, Call, Steps, ask
from xlrec_es.recommend.history_reading import Items, Read, Reader, read_in_full, read_names
from xlrec_es.recommend.options import CASCADE, RECIPROCAL_RANK, WEIGHTS, Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request import server_fusion
from xlrec_es.recommend.request.plan import (
    Known,
    Plan,
    fields_to_read,
    first_plan,
    fusion_of,
    guess_plan,
    make_plan,
    read_documents,
    texts_to_read,
)
from xlrec_es.recommend.request.queries import to_msearch
from xlrec_es.recommend.request.read_queries import passing_body, passing_of
from xlrec_es.vectors.encoder import Encoder, encode_query
from xlrec_es.vectors.vector import Vector

DESCRIPTION_LIFE_S = 30.0
"""How long what an index says of itself is believed; a swapped alias is noticed sooner."""


class _Described:
    """What the index said of itself, and when."""

    live: LiveIndex | None = None
    read_at = 0.0
    fitting: tuple[str, frozenset[str]] = ("", frozenset())
    """A version, and fields of it that are of the types that options need."""


class Core:
    """What both recommenders know and do, without a client."""

    def __init__(
        self,
        index: str,
        options: Options | None,
        encoder: Encoder | None,
        timeout_s: float,
    ) -> None:
        if not timeout_s > 0:
            raise UsageError(f"timeout_s is {timeout_s}; use seconds above 0")
        self.index = index
        self.options = options or Options()
        self.encoder = encoder
        self.timeout_s = timeout_s
        self._described = _Described()
        self._may_fuse = not self.options.server_side
        self._encoding = threading.Lock()

    def by(self, options: Options) -> Self:
        """The same with other options; what the index says of itself is read once for both."""
        other = copy.copy(self)
        other.options = options
        other._may_fuse = not options.server_side
        return other

    def recommend(
        self, history: History, languages: Iterable[str] | None, size: int
    ) -> Steps[Recommendations]:
        """Plan, search, and fetch details where they are needed."""
        targets = None if languages is None else list(languages)

        def once() -> Steps[Recommendations]:
            plan, ranking = yield from self._ranked(history, targets, size)
            return (yield from self._show(ranking, plan, self.options, size))

        return (yield from self._once_or_twice(once, size))

    def similar(
        self, item: str, languages: Iterable[str] | None, size: int, measure: str | None
    ) -> Steps[Recommendations]:
        """As `recommend`; by a relation, or with candidates in the order of a measure."""
        history = History.of([item])
        if measure is None:
            return (yield from self.recommend(history, languages, size))
        if measure in RELATIONS:
            related = self.by(self.options.related(measure))
            return (yield from related.recommend(history, languages, size))
        options = similarity.candidate_options(self.options, measure)
        targets = None if languages is None else list(languages)

        def once() -> Steps[Recommendations]:
            in_words = measure == similarity.JACCARD
            plan = yield from self.plan(history, targets, size, options, own_languages=in_words)
            if in_words:
                plan = similarity.for_words(plan)
            searched = yield from self._answers(plan)
            ranking = rank(plan, searched.answers, options, size=size)
            if in_words:
                scores, lost = yield from self._shared_words(plan, ranking)
                ranking = replace(ranking, degraded=(*ranking.degraded, *lost))
            else:
                scores = similarity.vector_scores(ranking, measure)
            ranking = similarity.measured(ranking, scores)
            return (yield from self._show(ranking, plan, options, size))

        return (yield from self._once_or_twice(once, size))

    def _ranked(
        self, history: History, languages: Sequence[str] | None, size: int
    ) -> Steps[tuple[Plan, Ranking]]:
        """Search, and put in order what was found."""
        live = yield from self.live()
        had = None
        # Free texts, and what nobody knows, take the searches of texts in any case.
        explores = self.options.explore > 0
        if fusion_of(live, self.options) == CASCADE and not (history.texts or explores):
            had = yield from self._first(live, history, languages, size)
            if (ranking := ranked_first(had, self.options, size)) is not None:
                return had.plan, ranking
        # What is new is put in order among its candidates, which do not depend on other languages'.
        # Searches that failed are not sent in another form to a cluster that has enough of them.
        alone = had is not None and not any("error" in one for one in had.answers)
        options = replace(self.options, search=replace(self.options.search, evidence=alone))
        plan = yield from self.plan(history, languages, size, options)
        searched = yield from self._answers(plan, had)
        return plan, rank(plan, searched.answers, self.options, size=size)

    def _first(
        self, live: LiveIndex, history: History, languages: Sequence[str] | None, size: int
    ) -> Steps[Searched]:
        """A cascade's first searches, in one request with that for the history as a rule."""
        weights = weigh(history, self.options.rules)
        items = _items(history, weights)
        options = self._deep(live, size)
        guess, lines = None, []
        if languages is not None:  # else the history tells which languages are its own
            guess = guess_plan(live, history, weights, languages=languages, options=options)
            lines = to_msearch(guess.requests, live.searched, timeout_s=self.timeout_s)
        live, read, answers = yield from self._history(read_names, live, items, lines)
        known = _known(read, live, weights)
        plan = first_plan(live, history, known, languages=languages, options=options)
        had = None if guess is None else Searched(guess, answers)
        return (yield from self._answers(plan, had))

    def _history(
        self,
        reader: Reader,
        live: LiveIndex,
        items: Items,
        beside: Sequence[Mapping[str, Any]],
    ) -> Steps[tuple[LiveIndex, Read, Sequence[Answer]]]:
        """Read a history of the version that is live, and of works every language version.

        Returns:
            That version, what was read of it, and the answers to the searches beside it; none of
            these if the alias was swapped, for they are another version's.
        """
        read, answers = yield from reader(self.index, live, items, beside)
        if any(hit["_index"] != live.name for hit in read.hits):
            # The alias was swapped: these vectors are another encoder's, perhaps. From here on one
            # version is asked by its own name, wherever the alias goes.
            self._described.live = None
            live = yield from self.live()
            read, answers = yield from reader(live.searched, live, items)
        # A document's id does not say of which work it is a language version: the others are read.
        works = {work_of(hit) for hit in read.documents}
        if not works <= set(items.telling):
            versions = replace(items, telling=sorted(works), silent=())
            others, _ = yield from reader(live.searched, live, versions)
            read = read.with_all(others)
        return live, read, answers

    def _shared_words(
        self, plan: Plan, ranking: Ranking
    ) -> Steps[tuple[dict[str, float], list[str]]]:
        """The score of each candidate, and what could not be read for it, in sentences."""
        if not ranking.candidates:
            return {}, []
        answer = yield Call("mtermvectors", similarity.terms_question(plan, ranking))
        scores = similarity.jaccard_scores(answer, plan, ranking)
        return scores, documents_lost(answer)

    def _once_or_twice(
        self, once: Callable[[], Steps[Recommendations]], size: int, *, typed: bool = True
    ) -> Steps[Recommendations]:
        """Do it again if the version that was live is gone; fields have types where they matter."""
        if size < 1:
            raise UsageError(f"size is {size}; ask for at least 1")

        def checked() -> Steps[Recommendations]:
            if typed:
                yield from self.check_fields()
            return (yield from once())

        try:
            return (yield from checked())
        except IndexNotFound:
            # The version that was live a moment ago has been pruned: read the alias again, once.
            self._described.live = None
            return (yield from checked())

    def check_fields(self) -> Steps[None]:
        """See that fields of caps and of recency are there, and of their types; asked once.

        A search says nothing of a field that is not there, and recency counts for popularity alone.

        Raises:
            UsageError: As `SearchOptions.refuse_types`.
        """
        options = self.options.search
        if not (fields := options.typed_fields):
            return
        live = yield from self.live()
        version, fitting = self._described.fitting
        if version == live.name and fitting.issuperset(fields):
            return
        asked = [*fields, *(f"{name}.keyword" for name in fields)]
        try:
            found = yield Call("field_caps", {"index": live.searched, "fields": asked})
        except ClusterError:
            return  # what the searches meet is told
        options.refuse_types(found["fields"])
        known = fitting if version == live.name else frozenset[str]()
        self._described.fitting = live.name, known.union(fields)

    def plan(
        self,
        history: History,
        languages: Iterable[str] | None,
        size: int = 1,
        options: Options | None = None,
        *,
        own_languages: bool = False,
        readable: bool = False,
    ) -> Steps[Plan]:
        """Read the history's documents and decide on the searches, for a list of so many.

        Vectors are written as numbers if they are to be `readable`, else as short as may be.
        """
        live = yield from self.live()
        targets = None if languages is None else list(languages)
        weights = weigh(history, self.options.rules)
        options = options or self.options
        texts = texts_to_read(live, targets, options, own=own_languages)
        items = replace(_items(history, weights), texts=texts, read=fields_to_read(live, options))
        counting = self._counting(live, options)
        live, read, counted = yield from self._history(read_in_full, live, items, counting)
        known = _known(read, live, weights, (yield from self._free_texts(history, live)))
        deep = self._deep(live, size, options, readable=readable)
        if counted:
            search = replace(deep.search, passing=passing_of(counted[0]))
            deep = replace(deep, search=search)
        plan = make_plan(
            live, history, known, languages=targets, options=deep, own_languages=own_languages
        )
        if max(options.search.candidates, size) <= live.limits.hits:
            return plan
        note = (
            f"each search finds {live.limits.hits} documents of {live.name} at most, where "
            f"{max(options.search.candidates, size)} are wanted (index.max_result_window)"
        )
        return replace(plan, notes=(*plan.notes, note))

    def live(self, *, afresh: bool = False) -> Steps[LiveIndex]:
        """The index behind the name, asked again after a while, or at once."""
        # Several calls may be under way at once, and each may find that it is of yesterday.
        known = self._described
        live = known.live
        old = afresh or time.monotonic() - known.read_at > DESCRIPTION_LIFE_S
        if live is None or old:
            answer = yield Call("indices.get", live_arguments(self.index))
            known.live = live = read_live(self.index, answer)
            known.read_at = time.monotonic()
        if not self._may_fuse:
            yield from self._check_server(live)
            self._may_fuse = True
        return live

    def _check_server(self, live: LiveIndex) -> Steps[None]:
        """Refuse to have a cluster fuse that cannot."""
        weights = self.options.weights or live.meta.weights or WEIGHTS
        differ = len({weight for weight in weights.values() if weight > 0}) > 1
        try:
            licence = yield Call("license.get", {})
            question = {"metric": "plugins", "filter_path": NODES_ANSWER}
            versions, modules = read_nodes((yield Call("nodes.info", question)))
        except PermissionDenied:
            return  # who may not ask is told by the searches
        server_fusion.check_server(
            licence["license"]["type"],
            min(versions),
            modules,
            weighted_ranks=self.options.fusion == RECIPROCAL_RANK and differ,
        )

    def _deep(
        self, live: LiveIndex, size: int, options: Options | None = None, *, readable: bool = False
    ) -> Options:
        """The options with searches that are deep enough for a list of so many."""
        options = options or self.options
        deep = options.deep_enough(size, live.limits)
        binary = live.has_binary_vectors and not readable
        return replace(deep, search=replace(deep.search, binary_vectors=binary))

    def _counting(self, live: LiveIndex, options: Options) -> list[Mapping[str, Any]]:
        """The search that counts what passes the filters, as lines; none without filters."""
        filters = options.search.filters
        if not filters:
            return []
        return [{"index": live.searched}, passing_body(filters, len(live.meta.languages))]

    def search(self, history: History, languages: Iterable[str] | None) -> Steps[Searched]:
        """Plan, and search."""
        plan = yield from self.plan(history, languages)
        return (yield from self._answers(plan))

    def _answers(self, plan: Plan, had: Searched | None = None) -> Steps[Searched]:
        """Send a plan's searches, but for those whose answers are there."""
        known = {} if had is None else had.answers_to(plan.requests)
        wanted = [request for number, request in enumerate(plan.requests) if number not in known]
        found: Iterator[Answer] = iter(())
        if wanted:
            searches = to_msearch(wanted, plan.live.searched, timeout_s=self.timeout_s)
            found = iter((yield Call(MSEARCH, {"searches": searches}))["responses"])
        whole = [known[n] if n in known else next(found) for n in range(len(plan.requests))]
        if plan.live.through is not None:
            _must_be_of(plan.live, whole)
        return Searched(plan, whole)

    def _show(
        self, ranking: Ranking, plan: Plan, options: Options, size: int
    ) -> Steps[Recommendations]:
        """Choose what is shown, and fetch what those documents hold."""
        if options.diversity == 0 and ranking.chosen is None:  # diversity waits for vectors
            ranking = replace(ranking, chosen=choose(ranking, plan, options, size=size))
        bodies = details(ranking, plan, options, size=size)
        found, lost = yield from self._hits_of(plan, bodies)
        if lost:
            sentence = f"titles and fields are missing, and reasons are guessed: {lost[0]}"
            ranking = replace(ranking, degraded=(*ranking.degraded, sentence))
        shown = finish(ranking, plan, options, size=size, found=found)
        if len(shown.items) < size and options.search.filters:
            shown = with_passing(shown, plan, (yield from self._passing(plan, options)))
        if not options.explain or not (untitled := title_bodies(shown, plan)):
            return shown
        titles, lost = yield from self._hits_of(plan, untitled)
        return with_titles(shown, titles, plan, lost)

    def _passing(self, plan: Plan, options: Options) -> Steps[Mapping[str, int] | None]:
        """How many documents of each tag pass the filters, if that can be told."""
        if plan.passing is not None:
            return plan.passing
        _, *bodies = self._counting(plan.live, options)
        try:
            [answer] = yield from ask(plan.live.searched, bodies)
        except ClusterError:
            return None  # a list is as good without it
        return passing_of(answer)

    def _hits_of(
        self, plan: Plan, bodies: Sequence[Mapping[str, Any]]
    ) -> Steps[tuple[list[Answer], list[str]]]:
        """The hits of searches for what is shown, and what they lack, in sentences."""
        found: list[Answer] = []
        lost: list[str] = []
        try:
            for answer in (yield from ask(plan.live.searched, bodies)):
                found += hits_of(answer)
                lost += [f"the search for them {lack}" for lack in lacks_of(answer)]
        except ClusterError as error:
            lost.append(str(error))
        return found, lost

    def _free_texts(self, history: History, live: LiveIndex) -> Steps[dict[str, Vector]]:
        """The centered vector of each free text."""
        if not history.texts:
            return {}
        if self.encoder is None:
            raise UsageError(
                "free texts need the encoder that made the index: start `xlrec-ingest serve` and "
                "give its address (--encoder-url), or give the Recommender an encoder"
            )
        vectors = (yield Call(ENCODE, {"texts": history.texts, "live": live}))["vectors"]
        # Nobody says in which language a user writes: the mean over all of them is taken out.
        unknown = [""] * len(history.texts)
        centered = live.meta.centering.apply(vectors, unknown)
        return dict(zip(history.texts, centered, strict=True))

    def encode(self, texts: Sequence[str], live: LiveIndex) -> dict[str, Any]:
        """The answer to a call of `ENCODE`; it blocks.

        Raises:
            XlrecError: There is no encoder, or it made other vectors than the index has.
        """
        if self.encoder is None:
            raise UsageError("there is no encoder; give the Recommender one")
        check_encoder(live, self.encoder)
        with self._encoding:  # tokenizers are not made for several threads
            return {"vectors": encode_query(self.encoder, texts)}  # (n_texts, dims)


def _items(history: History, weights: Mapping[str, float]) -> Items:
    """The items of a history, by whether they say something; the heaviest first."""
    items = history.items
    telling = sorted(
        (item for item in items if item in weights), key=lambda item: (-weights[item], item)
    )
    return Items(telling, [item for item in items if item not in weights])


def _known(
    read: Read,
    live: LiveIndex,
    weights: Mapping[str, float],
    free_texts: Mapping[str, Vector] | None = None,
) -> Known:
    return Known(
        read_documents(read.documents, live),
        weights,
        {hit["_id"]: work_of(hit) for hit in read.others},
        free_texts or {},
        read.lacks,
    )


def _must_be_of(live: LiveIndex, answers: Iterable[Mapping[str, Any]]) -> None:
    """See that an alias still stands for the index whose vectors the searches were made of.

    Raises:
        IndexNotFound: It was swapped a moment ago.
    """
    hits = (hit for answer in answers for hit in answer.get("hits", {}).get("hits", ()))
    if any(hit["_index"] != live.name for hit in hits):
        raise IndexNotFound(f"{live.through} has just been swapped from {live.name}; ask again")
