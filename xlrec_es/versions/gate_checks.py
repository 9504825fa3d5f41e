"""Whether a new version may take the place of the live one: measured, each with a limit.

All vectors of the new version are read once: that tells whether each can be searched, and what an
exact search would find. All else is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import XlrecError
from xlrec_es.index.fields import LANGUAGE_FIELD, OWN_FIELD, VECTOR_FIELD, WORK_FIELD, text_field
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.vectors.vector import Vector
from xlrec_es.versions.gate_limits import Limits

K = 10
_NUM_CANDIDATES = 100
_LENGTH_TOLERANCE = 1e-3
_SAMPLED_FIELDS = 200
_SAMPLED_TEXTS = 3
_TEXT_CHARACTERS = 1000
_HISTORY_WORKS = 3


_Key = tuple[str, str | None]
"""See `scan.key_of`."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that decides, beside its limit. All are shares, of 1.

    Attributes:
        value: What was found.
        limit: The value that just passes.
        low: Of an estimate over users: 95% of its samples begin here. None of all else.
        high: Likewise they end here. Where there is an interval, its better end is compared.
        of: The language, or the candidate set, whose value it is; empty: of all.
    """

    value: float
    limit: float
    low: float | None = None
    high: float | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: `counts`, `vectors`, `recall`, `fields`, `analyzers`, `overlap` ...
        ok: Whether it is good enough.
        message: What was found, in a sentence.
        measured: The number behind it; None where no number has a limit.
    """

    name: str
    ok: bool
    message: str
    measured: Measured | None = None


def check_counts(client: Elasticsearch, source: str, target: str, limits: Limits) -> Check:
    """Compare how many documents there are, by language."""
    theirs, ours = (_languages(client, index) for index in (source, target))
    if theirs.keys() == {None}:  # the source is no index of ours, and has no languages
        ours = {None: sum(ours.values())}
    # Of the larger number, so that one document too many weighs as much as one too few.
    apart = {
        language: abs(ours.get(language, 0) - theirs.get(language, 0))
        / max(ours.get(language, 0), theirs.get(language, 0))
        for language in (*theirs, *(ours.keys() - theirs.keys()))
    }
    wrong = [
        f"{language or 'no language'}: {ours.get(language, 0)} for {theirs.get(language, 0)}"
        for language, share in apart.items()
        if share > limits.missing
    ]
    total = f"{sum(ours.values())} documents for {sum(theirs.values())}"
    measured = Measured(max(apart.values(), default=0.0), limits.missing)
    return Check("counts", not wrong, "; ".join([total, *wrong]), measured)


def check_vectors(
    client: Elasticsearch, source: str, target: LiveIndex, limits: Limits
) -> list[Check]:
    """Read every vector: can it be searched, and does an approximate search find what is near?

    Documents that have none in the source either, because somebody else wrote them, may go without.
    """
    dims = target.meta.fingerprint.dims
    questions = {
        language: _questions(client, target.name, language, limits.queries)
        for language in target.meta.languages
    }
    missing, useless, total = 0, 0, 0
    body = {"_source": False, "fields": [VECTOR_FIELD, LANGUAGE_FIELD]}
    for hits in scan.pages(client, target.name, body):
        total += len(hits)
        ids: dict[str, list[_Key]] = {}
        vectors: dict[str, list[Any]] = {}
        for hit in hits:
            vector = hit.get("fields", {}).get(VECTOR_FIELD)
            if not vector:
                missing += 1
                continue
            if len(vector) != dims or not _is_unit(vector):
                useless += 1
                continue
            language = hit["fields"].get(LANGUAGE_FIELD, [""])[0]
            ids.setdefault(language, []).append(scan.key_of(hit))
            vectors.setdefault(language, []).append(vector)
        for language, found in vectors.items():
            if question := questions.get(language):
                question.compare(ids[language], np.asarray(found, np.float32))
    allowed = _without_vector(client, source)
    message = (
        f"of {total} documents {missing} have no vector ({allowed} in {source}), and {useless} one "
        "that is not of length 1"
    )
    checks = [Check("vectors", useless == 0 and missing <= allowed, message)]
    recalls = {name: q.recall() for name, q in questions.items() if q is not None}
    low = {name: recall for name, recall in recalls.items() if recall < limits.recall}
    lowest = min(recalls, key=lambda name: recalls[name], default=None)
    if lowest is not None:
        told = low or {lowest: recalls[lowest]}
        parts = ", ".join(f"{name} {recall:.2f}" for name, recall in told.items())
        rest = f"too low in {len(low)}" if low else "the lowest"
        parts += f", {rest} of {len(recalls)} languages"
        message = f"of the exact nearest {K}, found: {parts} ({limits.recall})"
        measured = Measured(recalls[lowest], limits.recall, of=lowest)
        checks.append(Check("recall", not low, message, measured))
    return checks


@dataclass(slots=True)
class _Questions:
    """Searches of one language, and what an exact search has found so far.

    Attributes:
        vectors: Shape (n, dims).
        found: For each, the ids that the approximate search found.
        scores: For each, the scores of those ids.
        best: Shape (n, K): the highest scores of all documents, in any order.
    """

    vectors: Vector
    found: list[set[_Key]]
    scores: list[list[float]] = field(default_factory=list)
    best: Vector = field(default_factory=lambda: np.empty((0, K), np.float32))

    def __post_init__(self) -> None:
        self.scores = [[] for _ in self.found]
        self.best = np.full((len(self.found), K), -np.inf, np.float32)

    def compare(self, ids: Sequence[_Key], vectors: Vector) -> None:
        """Take in some documents; vectors of shape (len(ids), dims)."""
        cosines = self.vectors @ vectors.T  # (n, len(ids))
        together = np.concatenate([self.best, cosines], axis=1)
        self.best = np.partition(together, -K, axis=1)[:, -K:]
        for row, found in enumerate(self.found):
            self.scores[row] += [cosines[row, n] for n, id_ in enumerate(ids) if id_ in found]

    def recall(self) -> float:
        """Mean share of the best K that was found; what ties with the last of them counts."""
        shares = []
        for row, scores in enumerate(self.scores):
            best = self.best[row][np.isfinite(self.best[row])]
            near_enough = sum(score >= best.min() - 1e-5 for score in scores)
            shares.append(min(1.0, near_enough / len(best)))
        return float(np.mean(shares))


def _questions(client: Elasticsearch, index: str, language: str, size: int) -> _Questions | None:
    """Ask for the neighbors of sampled documents; None if the language has no vector."""
    within = {"term": {LANGUAGE_FIELD: language}}
    hits = sample(client, index, size, query=within, fields=[VECTOR_FIELD])
    vectors = [hit["fields"][VECTOR_FIELD] for hit in hits if hit.get("fields")]
    if not vectors:
        return None
    searches: list[dict[str, Any]] = []
    for vector in vectors:
        knn = {
            "field": VECTOR_FIELD,
            "query_vector": vector,
            "k": K,
            "num_candidates": _NUM_CANDIDATES,
            "filter": within,
        }
        searches += [{}, {"knn": knn, "size": K, "_source": False}]
    with friendly_errors(client):
        answers = client.msearch(index=index, searches=searches)["responses"]
    found = [{scan.key_of(hit) for hit in answer["hits"]["hits"]} for answer in answers]
    return _Questions(np.asarray(vectors, np.float32), found)


def check_fields(client: Elasticsearch, source: str, target: str) -> Check:
    """Compare the user's own fields of sampled documents that did not change meanwhile."""
    whole = scan.whole_source(client)
    sampled = sample(client, target, _SAMPLED_FIELDS, source=whole)
    mine = {scan.key_of(hit): hit for hit in sampled}
    ids = {"ids": {"values": [hit["_id"] for hit in sampled]}}
    body = {"query": ids, "_source": whole, "version": True}
    different, compared = [], 0
    for hits in scan.pages(client, source, body):
        for hit in hits:
            other = mine.get(scan.key_of(hit))
            if other is not None and hit["_version"] == other["_version"]:
                compared += 1
                if _own_fields(hit) != _own_fields(other):
                    different.append(hit["_id"])
    message = f"{len(different)} of {compared} sampled documents differ in their own fields"
    if different:
        message += f", such as {different[0]!r}"
    return Check("fields", not different, message)


def check_analyzers(client: Elasticsearch, live: LiveIndex | None, target: LiveIndex) -> Check:
    """Compare how the texts of each language are cut into words."""
    with friendly_errors(client):
        answer = client.indices.get_mapping(index=target.name)[target.name]
    mapped = answer["mappings"]["properties"][OWN_FIELD]["properties"]["text"]["properties"]
    wrong = []
    for language, analyzer in target.meta.analyzers.items():
        has = mapped.get(language, {}).get("analyzer", "standard")
        if has != analyzer:
            wrong.append(f"{language} has {has} in place of {analyzer}")
            continue
        alike = live is not None and live.meta.analyzers.get(language) == analyzer
        for text in _texts(client, target.name, language):
            words = _analyze(client, target.name, language, text)
            if not words:
                wrong.append(f"{language} ({analyzer}) finds no word in {text[:60]!r}")
            elif alike and live and words != _analyze(client, live.name, language, text):
                wrong.append(f"{language} ({analyzer}) cuts {text[:60]!r} otherwise")
            else:
                continue
            break
    message = "; ".join(wrong) or f"{len(mapped)} languages are cut into words as they should be"
    return Check("analyzers", not wrong, message)


def check_overlap(
    client: Elasticsearch, live: LiveIndex, target: LiveIndex, limits: Limits
) -> Check:
    """Compare what both versions recommend to users who liked a few sampled works."""
    shares = []
    recommenders = [Recommender(client, index.name) for index in (live, target)]
    for language in target.meta.languages:
        hits = sample(
            client,
            target.name,
            limits.histories * _HISTORY_WORKS,
            query={"term": {LANGUAGE_FIELD: language}},
            fields=[WORK_FIELD],
        )
        works = [hit["fields"][WORK_FIELD][0] for hit in hits]
        for start in range(0, len(works), _HISTORY_WORKS):
            history = History.of(works[start : start + _HISTORY_WORKS])
            share = _overlap(recommenders, history, target.meta.languages)
            if share is not None:
                shares.append(share)
    if not shares:
        return Check("overlap", True, "there was nothing to recommend")
    mean = float(np.mean(shares))
    message = f"{mean:.2f} of the recommendations stay ({len(shares)} histories; {limits.overlap})"
    return Check("overlap", mean >= limits.overlap, message, Measured(mean, limits.overlap))


def _overlap(
    recommenders: Iterable[Recommender], history: History, languages: Sequence[str]
) -> float | None:
    lists = []
    for recommender in recommenders:
        try:
            found = recommender.recommend(history, languages=languages, size=K)
        except XlrecError:  # a work that was deleted meanwhile, say
            return None
        lists.append({item.work for item in found.items})
    before, after = lists
    return len(before & after) / len(before) if before else None


def _languages(client: Elasticsearch, index: str) -> dict[str | None, int]:
    body = {
        "size": 0,
        "track_total_hits": True,
        "aggs": {"languages": {"terms": {"field": LANGUAGE_FIELD, "size": 10_000}}},
    }
    scan.make_visible(client, index)
    with friendly_errors(client):
        answer = client.search(index=index, body=body, allow_partial_search_results=False)
    buckets = answer["aggregations"]["languages"]["buckets"]
    found: dict[str | None, int] = {bucket["key"]: bucket["doc_count"] for bucket in buckets}
    if rest := answer["hits"]["total"]["value"] - sum(found.values()):
        found[None] = rest
    return found


def _without_vector(client: Elasticsearch, index: str) -> int:
    return scan.count(client, index, {"bool": {"must_not": {"exists": {"field": VECTOR_FIELD}}}})


def sample(
    client: Elasticsearch,
    index: str,
    size: int,
    *,
    query: Mapping[str, Any] | None = None,
    fields: Sequence[str] = (),
    source: object = False,
) -> list[scan.Hit]:
    """Documents drawn at random, with their versions."""
    drawn = {
        "function_score": {
            "query": query or {"match_all": {}},
            "random_score": {},
            "boost_mode": "replace",
        }
    }
    body = {"size": size, "query": drawn, "_source": source, "fields": fields, "version": True}
    with friendly_errors(client):
        hits: list[scan.Hit] = client.search(index=index, body=body)["hits"]["hits"]
    return hits


def _texts(client: Elasticsearch, index: str, language: str) -> list[str]:
    path = text_field(language)
    hits = sample(client, index, _SAMPLED_TEXTS, query={"exists": {"field": path}}, source=[path])
    return [hit["_source"][OWN_FIELD]["text"][language][:_TEXT_CHARACTERS] for hit in hits]


def _analyze(client: Elasticsearch, index: str, language: str, text: str) -> list[str]:
    with friendly_errors(client):
        answer = client.indices.analyze(index=index, field=text_field(language), text=text)
    return [token["token"] for token in answer["tokens"]]


def _is_unit(vector: Sequence[float]) -> bool:
    length = float(np.linalg.norm(np.asarray(vector, np.float32)))
    return abs(length - 1) <= _LENGTH_TOLERANCE  # False for NaN


def _own_fields(hit: scan.Hit) -> dict[str, Any]:
    return {name: value for name, value in hit["_source"].items() if name != OWN_FIELD}
