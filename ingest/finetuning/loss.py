"""Multiple negatives ranking, with two corrections for what persons like.

In-batch negatives are other pairs' positives. Some are no wrong answers: persons like them together
with the anchor, too. They are masked. And popular works are negatives more often than others, so
that a model learns to push them away: each candidate's score is reduced by a part of the logarithm
of how often it is drawn, and what the model itself gives it needs no such bias.

Sources: Henderson et al. 2017 (https://arxiv.org/abs/1705.00652); correction, Yi et al. 2019,
"Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations"
(https://doi.org/10.1145/3298689.3346996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import all_gather, all_gather_with_grad, cos_sim, get_rank
from torch import Tensor
from torch.nn.functional import cross_entropy

SCALE = 20.0
POPULARITY = 0.3


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is known of the pairs' texts.

    Attributes:
        anchor: Shape (n_pairs,): number of each pair's anchor.
        documents: Shape (n_pairs, 1 + n_negatives): works of the positive and the hard negatives.
        related: Shape (n_anchors, n_works), not zero where a work is no wrong answer.
        correction: Shape (n_works,): what is taken from a candidate's score.
    """

    anchor: NDArray[np.int64]
    documents: NDArray[np.int64]
    related: csr_array
    correction: NDArray[np.float32]

    def mask(self, own: NDArray[np.int64], all_rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which candidates are no wrong answers for some pairs' anchors.

        Args:
            own: Shape (b,): rows of the pairs.
            all_rows: Shape (a,): rows of the pairs whose texts are candidates.

        Returns:
            Shape (b, a x (1 + n_negatives)), all positives first; the right answer is among those
            that are marked.
        """
        works = self.documents[all_rows].T.ravel()
        anchors = self.anchor[own]
        known = self.related[anchors][:, works].toarray() != 0
        same = works[None] == self.documents[own, :1]
        mask: NDArray[np.bool_] = known | same | (works[None] == anchors[:, None])
        return mask

    def corrections(self, all_rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is taken from each candidate's score, in the order of `mask`."""
        taken: NDArray[np.float32] = self.correction[self.documents[all_rows].T.ravel()]
        return taken


def popularity_correction(
    positive: NDArray[np.int64], weights: NDArray[np.float64], n_works: int, strength: float
) -> NDArray[np.float32]:
    """A part of the logarithm of how often each work is drawn as a positive, shape (n_works,).

    Works that are never drawn get what the rarest gets.
    """
    drawn = np.bincount(positive, weights, minlength=n_works)
    rarest = drawn[drawn > 0].min(initial=1.0)
    chance = np.maximum(drawn, rarest) / drawn.sum()
    correction: NDArray[np.float32] = (strength * np.log(chance)).astype(np.float32)
    return correction


class RankingLoss(MultipleNegativesRankingLoss):
    """See the module; labels are the rows of the batch's pairs."""

    def __init__(
        self,
        model: SentenceTransformer,
        candidates: Candidates,
        *,
        scale: float = SCALE,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(model, scale=scale, gather_across_devices=gather_across_devices)
        self._candidates = candidates

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            embeddings: Of the anchors, the positives, and each column of hard negatives; each of
                shape (b, dims).
            labels: Shape (b,).
        """
        return ranking_loss(
            embeddings, labels, self._candidates, self.scale, gather=self.gather_across_devices
        )


class CachedRankingLoss(CachedMultipleNegativesRankingLoss):
    """`RankingLoss` for batches that do not fit in memory: GradCache, in smaller ones.

    Source: Gao et al. 2021 (https://arxiv.org/abs/2101.06983).
    """

    def __init__(
        self,
        model: SentenceTransformer,
        candidates: Candidates,
        *,
        scale: float = SCALE,
        mini_batch_size: int = 32,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(
            model,
            scale=scale,
            mini_batch_size=mini_batch_size,
            gather_across_devices=gather_across_devices,
        )
        self._candidates = candidates

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """See `CachedLossMixin.calculate_loss`."""
        assert labels is not None
        loss = ranking_loss(
            [torch.cat(column) for column in reps],
            labels,
            self._candidates,
            self.scale,
            gather=self.gather_across_devices,
        )
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            loss = loss.detach()
        return loss


def ranking_loss(
    embeddings: list[Tensor], labels: Tensor, candidates: Candidates, scale: float, *, gather: bool
) -> Tensor:
    """Cross entropy of the right answer among the batch's candidates.

    Args:
        embeddings: As for `RankingLoss.compute_loss_from_embeddings`.
        labels: Shape (b,).
        candidates: See there.
        scale: Of cosines.
        gather: Whether other devices' candidates count.
    """
    anchors, documents, all_labels, first = embeddings[0], embeddings[1:], labels, 0
    if gather:
        documents = [all_gather_with_grad(column) for column in documents]
        all_labels = all_gather(labels)
        first = get_rank() * len(labels)
    own, every = labels.cpu().numpy(), all_labels.cpu().numpy()
    device = anchors.device
    mask = torch.from_numpy(candidates.mask(own, every)).to(device)  # (b, n_candidates)
    taken = torch.from_numpy(candidates.corrections(every)).to(device)  # (n_candidates,)
    right = torch.arange(first, first + len(labels), device=device)
    mask[torch.arange(len(labels), device=device), right] = False
    with torch.autocast(device.type, enabled=False):  # three digits are too few for a softmax
        cosines = cos_sim(anchors.float(), torch.cat(documents).float())
        scores = (cosines * scale - taken).masked_fill(mask, -torch.inf)
        return cross_entropy(scores, right)
