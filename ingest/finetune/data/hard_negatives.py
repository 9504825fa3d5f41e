"""Hard negatives: texts that the index's encoder finds near an anchor, and that users do not.

They are mined in the language of each pair's positive, so that language is no help, and works that
go with the anchor are left out. So are the nearest of all, for nobody may have noticed them yet:
the nearer an unlabelled text, the more often it is no wrong answer.

Source: Xiong et al. 2020, "Approximate Nearest Neighbor Negative Contrastive Learning for Dense
Text Retrieval" (https://arxiv.org/abs/2007.00808); leaving out the nearest, Qu et al. 2021,
"RocketQA" (https://arxiv.org/abs/2010.08191), which asks a cross-encoder instead.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.finetune.data.training_set import TrainingSet
from xlrec_es.vectors.vector import Vector

SKIPPED, DRAWN_FROM = 10, 50
"""The nearest of a language that are left out, and how many of the next are drawn from."""

_MAX_DOCUMENTS = 20_000  # of a language; of more, so many are drawn
_BLOCK = 256  # anchors at a time


def mine(data: TrainingSet, vectors: Vector, *, count: int, seed: int) -> TrainingSet:
    """The same pairs, each with so many hard negatives.

    Args:
        data: Pairs without.
        vectors: Shape (n_documents, dims), centered unit rows.
        count: Negatives of each pair; one comes twice where a language has too few.
        seed: Of the draws.
    """
    pairs, works, documents = data.pairs, data.works, data.documents
    numbers = data.numbers
    rng = np.random.default_rng(seed)
    language = np.asarray(documents.languages)
    row_of = {
        (int(work), lang): row
        for row, (work, lang) in enumerate(zip(documents.work, documents.languages, strict=True))
    }
    columns = (
        pairs.column(name).to_pylist()
        for name in ("anchor_work", "anchor_language", "positive_work", "positive_language")
    )
    by_language: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    positive: list[int] = []
    for number, (work, lang, other, target) in enumerate(zip(*columns, strict=True)):
        anchor = row_of.get((numbers.get(work, -1), lang), -1)  # a query has no vector
        by_language[target][anchor].append(number)
        positive.append(numbers[other])
    chosen = np.zeros((pairs.num_rows, count), np.int64)
    for target, anchors in by_language.items():
        pool = rng.permutation(np.flatnonzero(language == target))[:_MAX_DOCUMENTS]
        near = _near(np.array(sorted(anchors)), np.sort(pool), data, vectors)
        for anchor, found in near.items():
            for number in anchors[anchor]:
                mine_ = found[documents.work[found] != positive[number]]
                some = mine_ if len(mine_) else pool
                chosen[number] = np.resize(rng.permutation(some), count)
    texts = [[documents.texts[row] for row in rows] for rows in chosen]
    names = [[works[documents.work[row]] for row in rows] for rows in chosen]
    for name, values in (("negatives", texts), ("negative_works", names)):
        place = pairs.schema.get_field_index(name)
        pairs = pairs.set_column(place, pairs.schema.field(name), pa.array(values))
    return replace(data, pairs=pairs)


def _near(
    anchors: NDArray[np.int64], pool: NDArray[np.int64], data: TrainingSet, vectors: Vector
) -> dict[int, NDArray[np.int64]]:
    """By anchor, documents of the pool that are near it and do not go with it; a query: any."""
    found: dict[int, NDArray[np.int64]] = {}
    if anchors[0] < 0:
        found[-1], anchors = pool, anchors[1:]
    of_document, columns = data.documents.work, data.documents.work[pool]
    for start in range(0, len(anchors), _BLOCK):
        some = anchors[start : start + _BLOCK]
        works = of_document[some]
        cosines = vectors[some] @ vectors[pool].T  # (b, n_pool)
        cosines[data.together[works][:, columns].toarray() != 0] = -np.inf
        cosines[works[:, None] == columns[None]] = -np.inf
        for anchor, row in zip(some, cosines, strict=True):
            order = np.argsort(-row, kind="stable")[: int((row > -np.inf).sum())]
            next_ = order[SKIPPED : SKIPPED + DRAWN_FROM]
            found[int(anchor)] = pool[next_ if len(next_) else order]
    return found
