"""What a user's taste says of given documents, computed from what they hold. Pure.

Evidence first: documents that learned associations connect with the history are ranked by these.
The others come after them, by the cosine of their vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xlrec_es.recommend.answer.explanations import _Held
from xlrec_es.recommend.answer.fusion import Found
from xlrec_es.recommend.options import COLLABORATIVE, DENSE
from xlrec_es.recommend.request.profile import Profile


@dataclass(frozen=True, slots=True)
class Taste:
    """What a user's taste says of one document.

    Attributes:
        score: 0..1. Above a half: by associations, in proportion to the highest of the documents
            that were compared. At most a half: by the cosine c, (1 + c) / 4.
        retrievers: What each retriever that knows it says; the one that decides has all of the
            score as its part.
    """

    score: float
    retrievers: Mapping[str, Found]


def tastes(profile: Profile, documents: Mapping[str, _Held]) -> dict[str, Taste]:
    """What a profile says of documents; nothing of those of which it knows nothing.

    Args:
        profile: The user.
        documents: What each holds, by id: its vector and its indicators.
    """
    learned = {
        id_: score for id_, held in documents.items() if (score := associated(profile, held)) > 0
    }
    cosines = nearest(profile, documents)
    highest = max(learned.values(), default=1.0)
    places = {COLLABORATIVE: _places(learned), DENSE: _places(cosines)}
    found: dict[str, Taste] = {}
    for id_ in documents:
        if id_ in learned:
            score, decides = (1 + learned[id_] / highest) / 2, COLLABORATIVE
        elif id_ in cosines:
            score, decides = (1 + cosines[id_]) / 4, DENSE
        else:
            continue
        said = {
            retriever: Found(places[retriever][id_], scores[id_], score * (retriever == decides))
            for retriever, scores in ((COLLABORATIVE, learned), (DENSE, cosines))
            if id_ in scores
        }
        found[id_] = Taste(score, said)
    return found


def associated(profile: Profile, held: _Held) -> float:
    """How much the liked works speak for a document: what the collaborative search computes."""
    return sum(part * held.indicators.get(work, 0.0) for work, part in profile.liked.items())


def nearest(profile: Profile, documents: Mapping[str, _Held]) -> dict[str, float]:
    """The cosine of each document that has a vector to the interest that is nearest to it."""
    with_vector = {id_: h.vector for id_, h in documents.items() if h.vector is not None}
    if not with_vector or not profile.interests:
        return {}
    interests = np.stack([interest.vector for interest in profile.interests])  # (k, dims)
    vectors = np.stack(list(with_vector.values()))  # (n, dims)
    cosines = (vectors @ interests.T).max(axis=1)  # (n,)
    return dict(zip(with_vector, np.clip(cosines, -1, 1).tolist(), strict=True))


def _places(scores: Mapping[str, float]) -> dict[str, int]:
    """Places from 1, the highest first."""
    order: Sequence[str] = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return {id_: place for place, id_ in enumerate(order, 1)}
