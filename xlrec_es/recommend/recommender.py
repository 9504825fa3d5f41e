"""Recommendations for a history, out of one `_msearch`.

What is asked, and what is made of the answers, stands once, in `flow`. `Recommender` and
`AsyncRecommender` only carry calls to Elasticsearch.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import math
import operator
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

import orjson
from elasticsearch import AsyncElasticsearch, Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterUnreachable, UsageError, XlrecError
from xlrec_es.interactions.history import History
from xlrec_es.interactions.impressions import Shown
from xlrec_es.recommend.answer.ranking import Searched
from xlrec_es.recommend.calls import ENCODE, MSEARCH, Call, Outcome, Steps, advance
from xlrec_es.recommend.curation import Curation
from xlrec_es.recommend.multi_search import together
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.pages import Place
from xlrec_es.recommend.personal import AsyncPersonal, Personal, WholeCore
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.vectors.encoder import Encoder

if TYPE_CHECKING:  # what most callers do not need is imported where it is used
    from xlrec_es.interactions.by_user import InteractionFile
    from xlrec_es.recommend.export.exporter import Exported

MAX_REQUEST_BYTES = 32 * 2**20
"""Elasticsearch takes requests of 100 MB (`http.max_content_length`), others in between less.

What a user has seen stands in each search, so searches for many users may be large.
"""

T = TypeVar("T")
C = TypeVar("C", Elasticsearch, AsyncElasticsearch)


class Recommender(Personal):
    """Recommends the documents of one index.

    Example:
        >>> recommender = Recommender(client, "apps")
        >>> recommender.recommend(History.of(["gimp", "inkscape"]), languages=["ja", "de"])
    """

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        *,
        options: Options | None = None,
        encoder: Encoder | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: See `connection.connect`.
            index: Alias or index that `xlrec-ingest run` made.
            options: How recommendations are made.
            encoder: The encoder that made the index; for free texts only.
            timeout_s: Seconds that one whole call may take.
        """
        self._client = client
        self._clients = _Clients(client)
        self._core = WholeCore(index, options, encoder, timeout_s)

    def by(self, options: Options, curation: Curation | None = None) -> Self:
        """The same with other options: it has the client and what is known of the index.

        Args:
            options: How recommendations are made.
            curation: Pins, buries and exclusions, for `recommend` and `recommend_many`; None: as
                they are.
        """
        other = copy.copy(self)
        core = self._core.by(options)
        other._core = core if curation is None else core.curated(curation)
        return other

    @property
    def url(self) -> str:
        """Address of the cluster, without credentials."""
        return next(iter(self._client.transport.node_pool.all())).base_url

    def recommend(
        self,
        history: History,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        page: int = 1,
        after: str | None = None,
        shown: Sequence[str] | Shown | None = None,
    ) -> Recommendations:
        """Recommend documents in other languages to a user with this history.

        Args:
            history: What the user did. Ids that the index does not have are skipped and named in
                the result. Without anything liked, what most people like is recommended.
            languages: Target languages; None for all of the index but those of what was liked.
            size: How many, over all languages.
            page: Number of the page. The pages before are searched for too, to leave out what they
                show: page n costs n calls, and repeats nothing while the index stays as it is.
            after: `cursor` of the page before, in place of `page`. What its pages have shown is in
                no later one, though the index, the history or the options change. A list ends
                after 1,000 items at the latest.
            shown: What the user was shown and did not take: ids of works or documents, or a
                `Shown`. Such works come after everything else, and what was shown longer ago
                with a lower score; none is lost.

        Returns:
            At most `size`, best first; none of a work in the history, each work once.

        Raises:
            UnknownItems: The index has no document of the whole history.
            UnknownLanguage: Not a language tag, or none of the index's languages.
            UsageError: `size` is not at least 1; an event without a weight; a free text without an
                encoder; no page, no cursor, or both; `Shown` and `server_side`; a cap of a field
                that is not there, or recency by a field that is no date.
            IndexNotFound: No such index.
            SearchFailed: Every search failed.
            ClusterUnreachable: Elasticsearch is out of reach, or `timeout_s` is over.
            ClusterError: Elasticsearch refuses.
        """
        place = Place(page, after, shown)
        return self._run(self._core.recommend_page(history, languages, size, place))

    def similar(
        self,
        item: str,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        measure: str | None = None,
    ) -> Recommendations:
        """Documents in other languages that are like one work or document.

        Args:
            item: Work id or document id.
            languages: As for `recommend`; with `jaccard`, None is the item's own languages.
            size: As for `recommend`.
            measure: None puts them in the order of all retrievers, as `recommend` does. `cosine` of
                the centered vectors, `l2_norm` (their distance as 1 / (1 + distance²): the same
                order, for all vectors have length 1), or `jaccard`: the words that two texts of one
                language share, of all that either has (see `similarity.terms_question` for what a
                word is). The measure is then each one's `score`. Or a relation,
                `bought-together`: as `recommend` with `Options.related`.

        Raises:
            UsageError: No such measure; a measure and boosts; a relation that was not learned.
            XlrecError: As for `recommend`.
        """
        return self._run(self._core.similar(item, languages, size, measure))

    def plan(self, history: History, *, languages: Iterable[str] | None = None) -> Plan:
        """Read the history's documents and build the searches, without sending them.

        Vectors stand in them as numbers, for people; `recommend` sends them as base64 where
        Elasticsearch reads that.

        Args:
            history: As for `recommend`.
            languages: As for `recommend`.

        Raises:
            XlrecError: As for `recommend`.
        """
        return self._run(self._core.plan(history, languages, readable=True))

    def recommend_many(
        self,
        histories: Iterable[History],
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        batch: int = 16,
        concurrency: int = 2,
    ) -> Iterator[Recommendations | XlrecError]:
        """Recommend to many users, the searches of a batch of them in each request.

        Args:
            histories: One for each user; read as they are needed.
            languages: As for `recommend`.
            size: As for `recommend`.
            batch: Users in a request.
            concurrency: Batches under way at once: while Elasticsearch searches for one, this side
                works on another.

        Yields:
            For each user in order, what `recommend` would return, or the error that it would
            raise for this user's history.

        Raises:
            ClusterError: As for `recommend`; it ends the batch, for it would meet the others too.
        """
        targets = None if languages is None else list(languages)
        people = (self._core.recommend_page(history, targets, size) for history in histories)
        yield from self._in_batches(people, batch, concurrency)

    def search_many(
        self,
        histories: Iterable[History],
        *,
        languages: Iterable[str] | None = None,
        batch: int = 16,
        concurrency: int = 2,
    ) -> Iterator[Searched | XlrecError]:
        """Send the searches of many users, and leave open what is made of the answers.

        Args:
            histories: One for each user; read as they are needed.
            languages: As for `recommend`.
            batch: Users in a request.
            concurrency: As for `recommend_many`.

        Yields:
            For each user in order, the searches and answers, or the error of this history.

        Raises:
            ClusterError: As for `recommend_many`.
        """
        targets = None if languages is None else list(languages)
        people = (self._core.search(history, targets) for history in histories)
        yield from self._in_batches(people, batch, concurrency)

    def export(
        self,
        interactions: InteractionFile,
        output: str | Path,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        step: Callable[[int], object] = lambda _users: None,
    ) -> Exported:
        """Write the lists of all users of a file: those that `recommend` would give each of them.

        Where the collaborative retriever decides alone, they are computed here, from the index read
        once. All others are searched for as by `recommend_many`.

        Args:
            interactions: A file with `user` and `item`, and perhaps `event`, `rating`, `weight` and
                `time`.
            output: A file that ends in .parquet or .jsonl, or `index:NAME`. A row for each user and
                place; see `list_rows.ListRows.objects`.
            languages: As for `recommend`.
            size: As for `recommend`.
            step: Told of how many more users there are lists.

        Returns:
            How many lists there are, and for whom there is none, and why.

        Raises:
            SourceError: The file cannot be read.
            IndexUnusable: The output is an index that is there already.
            MissingExtra: Parquet needs pyarrow.
            XlrecError: As for `recommend`.
        """
        from xlrec_es.recommend.export import exporter

        if size < 1:
            raise UsageError(f"size is {size}; ask for at least 1")
        targets = None if languages is None else tuple(languages)
        wanted = exporter.Wanted(interactions, str(output), targets, size)
        self._run(self._core.check_fields())
        live = self._run(self._core.live())
        # Of one version, wherever the alias goes meanwhile.
        one = Recommender(
            self._client,
            live.searched,
            options=self._core.options,
            encoder=self._core.encoder,
            timeout_s=self._core.timeout_s,
        )

        def search(histories: Iterable[History]) -> Iterator[Recommendations | XlrecError]:
            return one.recommend_many(histories, languages=targets, size=size)

        return exporter.export(self._client, live, self._core.options, search, wanted, step=step)

    def _in_batches(
        self, people: Iterable[Steps[T]], batch: int, concurrency: int
    ) -> Iterator[T | XlrecError]:
        waiting = iter(people)
        under_way: deque[Future[list[T | XlrecError]]] = deque()
        with ThreadPoolExecutor(_checked(concurrency), "xlrec-batch") as pool:
            while some := list(itertools.islice(waiting, batch)):
                self._run(self._core.live())  # once, for all of them
                under_way.append(pool.submit(self._run, together(some)))
                if len(under_way) == concurrency:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()

    def _run(self, steps: Steps[T]) -> T:
        deadline = time.monotonic() + self._core.timeout_s
        reached = advance(steps)
        while isinstance(reached, Call):
            reached = advance(steps, self._send(reached, deadline))
        return reached.result

    def _send(self, call: Call, deadline: float) -> Outcome:
        answers: list[Mapping[str, Any]] = []
        try:
            if call.method == ENCODE:
                return self._core.encode(**call.arguments)
            for arguments in _written(call):
                client = self._clients.within(_left(deadline, self._core.timeout_s))
                with friendly_errors(client):
                    answer = operator.attrgetter(call.method)(client)(**arguments)
                answers.append(answer.body)
        except XlrecError as error:
            return error
        return _joined(answers)


class AsyncRecommender(AsyncPersonal):
    """`Recommender` for asyncio: the same answers, from the same code."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        index: str,
        *,
        options: Options | None = None,
        encoder: Encoder | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: An asynchronous client; needs aiohttp: pip install 'elasticsearch[async]'.
            index: As for `Recommender`.
            options: As for `Recommender`.
            encoder: As for `Recommender`; it runs in a thread.
            timeout_s: As for `Recommender`.
        """
        self._clients = _Clients(client)
        self._core = WholeCore(index, options, encoder, timeout_s)

    def by(self, options: Options, curation: Curation | None = None) -> Self:
        """As `Recommender.by`.

        Args:
            options: As there.
            curation: As there.
        """
        other = copy.copy(self)
        core = self._core.by(options)
        other._core = core if curation is None else core.curated(curation)
        return other

    async def recommend(
        self,
        history: History,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        page: int = 1,
        after: str | None = None,
        shown: Sequence[str] | Shown | None = None,
    ) -> Recommendations:
        """As `Recommender.recommend`.

        Args:
            history: As there.
            languages: As there.
            size: As there.
            page: As there.
            after: As there.
            shown: As there.

        Raises:
            XlrecError: As there.
        """
        place = Place(page, after, shown)
        return await self._run(self._core.recommend_page(history, languages, size, place))

    async def similar(
        self,
        item: str,
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        measure: str | None = None,
    ) -> Recommendations:
        """As `Recommender.similar`.

        Args:
            item: As there.
            languages: As there.
            size: As there.
            measure: As there.

        Raises:
            XlrecError: As there.
        """
        return await self._run(self._core.similar(item, languages, size, measure))

    async def plan(self, history: History, *, languages: Iterable[str] | None = None) -> Plan:
        """As `Recommender.plan`.

        Args:
            history: As there.
            languages: As there.

        Raises:
            XlrecError: As there.
        """
        return await self._run(self._core.plan(history, languages, readable=True))

    async def recommend_many(
        self,
        histories: Iterable[History],
        *,
        languages: Iterable[str] | None = None,
        size: int = 10,
        batch: int = 16,
        concurrency: int = 2,
    ) -> AsyncIterator[Recommendations | XlrecError]:
        """As `Recommender.recommend_many`.

        Args:
            histories: As there.
            languages: As there.
            size: As there.
            batch: As there.
            concurrency: As there.

        Yields:
            As there.

        Raises:
            ClusterError: As there.
        """
        targets = None if languages is None else list(languages)
        people = (self._core.recommend_page(history, targets, size) for history in histories)
        under_way: deque[asyncio.Task[list[Recommendations | XlrecError]]] = deque()
        _checked(concurrency)
        try:
            while some := list(itertools.islice(people, batch)):
                await self._run(self._core.live())  # once, for all of them
                under_way.append(asyncio.create_task(self._run(together(some))))
                if len(under_way) == concurrency:
                    for result in await under_way.popleft():
                        yield result
            while under_way:
                for result in await under_way.popleft():
                    yield result
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _run(self, steps: Steps[T]) -> T:
        deadline = time.monotonic() + self._core.timeout_s
        reached = advance(steps)
        while isinstance(reached, Call):
            reached = advance(steps, await self._send(reached, deadline))
        return reached.result

    async def _send(self, call: Call, deadline: float) -> Outcome:
        answers: list[Mapping[str, Any]] = []
        try:
            if call.method == ENCODE:
                return await asyncio.to_thread(self._core.encode, **call.arguments)
            for arguments in _written(call):
                client = self._clients.within(_left(deadline, self._core.timeout_s))
                with friendly_errors(client):
                    answer = await operator.attrgetter(call.method)(client)(**arguments)
                answers.append(answer.body)
        except XlrecError as error:
            return error
        return _joined(answers)


class _Clients(Generic[C]):
    """A client with other time limits.

    The limit of a request is an option of the client, and a client with other options takes a
    millisecond to make: those that were made are kept.
    """

    STEP_S = 0.1
    MOST = 100

    def __init__(self, client: C) -> None:
        self._client: Elasticsearch | AsyncElasticsearch = client
        self._made: dict[int, C] = {}

    def within(self, seconds: float) -> C:
        """The client, waiting so long for an answer; a tenth of a second more at most."""
        steps = math.ceil(seconds / self.STEP_S)
        client = self._made.get(steps)  # by several threads: what is found may be gone a line later
        if client is None:
            if len(self._made) >= self.MOST:
                self._made.clear()
            limit = steps * self.STEP_S
            client = cast("C", self._client.options(request_timeout=limit))
            self._made[steps] = client
        return client


def _written(call: Call) -> Iterator[Mapping[str, Any]]:
    """The arguments of each request; more than one where an `_msearch` is too large for one.

    Its lines are there as JSON: the client is slow at writing floats.
    """
    if call.method != MSEARCH:
        yield call.arguments
        return
    lines = [orjson.dumps(line) for line in call.arguments["searches"]]
    part: list[bytes] = []
    size = 0
    for header, body in zip(lines[::2], lines[1::2], strict=True):
        if part and size + len(header) + len(body) > MAX_REQUEST_BYTES:
            yield {"searches": part}
            part, size = [], 0
        part += (header, body)
        size += len(header) + len(body)
    yield {"searches": part}


def _joined(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer to a call that was sent in one request or in several."""
    if len(answers) == 1:
        return answers[0]
    return {"responses": [part for answer in answers for part in answer["responses"]]}


def _checked(concurrency: int) -> int:
    if concurrency < 1:
        raise UsageError(f"concurrency is {concurrency}; use at least 1")
    return concurrency


def _left(deadline: float, timeout_s: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ClusterUnreachable(
            f"Elasticsearch did not answer within {timeout_s:g} s; give the call more time "
            "(timeout_s), or the cluster less to do"
        )
    return left
