"""Which items of a history spoke for a recommendation, and how much. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xlrec_es.cluster.answers import Answer
from xlrec_es.index.fields import IMAGE_FIELD, RELATIONS, SPARSE_FIELD, TASTE
from xlrec_es.index.hits import vector_of
from xlrec_es.index.indicators import read_indicators
from xlrec_es.recommend.answer import fusion
from xlrec_es.recommend.options import COLLABORATIVE, DENSE, EXPLORE, IMAGE, LEXICAL, SPARSE
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.server_fusion import FUSED
from xlrec_es.recommend.request.sparse_profile import dot
from xlrec_es.vectors.vector import Vector

MAX_REASONS = 3


TEMPERATURE = 0.05
"""A work whose cosine is lower by so much speaks a third as much: exp(cosine / T)."""


MAX_TOKENS = 3
"""Tokens that a reason names."""


LEAST_PART = 1e-9
"""Of what all speakers say; who says less has said nothing."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a document to be shown holds, as far as it was asked for."""

    source: Mapping[str, Any] = field(default_factory=dict)
    vector: Vector | None = None
    image: Vector | None = None
    indicators: Mapping[str, float] = field(default_factory=dict)
    sparse: Mapping[str, float] = field(default_factory=dict)


def _held(hit: Answer) -> _Held:
    fields = hit.get("fields", {})
    kept = (fields.get(relation.weights) for relation in (TASTE, *RELATIONS.values()))
    indicators = next(filter(None, kept), None)  # of one relation, which was asked for
    return _Held(
        hit.get("_source", {}),
        vector_of(hit),
        vector_of(hit, IMAGE_FIELD),
        read_indicators(indicators),
        read_indicators(fields.get(SPARSE_FIELD)),
    )


def _speakers(candidate: fusion.Fused, plan: Plan, held: _Held) -> dict[str, float]:
    """The works and texts that spoke for a candidate, with their parts of its score."""
    speakers: dict[str, float] = {}
    for retriever, share in candidate.shares.items():
        spoke = _of_retriever(retriever, candidate.language, plan, held)
        total = sum(spoke.values())
        for name, value in spoke.items():
            if share > 0 and value > LEAST_PART * total:
                speakers[name] = speakers.get(name, 0.0) + share * value / total
    return speakers


def _of_retriever(retriever: str, language: str, plan: Plan, held: _Held) -> Mapping[str, float]:
    """What spoke through one retriever, in any unit.

    Popularity speaks for itself. BM25 does not tell which text a term came from: the texts' works
    speak as much as they weigh. So does the whole history through a retriever of which nothing else
    is known.
    """
    profile = plan.profile
    if retriever == FUSED:
        return _of_fused(language, plan, held)
    if retriever == LEXICAL:
        has_text = set(plan.texts(language).values())
        return {work: part for work, part in profile.liked.items() if work in has_text}
    if retriever == COLLABORATIVE:
        liked = profile.liked
        spoke = {work: part * held.indicators.get(work, 0.0) for work, part in liked.items()}
        return spoke if any(spoke.values()) else liked
    if retriever == SPARSE:
        liked, works = profile.liked, profile.sparse.works
        spoke = {work: liked[work] * dot(own, held.sparse) for work, own in works.items()}
        return spoke if any(spoke.values()) else liked
    if retriever in (DENSE, EXPLORE):
        return _near(profile.parts, profile.vectors, held.vector)
    if retriever == IMAGE:
        return _near(profile.looks.parts, profile.looks.vectors, held.image)
    return {}


def _near(
    parts: Mapping[str, float], vectors: Mapping[str, Vector], shown: Vector | None
) -> Mapping[str, float]:
    """How much each part of a taste speaks for what is shown, by how near it is."""
    if shown is None or not parts:
        return parts
    cosines = np.stack([vectors[name] for name in parts]) @ shown  # (n,)
    near = np.exp((cosines - cosines.max()) / TEMPERATURE)
    return {name: part * float(e) for (name, part), e in zip(parts.items(), near, strict=True)}


def shared_tokens(work: str, plan: Plan, held: _Held) -> tuple[str, ...]:
    """The tokens that a liked work and a document share, the strongest first; few of them.

    None where the learned sparse weights of either were not read.
    """
    own = plan.profile.sparse.works.get(work, {})
    both = {token: w * held.sparse[token] for token, w in own.items() if token in held.sparse}
    strongest = sorted(both, key=lambda token: (-both[token], token))[:MAX_TOKENS]
    return tuple(map(as_word, strongest))


def as_word(token: str) -> str:
    """A token of a vocabulary without the signs for where a word begins, or goes on."""
    return token.removeprefix("▁").removeprefix("##").removeprefix("Ġ") or token


def _of_fused(language: str, plan: Plan, held: _Held) -> Mapping[str, float]:
    """What spoke through retrievers that Elasticsearch fused: each of them as much as it weighs."""
    spoke: dict[str, float] = {}
    for retriever, weight in plan.weights.items():
        if weight > 0 and (retriever != LEXICAL or plan.texts(language)):
            parts = _of_retriever(retriever, language, plan, held)
            total = sum(parts.values())
            for name, part in parts.items():
                spoke[name] = spoke.get(name, 0.0) + weight * part / total
    return spoke
