"""From a person's history to a profile: a few interests, each a unit vector. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xlrec_es.types import Vector

# One interest for each work measured best (README, "Design"): only long histories are clustered.
MAX_INTERESTS = 32
_CLUSTER_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class LikedDocument:
    """A document of the index that stands for one work of a history.

    Attributes:
        id: Document id.
        work: Work id.
        language: BCP 47 tag.
        title: For explanations.
        vector: Shape (dims,), calibrated, unit length.
    """

    id: str
    work: str
    language: str
    title: str | None
    vector: Vector


@dataclass(frozen=True, slots=True)
class Interest:
    """A direction of a person's taste.

    Attributes:
        vector: Shape (dims,), unit length.
        weight: Its part of the whole taste; the weights of a profile add up to 1.
        members: The works that made it and each one's part in it; the parts add up to 1.
    """

    vector: Vector
    weight: float
    members: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """What the query builder needs to know of a person.

    Attributes:
        interests: Heaviest first.
        works: Every work of the history, for leaving out what was seen. Sorted.
        titles: A title by work, for explanations.
        documents: Work by document id, by language: the history's texts, for the lexical leg.
    """

    interests: tuple[Interest, ...]
    works: tuple[str, ...]
    titles: Mapping[str, str | None]
    documents: Mapping[str, Mapping[str, str]]


def build_profile(
    documents: Sequence[LikedDocument],
    weights: Mapping[str, float],
    *,
    max_interests: int = MAX_INTERESTS,
) -> Profile:
    """Build the profile of a history; the order of the documents does not matter.

    Args:
        documents: Every rendition of every work of the history, at least one.
        weights: How much each work says about the taste, above zero.
        max_interests: Up to so many works are an interest each; more are clustered into so many.
            1 makes the weighted mean vector, the usual baseline.

    Raises:
        ValueError: No documents, or a work without a weight.
    """
    if not documents:
        raise ValueError("a profile needs at least one document")
    documents = sorted(documents, key=lambda document: document.id)
    works = sorted({document.work for document in documents})
    missing = [work for work in works if work not in weights]
    if missing:
        raise ValueError(f"no weight for {missing[0]!r}")
    vectors = np.stack([_work_vector(documents, work) for work in works])  # (n_works, dims)
    mass = np.asarray([weights[work] for work in works], np.float64)
    mass /= mass.sum()
    groups = _cluster(vectors, mass, max_interests)
    interests = [_interest(vectors, mass, group, works) for group in groups]
    by_language: dict[str, dict[str, str]] = {}
    for document in documents:
        by_language.setdefault(document.language, {})[document.id] = document.work
    return Profile(
        interests=tuple(sorted(interests, key=lambda i: (-i.weight, sorted(i.members)))),
        works=tuple(works),
        titles={document.work: document.title for document in reversed(documents)},
        documents=by_language,
    )


def _work_vector(documents: Sequence[LikedDocument], work: str) -> Vector:
    """The mean direction of a work's renditions, shape (dims,)."""
    return _unit(
        np.mean([document.vector for document in documents if document.work == work], axis=0)
    )


def _unit(vector: Vector) -> Vector:
    """The same direction with length 1; opposite vectors can cancel out, and stay zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length > 1e-6 else vector).astype(np.float32)


def _interest(
    vectors: Vector, mass: np.ndarray, group: np.ndarray, works: Sequence[str]
) -> Interest:
    weight = float(mass[group].sum())
    return Interest(
        vector=_unit(mass[group] @ vectors[group]),
        weight=weight,
        members={works[index]: float(mass[index]) / weight for index in group},
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
    seeds = [int(np.argmax(mass))]
    nearest = vectors @ vectors[seeds[0]]  # (n_works,)
    while len(seeds) < max_clusters:
        seeds.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, vectors @ vectors[seeds[-1]])
    centres = vectors[seeds]  # (max_clusters, dims)
    for _ in range(_CLUSTER_ROUNDS):
        assigned = np.argmax(vectors @ centres.T, axis=1)  # (n_works,)
        # A centre that lost all its works keeps its place.
        moved = np.stack(
            [
                _unit(mass[assigned == cluster] @ vectors[assigned == cluster])
                if (assigned == cluster).any()
                else centres[cluster]
                for cluster in range(max_clusters)
            ]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return [np.flatnonzero(assigned == cluster) for cluster in np.unique(assigned)]
