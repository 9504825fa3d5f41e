"""From interactions to indicators in the documents: learn, transfer, compare, write.

Only what changed is written, as a partial update that leaves vectors, texts and the user's fields
as they are; where documents are somebody else's, completed in place, it leaves their versions too.
`_meta.xlrec.indicators` says which generation is being written and whether it is
complete (`ingest.indicators.generation_meta`): a run that was cut short is known by that, and the
same command finishes it.

Another relation than taste is learned in the same way, of baskets in place of users, and stands in
fields of its own beside the indicators.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from scipy.sparse import csr_array

from ingest.indicators import generation_meta
from ingest.indicators.baskets import BASKET, COLUMNS_OF_BASKETS, by_basket
from ingest.indicators.catalogue import (
    Catalogue,
    Entry,
    Learned,
    Weights,
    digest_of,
    read_catalogue,
)
from ingest.indicators.co_users import CoUsers
from ingest.indicators.cold_start import Blend, Transfer
from ingest.indicators.examples import examples
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.interaction_reader import read
from ingest.indicators.large.on_disk import OnDisk
from ingest.indicators.learners import Learner, LocalEase
from ingest.indicators.learners.learner import Works
from ingest.indicators.noise import Privacy, private
from ingest.indicators.popularity import by_market, popularity
from ingest.shard import Shard
from ingest.write.modes import mode_of
from xlrec_es.cluster.bulk import BulkWriter, Operation, Written
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import SourceError, UsageError
from xlrec_es.index.fields import OWN_FIELD, TASTE, Relation
from xlrec_es.index.hits import routed
from xlrec_es.index.indicators import storable
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.mapping import relation_fields
from xlrec_es.index.rewriting import Rewrite, Rewriter
from xlrec_es.index.source_check import check_rewritable
from xlrec_es.interactions.forgotten import LEFT_OUT, POPULARITY_LEFT_OUT, Forgotten
from xlrec_es.interactions.likes import COLUMNS


@dataclass(frozen=True, slots=True)
class IndicatorJob:
    """What a run is asked to do.

    Attributes:
        source: Path of the interactions, or `index:NAME`.
        index: Alias or index whose documents get the indicators.
        fields: The source's name of each column of the interactions.
        rules: What counts as liked.
        learner: How indicators are learned.
        transfer: How works that few touched inherit them.
        popularity: Whether `xlrec.popularity` is written too.
        relation: What is learned; of all but taste, `baskets.BASKET` may be one of the fields.
        shard: Only the works of this part are learned and written.
        dry_run: Whether nothing is to be written.
        min_co_users: On how many different users an association rests at least.
        privacy: What is promised to each user; None: nothing, and no noise is added.
        on_disk: Where interactions are kept that memory does not hold; None: they are in memory.

    Raises:
        UsageError: Options that contradict each other.
    """

    source: str
    index: str
    fields: Mapping[str, str] = field(default_factory=dict)
    rules: LikeRules = field(default_factory=LikeRules)
    learner: Learner = field(default_factory=LocalEase)
    transfer: Transfer = field(default_factory=Transfer)
    popularity: bool = True
    relation: Relation = TASTE
    shard: Shard = field(default_factory=Shard)
    dry_run: bool = False
    min_co_users: int = 1
    privacy: Privacy | None = None
    on_disk: OnDisk | None = None

    def __post_init__(self) -> None:
        if self.min_co_users < 1:
            raise UsageError(f"min_co_users is {self.min_co_users}; it counts from 1")
        if self.privacy is not None:
            self._check_private()

    def _check_private(self) -> None:
        """Refuse what would look at all users before there is noise, or draw it several times."""
        if not self.popularity:
            raise UsageError(
                "--epsilon promises nothing of popularity that stays as it was; leave "
                "--keep-popularity out"
            )
        if self.on_disk is not None:
            raise UsageError(
                "--epsilon adds noise to sums that are in memory; leave --on-disk out, or --epsilon"
            )
        asked = {
            "--relation": self.relation.key != TASTE.key,
            "--shard": self.shard.count > 1,
            "--min-co-users": self.min_co_users > 1,
            "--min-users": self.rules.min_users > 1,
            "--half-life": self.rules.half_life_days is not None,
        }
        if refused := [name for name, is_asked in asked.items() if is_asked]:
            raise UsageError(
                f"--epsilon keeps no promise together with {' and '.join(refused)}, which looks at "
                "rows of other users without noise; leave one of the two out"
            )


def run(client: Elasticsearch, job: IndicatorJob) -> dict[str, Any]:
    """Learn indicators and write them; see `_run`.

    Returns:
        The summary, ready to be printed as JSON.

    Raises:
        XlrecError: See `_run`.
    """
    if job.on_disk is None:
        return _run(client, job)
    with job.on_disk.opened() as opened:
        return _run(client, replace(job, on_disk=opened))


def _run(client: Elasticsearch, job: IndicatorJob) -> dict[str, Any]:
    """Learn indicators and write them.

    Returns:
        The summary, ready to be printed as JSON.

    Raises:
        SourceError: The interactions cannot be read, or none of them counts.
        WriteError: Elasticsearch does not take documents.
        IndexUnusable: They cannot be written again without a loss.
        XlrecError: As for `xlrec_es.index.live_index.find_live`.
    """
    start = time.perf_counter()
    live = find_live(client, job.index, to_write=not job.dry_run)
    in_place = mode_of(live.meta).in_place
    check_rewritable(client, live.name, under_their_versions=in_place)
    catalogue = read_catalogue(client, live, with_popularity=job.popularity, relation=job.relation)
    likes, by = _read(client, job, live, catalogue)
    if job.privacy is not None:
        likes = private(likes, job.privacy)
    blend = learn(job, likes, catalogue)
    works = shard_of(job, likes)
    learned = _AllLearned(job, likes, blend, works)
    own = set(works.tolist())
    mine = [entry for entry in catalogue.entries if entry.work in own]
    changed = [entry for entry in mine if learned.digest(entry.work) != entry.digest]
    generation = _generation(job, likes, catalogue)
    summary = _summary(job, live, likes, mine, blend) | {
        **({"baskets_by": by} if by else {}),
        "generation": generation,
        "changed": len(changed),
        "unchanged": len(mine) - len(changed),
        "examples": examples(client, live, likes, blend),
        "gone": 0,
        "refused": [],
    }
    if job.dry_run:
        operations = (
            update(entry, learned.of(entry.work), generation, job.relation) for entry in changed
        )
        summary["bytes"] = sum(len(operation.body) for operation in operations)
    else:
        before = live.meta.indicators
        note = _note(job, likes, generation, before) | _left_out(job, live)
        pairs = ((entry, learned.of(entry.work)) for entry in changed)
        summary |= _write(client, live, note, job, pairs)
    return summary | {"seconds": round(time.perf_counter() - start, 2)}


def _read(
    client: Elasticsearch, job: IndicatorJob, live: LiveIndex, catalogue: Catalogue
) -> tuple[LikeMatrix, str]:
    """What counts of the interactions; and by what rows are in one basket, empty for taste.

    Raises:
        SourceError: None of them counts, or they cannot be read.
    """
    report: Counter[str] = Counter()
    rules, by = replace(job.rules, forgotten=Forgotten.from_meta(live.meta.forgotten)), ""
    if job.privacy is not None:
        rules = replace(rules, max_works=min(rules.max_works, job.privacy.items))
    columns = COLUMNS_OF_BASKETS if job.relation.key else COLUMNS
    batches = read(job.source, job.fields, client=client, report=report, columns=columns)
    if job.relation.key:
        batches, named = by_basket(batches, report)
        by = job.fields.get(BASKET, BASKET) if named else f"{rules.basket_gap_h or 0:g} h"
        rules = replace(rules, basket_gap_h=None) if named else rules
    likes = _collector(job, report)(
        batches, catalogue.items, rules, now_s=time.time(), languages=catalogue.languages
    )
    if job.on_disk is not None:
        likes = replace(likes, report=dict(report + Counter(likes.report)))
    if not likes.matrix.nnz:
        counted = ", ".join(f"{reason}: {count}" for reason, count in likes.report.items())
        raise SourceError(
            f"no interaction of {job.source} counts ({counted or 'it is empty'}); nothing is "
            "written. See that items are ids of items or documents of the index"
        )
    return likes, by


def _collector(job: IndicatorJob, report: Counter[str]) -> Callable[..., LikeMatrix]:
    """What collects interactions where they are kept: in memory, or on disk."""
    if job.on_disk is None:
        return partial(collect, report=report)
    from ingest.indicators.large.collecting import collect_on_disk  # DuckDB is an extra

    return partial(collect_on_disk, on_disk=job.on_disk)


def learn(job: IndicatorJob, likes: LikeMatrix, catalogue: Catalogue) -> Blend:
    """The indicators of the shard's works; only these are learned, and those they inherit from."""
    transfer, users, vectors = job.transfer, likes.users, catalogue.vectors
    works = shard_of(job, likes)
    together = CoUsers(likes, job.min_co_users) if job.min_co_users > 1 else None

    def of(some: Works) -> csr_array:
        found = job.learner.learn(likes.matrix, some)
        return found if together is None else together.keep(found, some)

    own = transfer.own_of(of, users, vectors, works)
    blend = transfer.apply(own, users, vectors, works)
    indicators = blend.indicators.copy()
    indicators.data = storable(indicators.data)
    indicators.sort_indices()  # by the works' ids, for a digest
    too_few = 0 if together is None else together.left_out
    return replace(blend, indicators=indicators, too_few=too_few)


def shard_of(job: IndicatorJob, likes: LikeMatrix) -> Works:
    """The works that are the shard's to write; which they are depends on their ids alone."""
    mine = (number for number, work in enumerate(likes.works) if job.shard.has(work))
    return np.fromiter(mine, np.int32)


class _AllLearned:
    """What was learned for each work of a shard, put together when it is asked for.

    As objects, all of them at once would take 11 kB each, seven times what arrays take.
    """

    def __init__(self, job: IndicatorJob, likes: LikeMatrix, blend: Blend, mine: Works) -> None:
        self._blend, self._users = blend, likes.users
        self._names = np.array(likes.works, object)
        self._markets = np.array(likes.markets.names, object)
        self._row = {work: row for row, work in enumerate(mine.tolist())}
        self._popular = popularity(likes.users) if job.popularity else None
        n_users = likes.matrix.shape[0]
        self._there = by_market(likes.markets, likes.users, n_users, mine)

    def digest(self, work: int) -> str:
        """`Learned.digest` of a work, for a quarter of the time: most documents do not change."""
        popular = -1.0 if self._popular is None else self._popular[work]
        own = np.array([self._users[work], popular], np.float32)
        provenance = str(self._blend.provenance[work])
        return digest_of(provenance, own, self._indicators(work), self._market_popularity(work))

    def of(self, work: int) -> Learned:
        """All of it."""
        return Learned(
            _by_name(self._indicators(work)),
            str(self._blend.provenance[work]),
            float(self._users[work]),
            None if self._popular is None else float(self._popular[work]),
            _by_name(self._market_popularity(work)),
        )

    def _indicators(self, work: int) -> Weights:
        start, end = self._blend.indicators.indptr[work : work + 2]
        names = self._names[self._blend.indicators.indices[start:end]].tolist()
        return names, self._blend.indicators.data[start:end]

    def _market_popularity(self, work: int) -> Weights:
        if self._popular is None:
            return [], np.empty(0, np.float32)
        values = self._there[self._row[work]]
        return self._markets[values > 0].tolist(), values[values > 0]


def _by_name(weights: Weights) -> dict[str, float]:
    names, values = weights
    return dict(zip(names, values.tolist(), strict=True))


def _generation(job: IndicatorJob, likes: LikeMatrix, catalogue: Catalogue) -> str:
    """Stands for all that the indicators were made of; the same on every machine."""
    made_of = repr(
        (job.learner, job.transfer, job.popularity, job.rules.half_life_days, likes.works)
    )
    made_of += job.relation.key + (f"k{job.min_co_users}" if job.min_co_users > 1 else "")
    return hashlib.sha256(f"{made_of}{likes.digest}{catalogue.digest}".encode()).hexdigest()[:12]


def _left_out(job: IndicatorJob, live: LiveIndex) -> dict[str, int]:
    """How many forgotten users were left out; of popularity that stays, how many were then."""
    forgotten, before = Forgotten.from_meta(live.meta.forgotten), live.meta.indicators
    note = forgotten.as_note
    if job.relation.key == TASTE.key and not job.popularity and before:
        then = before.get(POPULARITY_LEFT_OUT, before.get(LEFT_OUT, 0))
        if then < len(forgotten.digests):
            note[POPULARITY_LEFT_OUT] = then
    return note


def _note(
    job: IndicatorJob, likes: LikeMatrix, generation: str, before: Mapping[str, Any]
) -> dict[str, Any]:
    """What `_meta.xlrec.indicators` says of a generation, which replaces the one before."""
    transfer = asdict(job.transfer)
    del transfer["device"]  # what is learned does not depend on it
    note = {
        "generation": generation,
        "model": job.learner.name,
        "transfer": transfer,
        "learned_from": dict(likes.read),
        **({"min_co_users": job.min_co_users} if job.min_co_users > 1 else {}),
        **({} if job.privacy is None else {"privacy": job.privacy.to_meta(before)}),
    }
    if job.popularity:
        note["markets"] = {"origin": likes.markets.origin, "names": list(likes.markets.names)}
    return note


def _write(
    client: Elasticsearch,
    live: LiveIndex,
    note: Mapping[str, Any],
    job: IndicatorJob,
    changed: Iterable[tuple[Entry, Learned]],
) -> dict[str, Any]:
    """Write what changed, between two notes in `_meta`."""
    index, generation, relation = live.name, note["generation"], job.relation
    if new := relation_fields(relation):
        with friendly_errors(client):
            client.indices.put_mapping(index=index, properties={OWN_FIELD: {"properties": new}})
    generation_meta.begin(client, index, note, job.shard, relation=relation)
    written: Written[Entry]
    if mode_of(live.meta).in_place:
        rewrites = (_rewrite(entry, learned, generation, relation) for entry, learned in changed)
        written = Rewriter(client, index).write(rewrites)
    else:
        operations = (update(entry, learned, generation, relation) for entry, learned in changed)
        written = BulkWriter(client, index, uuid=live.uuid).write(operations)
    with friendly_errors(client):
        client.indices.refresh(index=index)
    complete = not written.refused and generation_meta.finish(
        client, index, note, job.shard, relation=relation
    )
    return {
        "complete": complete,
        "gone": len(written.superseded),
        "refused": [{"id": one.document.id, "reason": one.reason} for one in written.refused],
    }


def update(
    entry: Entry, learned: Learned, generation: str, relation: Relation = TASTE
) -> Operation[Entry]:
    """The partial update of a document."""
    # A document may be written by the worker at the same moment.
    fields = {OWN_FIELD: _fields(learned, generation, relation)}
    return Operation.update(entry, fields, retry_on_conflict=3, **routed(entry.routing))


def _rewrite(entry: Entry, learned: Learned, generation: str, relation: Relation) -> Rewrite[Entry]:
    """The same for a document that keeps its version."""
    return Rewrite(entry, _fields(learned, generation, relation), routing=entry.routing)


def _fields(learned: Learned, generation: str, relation: Relation) -> dict[str, Any]:
    """Of the object `xlrec` what was learned.

    Weights by name go as a list of one object, for Elasticsearch merges an object into the one that
    is there, and works that no longer speak would stay; a list takes the old one's place.
    """
    values = {
        relation.weights: [learned.indicators] if learned.indicators else [],
        relation.provenance: learned.provenance,
        relation.evidence: learned.evidence,
        relation.generation: generation,
    }
    fields: dict[str, Any] = {path.rpartition(".")[2]: value for path, value in values.items()}
    if relation.key:
        return {relation.key: fields}
    if learned.popularity is not None:
        fields["popularity"] = learned.popularity
        markets = learned.market_popularity
        fields["market_popularity"] = [markets] if markets else []
    return fields


def _promise(privacy: Privacy, live: LiveIndex) -> dict[str, Any]:
    earlier = live.meta.indicators
    return {**privacy.to_meta(earlier), "statement": list(privacy.statement(earlier))}


def _summary(
    job: IndicatorJob,
    live: LiveIndex,
    likes: LikeMatrix,
    mine: Sequence[Entry],
    blend: Blend,
) -> dict[str, Any]:
    coverage: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in mine:
        coverage[entry.language][str(blend.provenance[entry.work])] += 1
    total = int(np.diff(blend.indicators.indptr)[[entry.work for entry in mine]].sum())
    return {
        "index": job.index,
        "version": live.name,
        "model": job.learner.name,
        "relation": job.relation.name,
        "dry_run": job.dry_run,
        "interactions": dict(likes.report),
        ("baskets" if job.relation.key else "users"): likes.matrix.shape[0],
        "markets": len(likes.markets.names),
        "shard": str(job.shard),
        "items": len(likes.works),
        "documents": len(mine),
        "indicators": {"sum": total, "mean": round(total / max(1, len(mine)), 1)},
        **({"of too few users": blend.too_few} if job.min_co_users > 1 else {}),
        **({} if job.privacy is None else {"privacy": _promise(job.privacy, live)}),
        "coverage": {language: dict(coverage[language]) for language in sorted(coverage)},
    }
