"""From interactions and an index to pairs of texts that should be near, over language borders.

Which works go together is what indicators say (`ingest.indicators.learners`), learned from the
training part of the same split that `xlrec-es evaluate` makes; the rest is held out, to be measured
on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from elasticsearch import Elasticsearch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.finetune.data.hard_negatives import mine
from ingest.finetune.data.query_clicks import QUERY, Click, read_clicks
from ingest.finetune.data.training_set import (
    CLICK,
    CO_ENGAGED,
    LEARNED_FROM,
    RENDITION,
    SCHEMAS,
    Documents,
    TrainingSet,
)
from ingest.indicators.learners import Learner, LocalEase
from ingest.indicators.learners.sparse_blocks import strongest
from xlrec_es.errors import SourceError
from xlrec_es.evaluate.leakage import training_note
from xlrec_es.evaluate.protocol import Case, Split, split, split_cases
from xlrec_es.index.fields import OWN_FIELD, TEXT_FIELD, VECTOR_FIELD
from xlrec_es.index.hits import language_of, vector_of, work_of
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.works import items_of, number_works, work_pages
from xlrec_es.interactions.forgotten import Forgotten
from xlrec_es.interactions.likes import Likes, read_likes
from xlrec_es.languages import UNDETERMINED, base_language
from xlrec_es.vectors.vector import Vector

MIN_PAIRS = 100
"""With fewer, a model learns them by heart and nothing else."""

MAX_CHARACTERS = 1000
"""Of a text; more than the tokens that are trained on hold, in any language."""

EXAMPLES = 6

_RENDITION_SHARE = 0.25  # what all language versions of a work weigh; its co-engaged works weigh 1


@dataclass(frozen=True, slots=True)
class PairsJob:
    """What is asked for.

    Attributes:
        interactions: File; see `xlrec_es.interactions.likes.read_likes`.
        index: Alias or index, whose texts are read.
        fields: See `read_likes`.
        min_rating: See `read_likes`.
        events: See `read_likes`.
        time_format: See `read_likes`.
        learner: Says which works go together, and how much; one that weighs only works that some
            user likes together, which exact EASE does not.
        method: See `xlrec_es.evaluate.protocol.split`.
        part: See `split`.
        cold: See `split`.
        seed: Of the split, and of the languages that are drawn for works that have several.
        max_users: At most so many users are measured on.
        min_users: Works that fewer users like are in no pair, language versions apart.
        max_works: Of a user who likes more, the latest so many count; without times, a draw.
        per_work: A work is the anchor of at most so many pairs, the heaviest.
        clicks: File of queries and what was clicked; see `ingest.finetune.data.query_clicks`.
        negatives: Hard negatives of each pair; see `ingest.finetune.data.hard_negatives`.
    """

    interactions: Path
    index: str
    fields: Mapping[str, str] = field(default_factory=dict)
    min_rating: float | None = None
    events: Mapping[str, float] | None = None
    time_format: str | None = None
    learner: Learner = field(default_factory=LocalEase)
    method: str | None = None
    part: float = 0.2
    cold: float = 0.0
    seed: int = 0
    max_users: int = 500
    min_users: int = 2
    max_works: int = 1000
    per_work: int = 50
    clicks: Path | None = None
    negatives: int = 0


def make(client: Elasticsearch, job: PairsJob) -> TrainingSet:
    """Read, split, learn, and pair.

    Raises:
        SourceError: The interactions cannot be read, there is one language only, too few pairs, or
            nothing to measure on.
        XlrecError: As for `xlrec_es.index.live_index.find_live`.
    """
    live = find_live(client, job.index)
    forgotten = Forgotten.from_meta(live.meta.forgotten)
    read = _read_documents(client, live, with_vectors=job.negatives > 0)
    likes = read_likes(
        job.interactions,
        read.items,
        fields=job.fields,
        min_rating=job.min_rating,
        events=job.events,
        time_format=job.time_format,
    ).without(forgotten)
    parts = split(likes, method=job.method, part=job.part, seed=job.seed, cold=job.cold)
    held_out = _held_out(likes, parts)
    clicks = read_clicks(job.clicks, read.items, held_out, forgotten) if job.clicks else {}
    data = assemble(job, read.documents, likes, parts, clicks)
    if job.negatives:
        data = mine(data, read.vectors, count=job.negatives, seed=job.seed)
    about = {"version": live.name, "encoder": live.meta.fingerprint.model}
    return replace(data, about={**about, **data.about})


def _held_out(likes: Likes, parts: Split) -> set[tuple[str, str]]:
    users, works = likes.user[~parts.training], likes.work[~parts.training]
    return {(likes.users[p], likes.works[w]) for p, w in zip(users, works, strict=True)}


def assemble(
    job: PairsJob,
    documents: Documents,
    likes: Likes,
    parts: Split,
    clicks: Mapping[Click, int] | None = None,
) -> TrainingSet:
    """Learn and pair, with no cluster.

    Args:
        job: How; its file is not read.
        documents: Of `likes.works`.
        likes: What users like.
        parts: Which of it may be learned from.
        clicks: How often what was clicked after which query.

    Raises:
        SourceError: As for `make`.
    """
    _refuse_one_language(job.index, documents)
    works = likes.works
    texts = documents.by_work(len(works))
    languages = {work: [lang for lang, _ in own] for work, own in zip(works, texts, strict=True)}
    cases = split_cases(likes, parts, languages, max_users=job.max_users)
    learned = parts.training & _first_of_each_user(likes, parts.training, job)
    matrix = like_matrix(likes, learned)
    users = np.bincount(likes.work[learned], minlength=len(works))
    together = _together(job.learner, matrix)
    pairs = _pairs(job, together, users, texts, works)
    if clicks:
        pairs = pa.concat_tables([pairs, _click_pairs(clicks, documents, works, job.seed)])
    if pairs.num_rows < MIN_PAIRS:
        raise SourceError(
            f"{pairs.num_rows} pairs across languages, and fine-tuning needs {MIN_PAIRS}: more "
            "interactions are needed, of users who like items in several languages, or a lower "
            f"--min-pair-users (now {job.min_users})"
        )
    return TrainingSet(
        pairs=pairs,
        works=works,
        documents=documents,
        users=users,
        together=_symmetric(together),
        likes=_likes_table(likes, learned),
        cases=tuple(cases),
        about=_about(job, likes, parts, cases),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """Documents of an index, in order of works and ids.

    Attributes:
        items: Work by item; see `xlrec_es.index.works.items_of`.
        documents: The texts, by base language: variants of it are no border.
        vectors: Shape (n_documents, dims), zeros where there is none; no rows if not asked for.
    """

    items: Mapping[str, str]
    documents: Documents
    vectors: Vector


def _read_documents(client: Elasticsearch, live: LiveIndex, *, with_vectors: bool) -> _Read:
    found: list[tuple[str, str, str, str]] = []
    vectors: dict[str, Vector] = {}
    fields = [VECTOR_FIELD] if with_vectors else []
    for hits in work_pages(client, live, fields=fields, source=[TEXT_FIELD], refresh=True):
        for hit in hits:
            texts = hit["_source"].get(OWN_FIELD, {}).get("text")
            if not texts:
                continue
            text = next(iter(texts.values()))[:MAX_CHARACTERS]
            found.append((work_of(hit), hit["_id"], base_language(language_of(hit)), text))
            if (vector := vector_of(hit)) is not None:
                vectors[hit["_id"]] = vector
    found.sort()
    numbers = number_works(work for work, *_ in found)
    documents = Documents(
        np.array([numbers[work] for work, *_ in found], np.int64),
        tuple(language for _, _, language, _ in found),
        tuple(text for *_, text in found),
    )
    none = np.zeros(live.meta.fingerprint.dims, np.float32)
    rows = [vectors.get(id_, none) for _, id_, _, _ in found] if with_vectors else []
    items = items_of((id_, work) for work, id_, _, _ in found)
    return _Read(items, documents, np.array(rows, np.float32).reshape(-1, len(none)))


def _refuse_one_language(index: str, documents: Documents) -> None:
    languages = sorted(set(documents.languages) - {UNDETERMINED})
    if len(languages) < 2:
        there = f"{languages[0]} alone" if languages else "no language"
        raise SourceError(
            f"{index} has texts in {there}; pairs go over a language border, so it takes two"
        )


def _first_of_each_user(
    likes: Likes, training: NDArray[np.bool_], job: PairsJob
) -> NDArray[np.bool_]:
    """At most `max_works` likes of each user, the latest; shape (n_likes,)."""
    rows = np.flatnonzero(training)
    latest_first = -np.nan_to_num(likes.time[rows])
    order = np.lexsort((likes.priorities(job.seed)[rows], latest_first, likes.user[rows]))
    sizes = np.bincount(likes.user[rows], minlength=len(likes.users))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = np.zeros(len(likes), bool)
    kept[rows[order[place < job.max_works]]] = True
    return kept


def like_matrix(likes: Likes, learned: NDArray[np.bool_]) -> csr_array:
    """Shape (n_users, n_works), float32; weights are 1 in the mean square, as learners expect."""
    weights = likes.weight[learned].astype(np.float64)
    scale = np.sqrt(np.mean(weights**2)) if len(weights) else 1.0
    matrix = csr_array(
        (weights / scale, (likes.user[learned], likes.work[learned])),
        shape=(len(likes.users), len(likes.works)),
        dtype=np.float32,
    )
    matrix.sort_indices()
    return matrix


def _together(learner: Learner, matrix: csr_array) -> csr_array:
    """Weight of each pair (anchor, positive), shape (n_works, n_works).

    An indicator's row is the work that is recommended, its column the work in the history; here the
    history comes first.
    """
    indicators = learner.learn(matrix, np.arange(matrix.shape[1], dtype=np.int32))
    together = csr_array(indicators.T.tocsr())
    together.sort_indices()
    return together


def _symmetric(together: csr_array) -> csr_array:
    either = csr_array(together + together.T)
    either.sort_indices()
    return either


def _pairs(
    job: PairsJob,
    together: csr_array,
    users: NDArray[np.int64],
    texts: Sequence[Sequence[tuple[str, str]]],
    works: Sequence[str],
) -> pa.Table:
    """Co-engaged works and language versions, each pair in languages that are drawn for it."""
    rng = np.random.default_rng(job.seed)
    rows: list[tuple[Any, ...]] = []

    def add(anchor: int, positive: int, kind: str, weight: float) -> None:
        border = [
            (one, other)
            for one in texts[anchor]
            for other in texts[positive]
            if one[0] != other[0] and UNDETERMINED not in (one[0], other[0])
        ]
        if border:
            (language, text), (other_language, other_text) = border[rng.integers(len(border))]
            names = (works[anchor], works[positive], language, other_language)
            rows.append((text, other_text, *names, kind, weight, [], []))

    # Those whom many like are asked about most: as often as the root of how many they are.
    often = np.sqrt(np.maximum(users, 1))
    often /= often[users > 0].mean() if users.any() else 1
    kept = _kept(job, together, users, [[language for language, _ in own] for own in texts])
    totals = np.asarray(kept.sum(axis=1)).ravel()
    anchors = np.repeat(np.arange(len(works)), np.diff(kept.indptr))
    for anchor, positive, weight in zip(anchors, kept.indices, kept.data, strict=True):
        add(int(anchor), int(positive), CO_ENGAGED, float(often[anchor] * weight / totals[anchor]))
    for work, own in enumerate(texts):
        for _ in range(len(own) if len(own) > 1 else 0):
            add(work, work, RENDITION, float(often[work] * _RENDITION_SHARE / len(own)))
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMAS["pairs"])
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMAS["pairs"], strict=True)]
    return pa.table(arrays, schema=SCHEMAS["pairs"])


def _click_pairs(
    clicks: Mapping[Click, int], documents: Documents, works: Sequence[str], seed: int
) -> pa.Table:
    """Queries with a text of what was clicked; all that was clicked after a query weighs 1."""
    rng = np.random.default_rng(seed)
    texts = dict(zip(works, documents.by_work(len(works)), strict=True))
    totals: Counter[str] = Counter()
    for click, count in clicks.items():
        totals[click.query] += count
    rows: list[tuple[Any, ...]] = []
    for click, count in sorted(clicks.items(), key=lambda pair: astuple(pair[0])):
        own = texts[click.work]
        language, text = own[rng.integers(len(own))]
        names = (QUERY + click.query, click.work, click.language, language)
        rows.append((click.query, text, *names, CLICK, count / totals[click.query], [], []))
    arrays = [
        pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), SCHEMAS["pairs"], strict=True)
    ]
    return pa.table(arrays, schema=SCHEMAS["pairs"])


def _kept(
    job: PairsJob,
    together: csr_array,
    users: NDArray[np.int64],
    languages: Sequence[Sequence[str]],
) -> csr_array:
    """The heaviest pairs of each anchor that can be told over a language border."""
    only = [own[0] if len(set(own)) == 1 else "" for own in languages]
    numbers = {language: number for number, language in enumerate(sorted(set(only) - {""}))}
    single = np.array([numbers.get(language, -1) for language in only])
    common = users >= job.min_users
    anchors = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
    positives = together.indices
    good = common[anchors] & common[positives]
    good &= (single[anchors] != single[positives]) | (single[anchors] < 0)
    kept = csr_array((together.data[good], (anchors[good], positives[good])), shape=together.shape)
    return strongest(kept, top=job.per_work)


def _likes_table(likes: Likes, learned: NDArray[np.bool_]) -> pa.Table:
    users = [likes.users[number] for number in likes.user[learned]]
    works = [likes.works[number] for number in likes.work[learned]]
    return pa.table([users, works], schema=SCHEMAS["likes"])


def _about(job: PairsJob, likes: Likes, parts: Split, cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "index": job.index,
        "interactions": dict(likes.report),
        "learner": job.learner.name,
        "split": {"method": parts.method, "part": parts.part, "seed": parts.seed},
        LEARNED_FROM: training_note(likes, parts),
        "training likes": int(parts.training.sum()),
        "held-out likes": int((~parts.training).sum()),
        "cases": len(cases),
        "users measured": len({case.user for case in cases}),
    }


def summary(data: TrainingSet, seconds: float) -> dict[str, Any]:
    """For people, ready for JSON: counts by kind and languages, and some pairs in words."""
    pairs = data.pairs
    languages = zip(
        pairs.column("anchor_language").to_pylist(),
        pairs.column("positive_language").to_pylist(),
        strict=True,
    )
    some = np.random.default_rng(0).permutation(pairs.num_rows)[:EXAMPLES]
    return {
        **data.about,
        "works": len(data.works),
        "documents": len(data.documents.texts),
        "pairs": pairs.num_rows,
        "kinds": dict(Counter(pairs.column("kind").to_pylist())),
        "languages": dict(Counter(f"{one} → {other}" for one, other in languages).most_common()),
        "examples": pairs.take(some).to_pylist(),
        "seconds": round(seconds, 2),
    }
