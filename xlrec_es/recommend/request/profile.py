"""From a user's history to a profile: a few interests, each a unit vector. Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xlrec_es.recommend.options import PUSH
from xlrec_es.recommend.request.sparse_profile import NO_TASTE, SparseTaste, sparse_taste
from xlrec_es.vectors.vector import Vector

MAX_INTERESTS = 32
"""One for each work measured best (xlrec_es/DESIGN.md, "Interests and max-sim").

Only longer histories are clustered.
"""

FEW_INTERESTS = 4
"""Beside indicators that weigh more, where it was measured to make no difference."""

SHRINKAGE = 0.4
"""How far each interest is drawn to the whole taste: one work says little for sure of a user.

Measured on two catalogs (xlrec_es/DESIGN.md, "Interests and max-sim"), 0.3 to 0.5 are better than
the nearest work alone.
Source of the idea: James and Stein 1961, "Estimation with Quadratic Loss".
"""

TEXT_EVIDENCE = 1.0
"""Users that a history's texts count as; see `text_share`."""

N = TypeVar("N", float, NDArray[np.float64])

_CLUSTER_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class HistoryDocument:
    """A document of the index that stands for one work of a history.

    Attributes:
        id: Document id.
        work: Work id.
        language: BCP 47 tag.
        title: For explanations.
        vector: Shape (dims,), centered, unit length; None where there is none, or it was not read.
        routing: What leads to its shard, where that is not its id.
        evidence: Users on whom the indicators rest in which it is named.
        text: By which it is searched, where that was read.
        sparse: Learned weight by token, above zero; empty where there are none, or they were not
            read.
        image: Shape (n,), unit length: the vector of its picture; None as of `vector`.
    """

    id: str
    work: str
    language: str
    title: str | None
    vector: Vector | None = None
    routing: str | None = None
    evidence: float = 0.0
    text: str | None = None
    sparse: Mapping[str, float] = field(default_factory=dict)
    image: Vector | None = None


@dataclass(frozen=True, slots=True)
class Interest:
    """A direction of a user's taste.

    Attributes:
        vector: Shape (dims,), unit length.
        weight: Its part of the whole taste; the weights of a profile add up to 1.
        members: The works (or free texts) that made it and each one's part in it; the parts add up
            to 1.
    """

    vector: Vector
    weight: float
    members: Mapping[str, float]


def parts_of(interests: Sequence[Interest]) -> dict[str, float]:
    """Part by work and free text of interests; the parts add up to 1."""
    return {
        name: interest.weight * part
        for interest in interests
        for name, part in interest.members.items()
    }


@dataclass(frozen=True, slots=True)
class Looks:
    """What a user likes the look of.

    Attributes:
        interests: As of `Profile`, in the space of pictures.
        vectors: As of `Profile`.
    """

    interests: tuple[Interest, ...] = ()
    vectors: Mapping[str, Vector] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, float]:
        """As of `Profile`."""
        return parts_of(self.interests)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the query builder needs to know of a user.

    Attributes:
        interests: Heaviest first; empty for a user who is not known to like anything, and where
            vectors were not read.
        liked: Part by liked work; the parts add up to 1. For the collaborative retriever.
        seen: Every work of the history, liked or not, for leaving out what was seen. Sorted.
        titles: A title by work, for explanations.
        vectors: Shape (dims,), unit length, by liked work and free text: for explanations.
        texts: The liked works' documents by language, work by document id, the heaviest works
            first: for the lexical retriever.
        routings: By id, of those documents that have one of their own.
        evidence: Users on whom the indicators of the liked works rest, added up over the works.
        said: Free texts' part of the taste, 0..1.
        words: By id, the texts of those documents of `texts` of which they were read.
        sparse: Weight by token, see `sparse_profile.SparseTaste`.
        looks: The same taste by pictures, where these were read.
    """

    interests: tuple[Interest, ...]
    liked: Mapping[str, float]
    seen: tuple[str, ...]
    titles: Mapping[str, str | None]
    vectors: Mapping[str, Vector]
    texts: Mapping[str, Mapping[str, str]]
    routings: Mapping[str, str] = field(default_factory=dict)
    evidence: float = 0.0
    said: float = 0.0
    words: Mapping[str, str] = field(default_factory=dict)
    sparse: SparseTaste = NO_TASTE
    looks: Looks = field(default_factory=Looks)

    @property
    def text_share(self) -> float:
        """See `text_share`."""
        return text_share(self.evidence, self.said)

    @property
    def parts(self) -> dict[str, float]:
        """Part by liked work and free text; the parts add up to 1."""
        return parts_of(self.interests)

    @property
    def languages(self) -> frozenset[str]:
        """The languages of what was liked."""
        return frozenset(self.texts)


def text_share(evidence: N, said: float = 0.0) -> N:
    """The part of a list that belongs to searches of texts, 0..1, by what there is to go by.

    What texts say counts as the word of one more user, beside those on whom the history's
    indicators rest (a Laplace estimate); free texts, of which no indicator knows, count in full.
    Measured: xlrec_es/DESIGN.md, "Cascade".

    Args:
        evidence: See `Profile.evidence`; of one user, or of many.
        said: See `Profile.said`.
    """
    return 1 - (1 - said) * evidence / (evidence + TEXT_EVIDENCE)


def build_profile(
    documents: Sequence[HistoryDocument],
    weights: Mapping[str, float],
    *,
    free_texts: Mapping[str, Vector] | None = None,
    also_seen: Collection[str] = (),
    max_interests: int = MAX_INTERESTS,
    push: float = PUSH,
) -> Profile:
    """Build the profile of a history; the order of the documents does not matter.

    Args:
        documents: Every language version of every work of the history.
        weights: Signed weight by work: above zero liked, below disliked. A work without a weight
            counts as seen, and no more. One without a document, which has left the index, may
            stand in indicators still.
        free_texts: Vector by text, shape (dims,), centered, unit length: what the user said
            they like. Each weighs as much as the heaviest work.
        also_seen: Works that the user knows, and that say nothing.
        max_interests: Up to so many works and texts are an interest each; more are clustered into
            so many. 1 makes the weighted mean vector, the usual baseline.
        push: How far interests are pushed away from what was disliked, 0..1: that part of their
            overlap with it is taken out. Source: Rocchio 1971, "Relevance Feedback in Information
            Retrieval".
    """
    documents = sorted(documents, key=lambda document: document.id)
    by_work: dict[str, list[HistoryDocument]] = {}
    for document in documents:
        by_work.setdefault(document.work, []).append(document)
    known = sorted(by_work)
    vectors = _of_works({work: [d.vector for d in by_work[work]] for work in known})
    liked = {work: weights[work] for work in sorted(weights) if weights[work] > 0}
    heaviest = max(liked.values(), default=1.0)
    texts_mass = dict.fromkeys(sorted(free_texts or {}), heaviest)
    mass = {**{work: weight for work, weight in liked.items() if work in vectors}, **texts_mass}
    disliked = {work: -weights[work] for work in vectors if weights.get(work, 0) < 0}
    vectors |= free_texts or {}
    interests = _in_order(vectors, mass, disliked, max_interests=max_interests, push=push)
    by_weight = sorted(liked, key=lambda work: (-liked[work], work))
    texts: dict[str, dict[str, str]] = {}
    for work in by_weight:
        for document in by_work.get(work, ()):
            texts.setdefault(document.language, {})[document.id] = work
    return Profile(
        interests=interests,
        liked=_parts(liked),
        seen=tuple(sorted({*known, *also_seen, *weights})),
        titles={document.work: document.title for document in reversed(documents)},
        vectors={name: vectors[name] for name in mass},
        texts=texts,
        routings={d.id: d.routing for d in documents if d.routing is not None},
        evidence=sum(max(d.evidence for d in by_work[work]) for work in liked if work in by_work),
        said=_part(texts_mass.values(), liked.values()),
        words={d.id: d.text for work in liked for d in by_work.get(work, ()) if d.text is not None},
        sparse=sparse_taste(
            {work: [d.sparse for d in by_work[work] if d.sparse] for work in known},
            weights,
            push=push,
        ),
    )


def build_looks(
    documents: Sequence[HistoryDocument],
    weights: Mapping[str, float],
    *,
    free_texts: Mapping[str, Vector] | None = None,
    max_interests: int = MAX_INTERESTS,
    push: float = PUSH,
) -> Looks:
    """What a user likes the look of; the order of the documents does not matter.

    Args:
        documents: As for `build_profile`; those without a picture say nothing.
        weights: As for `build_profile`.
        free_texts: As for `build_profile`, where pictures are in the space of texts.
        max_interests: As for `build_profile`.
        push: As for `build_profile`.
    """
    by_work: dict[str, list[Vector | None]] = {}
    for document in sorted(documents, key=lambda document: document.id):
        by_work.setdefault(document.work, []).append(document.image)
    vectors = _of_works({work: by_work[work] for work in sorted(by_work)})
    liked = {work: weights[work] for work in vectors if weights.get(work, 0) > 0}
    disliked = {work: -weights[work] for work in vectors if weights.get(work, 0) < 0}
    heaviest = max((weight for weight in weights.values() if weight > 0), default=1.0)
    mass = {**liked, **dict.fromkeys(sorted(free_texts or {}), heaviest)}
    vectors |= free_texts or {}
    interests = _in_order(vectors, mass, disliked, max_interests=max_interests, push=push)
    return Looks(interests, {name: vectors[name] for name in mass})


def _in_order(
    vectors: Mapping[str, Vector],
    mass: Mapping[str, float],
    disliked: Mapping[str, float],
    *,
    max_interests: int,
    push: float,
) -> tuple[Interest, ...]:
    """Interests, pushed away from what was disliked, the heaviest first."""
    interests = _interests(vectors, mass, max_interests)
    if disliked:
        pulls = [weight * vectors[work] for work, weight in disliked.items()]
        away = _unit(np.sum(pulls, axis=0))
        interests = [_pushed(interest, away, push) for interest in interests]
    return tuple(sorted(interests, key=lambda i: (-i.weight, sorted(i.members))))


def _part(some: Iterable[float], others: Iterable[float]) -> float:
    """What some numbers are of all; 0 if there are none."""
    mine = math.fsum(some)
    return mine / ((mine + math.fsum(others)) or 1.0)


def _parts(weights: Mapping[str, float]) -> dict[str, float]:
    total = math.fsum(weights.values())  # whatever their order, to the last digit
    return {name: weight / total for name, weight in weights.items()}


def _of_works(versions: Mapping[str, Sequence[Vector | None]]) -> dict[str, Vector]:
    """The mean direction of each work's language versions, shape (dims,), of those that have one.

    A work of which none has one is left out.
    """
    found = {}
    for work, some in versions.items():
        if vectors := [vector for vector in some if vector is not None]:
            found[work] = _unit(vectors[0] if len(vectors) == 1 else np.mean(vectors, axis=0))
    return found


def _unit(vector: Vector) -> Vector:
    """The same direction with length 1; opposite vectors can cancel out, and stay zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length > 1e-6 else vector).astype(np.float32)


def _pushed(interest: Interest, away: Vector, push: float) -> Interest:
    """The interest without a part of what it has in common with what was disliked."""
    overlap = max(0.0, float(interest.vector @ away))
    vector = _unit(interest.vector - push * overlap * away)
    return Interest(vector, interest.weight, interest.members)


def _interests(
    vectors: Mapping[str, Vector], mass: Mapping[str, float], max_interests: int
) -> list[Interest]:
    if not mass:
        return []
    names = sorted(mass)
    matrix = np.stack([vectors[name] for name in names])  # (n, dims)
    weights = np.asarray([mass[name] for name in names], np.float64)
    weights /= weights.sum()
    whole = _unit((weights @ matrix).astype(np.float32))  # (dims,)
    return [
        _interest(matrix, weights, group, names, whole)
        for group in _cluster(matrix, weights, max_interests)
    ]


def _interest(
    vectors: Vector, mass: np.ndarray, group: np.ndarray, names: Sequence[str], whole: Vector
) -> Interest:
    weight = float(mass[group].sum())
    own = _unit((mass[group] / weight) @ vectors[group])
    return Interest(
        vector=_unit((1 - SHRINKAGE) * own + SHRINKAGE * whole),
        weight=weight,
        members={names[index]: float(mass[index]) / weight for index in group},
    )


def _cluster(vectors: Vector, mass: np.ndarray, max_clusters: int) -> list[np.ndarray]:
    """Spherical k-means, deterministic: seeds are the heaviest work, then the farthest from all.

    Source: Dhillon and Modha 2001, "Concept Decompositions for Large Sparse Text Data Using
    Clustering" (https://doi.org/10.1023/A:1007612920971).

    Returns:
        Row numbers of each cluster; none is empty.
    """
    if len(vectors) <= max_clusters:
        return [np.asarray([row]) for row in range(len(vectors))]
    # A center is a sum of rows, so cosines between rows are all that is needed. Not by `@`: the
    # threads of BLAS go on turning for milliseconds after a product that takes a part of one.
    gram = np.einsum("id,jd->ij", vectors, vectors)  # (n, n)
    seeds = [int(np.argmax(mass))]
    nearest = gram[seeds[0]]  # (n,)
    while len(seeds) < max_clusters:
        seeds.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, gram[seeds[-1]])
    cosines = gram[seeds]  # (max_clusters, n)
    assigned = np.argmax(cosines, axis=0)  # (n,)
    for _ in range(_CLUSTER_ROUNDS):
        members = np.where(assigned == np.arange(max_clusters)[:, None], mass, 0)
        sums = np.einsum("kn,nm->km", members, gram)  # (max_clusters, n)
        lengths = np.sqrt(np.maximum((sums * members).sum(axis=1, keepdims=True), 0))
        # A center that lost all its works keeps its place.
        cosines = np.divide(sums, lengths, out=cosines.astype(sums.dtype), where=lengths > 1e-6)
        before, assigned = assigned, np.argmax(cosines, axis=0)
        if np.array_equal(before, assigned):
            break
    return [np.flatnonzero(assigned == cluster) for cluster in np.unique(assigned)]
