"""The flow of one recommendation: what is asked, and what is made of the answers. No client.

Generators yield a `Call` and are sent its answer, or are thrown the error that it met. Whoever has
a client carries the calls, and steps from each to the next by `advance`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from xlrec_es.cluster.answers import Answer, documents_lost, hits_of, is_refused, lacks_of
from xlrec_es.cluster.capabilities import NODES_ANSWER, read_nodes
from xlrec_es.errors import (
    ClusterError,
    IndexNotFound,
    PermissionDenied,
    UsageError,
    XlrecError,
)
from xlrec_es.index.hits import work_of
from xlrec_es.index.live_index import LiveIndex, check_encoder, live_arguments, read_live
from xlrec_es.index.paging import PagedSearch, all_hits, once_each
from xlrec_es.index.search_limits import parts
from xlrec_es.interactions.history import History
from xlrec_es.interactions.weighting import weigh
from xlrec_es.recommend import similarity
from xlrec_es.recommend.answer.ranking import Ranking, Searched, rank
from xlrec_es.recommend.answer.results import choose, details, finish
from xlrec_es.recommend.options import RECIPROCAL_RANK, WEIGHTS, Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request import server_fusion
from xlrec_es.recommend.request.plan import Known, Plan, make_plan, read_documents
from xlrec_es.recommend.request.queries import history_body, to_msearch
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector

T = TypeVar("T")
Hit = Answer

DESCRIPTION_LIFE_S = 30.0
"""How long what an index says of itself is believed; a swapped alias is noticed sooner."""

SEARCH = "search"
MSEARCH = "msearch"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: a method of the client, by its dotted name, and its arguments."""

    method: str
    arguments: Mapping[str, Any]


Steps = Generator[Call, Mapping[str, Any], T]

Outcome = Mapping[str, Any] | XlrecError
"""What became of a call: its answer, or the error that it met."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a history.

    Attributes:
        documents: The hits of items that say something.
        others: The hits of items that say nothing.
        lacks: What the answers lack, in phrases; see `answers.lacks_of`.
    """

    documents: Sequence[Hit]
    others: Sequence[Hit]
    lacks: tuple[str, ...] = ()

    def with_all(self, renditions: Read) -> Read:
        """With every language version of the works that its documents are of."""
        lacks = tuple(dict.fromkeys((*self.lacks, *renditions.lacks)))
        # What was found before is there, even if a part of the index does not answer now.
        before = self.documents if lacks else ()
        return Read(once_each([*before, *renditions.documents]), self.others, lacks)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The end of steps, and what they return."""

    result: T


def advance(steps: Steps[T], outcome: Outcome | None = None) -> Call | Done[T]:
    """Go on to the next call, or to the end.

    Args:
        steps: What is under way.
        outcome: What became of the last call; None for the first step. Steps that are told of an
            error may go on without the answer.

    Raises:
        XlrecError: The steps end in it.
    """
    try:
        if isinstance(outcome, XlrecError):
            return steps.throw(outcome)
        return next(steps) if outcome is None else steps.send(outcome)
    except StopIteration as end:
        return Done(end.value)


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
        self._live: LiveIndex | None = None
        self._read_at = 0.0
        self._may_fuse = not self.options.server_side
        self._encoding = threading.Lock()

    def recommend(
        self, history: History, languages: Iterable[str] | None, size: int
    ) -> Steps[Recommendations]:
        """Plan, search, and fetch details where they are needed."""
        targets = None if languages is None else list(languages)

        def once() -> Steps[Recommendations]:
            plan = yield from self.plan(history, targets, size)
            searched = yield from self._answers(plan)
            ranking = rank(plan, searched.answers, self.options)
            return (yield from self._show(ranking, plan, self.options, size))

        return (yield from self._once_or_twice(once, size))

    def similar(
        self, item: str, languages: Iterable[str] | None, size: int, measure: str | None
    ) -> Steps[Recommendations]:
        """As `recommend`; where a measure is asked for, candidates are put in its order."""
        history = History.of([item])
        if measure is None:
            return (yield from self.recommend(history, languages, size))
        options = similarity.candidate_options(self.options, measure)
        targets = None if languages is None else list(languages)

        def once() -> Steps[Recommendations]:
            in_words = measure == similarity.JACCARD
            plan = yield from self.plan(history, targets, size, options, own_languages=in_words)
            if in_words:
                plan = similarity.for_words(plan)
            searched = yield from self._answers(plan)
            ranking = rank(plan, searched.answers, options)
            if in_words:
                scores, lost = yield from self._shared_words(plan, ranking)
                ranking = replace(ranking, degraded=(*ranking.degraded, *lost))
            else:
                scores = similarity.vector_scores(ranking, measure)
            ranking = similarity.measured(ranking, scores)
            return (yield from self._show(ranking, plan, options, size))

        return (yield from self._once_or_twice(once, size))

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
        self, once: Callable[[], Steps[Recommendations]], size: int
    ) -> Steps[Recommendations]:
        if size < 1:
            raise UsageError(f"size is {size}; ask for at least 1")
        try:
            return (yield from once())
        except IndexNotFound:
            # The version that was live a moment ago has been pruned: read the alias again, once.
            self._live = None
            return (yield from once())

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
        weights = weigh(history, self.options.rules)
        telling = [item for item in history.items if item in weights]
        silent = [item for item in history.items if item not in weights]
        read = yield from self._history(self.index, live, telling, silent)
        if any(hit["_index"] != live.name for hit in (*read.documents, *read.others)):
            # The alias was swapped: these vectors are another encoder's, perhaps. From here on one
            # version is asked by its own name, wherever the alias goes.
            self._live = None
            live = yield from self.live()
            read = yield from self._history(live.searched, live, telling, silent)
        # A document's id does not say of which work it is a language version: fetch the others too.
        works = {work_of(hit) for hit in read.documents}
        if not works <= set(telling):
            read = read.with_all((yield from self._history(live.searched, live, sorted(works), [])))
        known = Known(
            read_documents(read.documents, live),
            weights,
            {hit["_id"]: work_of(hit) for hit in read.others},
            self._encode(history, live),
            read.lacks,
        )
        options = options or self.options
        search = replace(
            options.search.deep_enough(size, live.limits),
            binary_vectors=live.has_binary_vectors and not readable,
        )
        plan = make_plan(
            live,
            history,
            known,
            languages=languages,
            options=replace(options, search=search),
            own_languages=own_languages,
        )
        if max(options.search.candidates, size) <= live.limits.hits:
            return plan
        note = (
            f"each search finds {live.limits.hits} documents of {live.name} at most, where "
            f"{max(options.search.candidates, size)} are wanted (index.max_result_window)"
        )
        return replace(plan, notes=(*plan.notes, note))

    def live(self) -> Steps[LiveIndex]:
        """The index behind the name, asked again after a while."""
        # Several calls may be under way at once, and each may find that `_live` is of yesterday.
        live = self._live
        if live is None or time.monotonic() - self._read_at > DESCRIPTION_LIFE_S:
            answer = yield Call("indices.get", live_arguments(self.index))
            self._live = live = read_live(self.index, answer)
            self._read_at = time.monotonic()
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

    def _history(
        self, index: str, live: LiveIndex, telling: Sequence[str], silent: Sequence[str]
    ) -> Steps[Read]:
        """The documents of items that say something, and those of items that say nothing."""
        title, binary = live.meta.title_field, live.has_binary_vectors
        size = live.limits.hits

        def paged(items: Sequence[str], body: dict[str, Any]) -> PagedSearch:
            return PagedSearch(body, may_be_more=len(items) * len(live.meta.languages) > size)

        documents = [
            paged(some, history_body(some, title=title, binary=binary, size=size))
            for some in parts(telling, live.limits.ids)
            if some
        ]
        # Of what says nothing the work is enough, to leave it out of lists.
        others = [
            paged(some, history_body(some, title=None, vectors=False, size=size))
            for some in parts(silent, live.limits.ids)
            if some
        ]
        searches = [*documents, *others]
        while waiting := [(one, one.body) for one in searches if one.body is not None]:
            answers = yield from self._ask(index, [body for _, body in waiting])
            for (search, _), answer in zip(waiting, answers, strict=True):
                search.take(answer)
        lacks = [lack for search in searches for lack in search.lacks]
        return Read(all_hits(documents), all_hits(others), tuple(dict.fromkeys(lacks)))

    def _ask(self, index: str, bodies: Sequence[Mapping[str, Any]]) -> Steps[Sequence[Answer]]:
        """The answers to searches, in one request; to none, none."""
        if not bodies:
            return []
        if len(bodies) == 1:
            return [(yield Call(SEARCH, {"index": index, "body": bodies[0]}))]
        header = {"index": index}
        answer = yield Call(MSEARCH, {"searches": [x for body in bodies for x in (header, body)]})
        answers: Sequence[Answer] = answer["responses"]
        return answers

    def search(self, history: History, languages: Iterable[str] | None) -> Steps[Searched]:
        """Plan, and search."""
        plan = yield from self.plan(history, languages)
        return (yield from self._answers(plan))

    def _answers(self, plan: Plan) -> Steps[Searched]:
        if not plan.requests:
            return Searched(plan, [])
        searches = to_msearch(plan.requests, plan.live.searched, timeout_s=self.timeout_s)
        answer = yield Call(MSEARCH, {"searches": searches})
        if plan.live.through is not None:
            _must_be_of(plan.live, answer["responses"])
        yield from self._check_types(plan, answer["responses"])
        return Searched(plan, answer["responses"])

    def _check_types(self, plan: Plan, answers: Sequence[Answer]) -> Steps[None]:
        """See whether searches were refused because of the type of a field that options name."""
        options = self.options.search
        fields = options.typed_fields
        if not fields or not any(is_refused(answer) for answer in answers):
            return
        asked = [*fields, *(f"{name}.keyword" for name in fields)]
        try:
            found = yield Call("field_caps", {"index": plan.live.searched, "fields": asked})
        except ClusterError:
            return  # what the searches met is told
        options.refuse_types(found["fields"])

    def _show(
        self, ranking: Ranking, plan: Plan, options: Options, size: int
    ) -> Steps[Recommendations]:
        """Choose what is shown, and fetch what those documents hold."""
        if options.diversity == 0:  # diversity needs vectors, which are yet to be fetched
            ranking = replace(ranking, chosen=choose(ranking, plan, options, size=size))
        bodies = details(ranking, plan, options, size=size)
        found: list[Hit] = []
        lost: list[str] = []
        try:
            for answer in (yield from self._ask(plan.live.searched, bodies)):
                found += hits_of(answer)
                lost += [f"the search for them {lack}" for lack in lacks_of(answer)]
        except ClusterError as error:
            lost.append(str(error))
        if lost:
            sentence = f"titles and fields are missing, and reasons are guessed: {lost[0]}"
            ranking = replace(ranking, degraded=(*ranking.degraded, sentence))
        return finish(ranking, plan, options, size=size, found=found)

    def _encode(self, history: History, live: LiveIndex) -> dict[str, Vector]:
        if not history.texts:
            return {}
        if self.encoder is None:
            raise UsageError(
                "free texts need the encoder that made the index: start `xlrec-ingest serve` and "
                "give its address (--encoder-url), or give the Recommender an encoder"
            )
        check_encoder(live, self.encoder)
        with self._encoding:  # tokenizers are not made for several threads
            vectors = self.encoder.encode(history.texts)  # (n_texts, dims)
        # Nobody says in which language a user writes: the mean over all of them is taken out.
        unknown = [""] * len(history.texts)
        centered = live.meta.centering.apply(vectors, unknown)
        return dict(zip(history.texts, centered, strict=True))


def _must_be_of(live: LiveIndex, answers: Iterable[Mapping[str, Any]]) -> None:
    """See that an alias still stands for the index whose vectors the searches were made of.

    Raises:
        IndexNotFound: It was swapped a moment ago.
    """
    hits = (hit for answer in answers for hit in answer.get("hits", {}).get("hits", ()))
    if any(hit["_index"] != live.name for hit in hits):
        raise IndexNotFound(f"{live.through} has just been swapped from {live.name}; ask again")
