"""Ranking within the batch, where every text asks and many answers are right.

Plain multiple negatives ranking asks the anchors alone, has one right answer for each, and calls
all other pairs' positives wrong. Users like many works together with a work: here each text of a
batch, anchor or positive, is asked which others go with it, and all that do are right, in
proportion to how much they do. So a batch teaches more than its pairs, and what is known to be
right is never called wrong. Popular works are wrong answers more often than others, so that a model
learns to push them away: each candidate's score is reduced by a part of the logarithm of how often
it is drawn, and what the model itself gives it needs no such bias.

Sources: in-batch softmax, Henderson et al. 2017 (https://arxiv.org/abs/1705.00652); several
positives, Khosla et al. 2020, "Supervised Contrastive Learning" (https://arxiv.org/abs/2004.11362),
L_out, here weighted; correction, Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large
Corpus Item Recommendations" (https://doi.org/10.1145/3298689.3346996).
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
from sentence_transformers.util import all_gather, all_gather_with_grad, cos_sim
from torch import Tensor
from torch.nn.functional import log_softmax

SCALE = 20.0
POPULARITY = 0.3


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the pairs' texts: a column each for anchors, positives, hard negatives.

    Attributes:
        texts: Shape (n_pairs, n_columns): numbers; equal texts have one.
        works: Shape (n_pairs, n_columns): what each text is of.
        together: Shape (n_works, n_works): how much the one in the column goes with the one in the
            row; on the diagonal, how much two texts of one work do.
        correction: Shape (n_works,): what is taken from a candidate's score.
    """

    texts: NDArray[np.int64]
    works: NDArray[np.int64]
    together: csr_array
    correction: NDArray[np.float32]

    def answers(
        self, own: NDArray[np.int64], every: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """How right each candidate is for each text that asks, and which candidates are that text.

        Args:
            own: Shape (b,): rows of the pairs whose anchors and positives ask.
            every: Shape (a,): rows of the pairs whose texts are candidates.

        Returns:
            Both of shape (2 x b, a x n_columns), a column of the pairs after the other. The first
            adds up to 1 in each row, or to 0 where nothing is right.
        """
        asking, candidates = self.works[own, :2].T.ravel(), self.works[every].T.ravel()
        itself = self.texts[own, :2].T.ravel()[:, None] == self.texts[every].T.ravel()[None]
        right = self.together[asking][:, candidates].toarray().astype(np.float32)
        right[itself] = 0
        totals = right.sum(axis=1, keepdims=True)
        return right / np.where(totals > 0, totals, 1), itself

    def corrections(self, every: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is taken from each candidate's score, in the order of `answers`."""
        taken: NDArray[np.float32] = self.correction[self.works[every].T.ravel()]
        return taken


def popularity_correction(
    drawn: NDArray[np.int64], weights: NDArray[np.float64], n_works: int, strength: float
) -> NDArray[np.float32]:
    """A part of the logarithm of how often each work is drawn, shape (n_works,).

    Args:
        drawn: Works, any number of times each.
        weights: Of the same shape: how often.
        n_works: Those that are never drawn get what the rarest gets.
        strength: The part.
    """
    often = np.bincount(drawn, weights, minlength=n_works)
    rarest = often[often > 0].min(initial=1.0)
    chance = np.maximum(often, rarest) / often.sum()
    correction: NDArray[np.float32] = (strength * np.log(chance)).astype(np.float32)
    return correction


class RankingLoss(MultipleNegativesRankingLoss):
    """See the module; labels are the rows of the batch's pairs."""

    def __init__(
        self,
        model: SentenceTransformer,
        known: Known,
        *,
        scale: float = SCALE,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(model, scale=scale, gather_across_devices=gather_across_devices)
        self._known = known

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            embeddings: Of the anchors, the positives, and each column of hard negatives; each of
                shape (b, dims).
            labels: Shape (b,).
        """
        return ranking_loss(
            embeddings, labels, self._known, self.scale, gather=self.gather_across_devices
        )


class CachedRankingLoss(CachedMultipleNegativesRankingLoss):
    """`RankingLoss` for batches that do not fit in memory: GradCache, in smaller ones.

    Source: Gao et al. 2021 (https://arxiv.org/abs/2101.06983).
    """

    def __init__(
        self,
        model: SentenceTransformer,
        known: Known,
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
        self._known = known

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """See `CachedLossMixin.calculate_loss`."""
        assert labels is not None
        loss = ranking_loss(
            [torch.cat(column) for column in reps],
            labels,
            self._known,
            self.scale,
            gather=self.gather_across_devices,
        )
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            loss = loss.detach()
        return loss


def ranking_loss(
    columns: list[Tensor], labels: Tensor, known: Known, scale: float, *, gather: bool
) -> Tensor:
    """Cross entropy between what goes with each text and what the model finds near it.

    Args:
        columns: As for `RankingLoss.compute_loss_from_embeddings`.
        labels: Shape (b,).
        known: See there.
        scale: Of cosines.
        gather: Whether other devices' texts are candidates, too.
    """
    asking, all_labels = torch.cat(columns[:2]), labels  # (2 x b, dims)
    if gather:
        columns = [all_gather_with_grad(column) for column in columns]
        all_labels = all_gather(labels)
    every = all_labels.cpu().numpy()
    right, itself = (
        torch.from_numpy(part).to(asking.device)
        for part in known.answers(labels.cpu().numpy(), every)
    )  # (2 x b, n_candidates)
    taken = torch.from_numpy(known.corrections(every)).to(asking.device)  # (n_candidates,)
    with torch.autocast(asking.device.type, enabled=False):  # three digits are too few here
        cosines = cos_sim(asking.float(), torch.cat(columns).float())
        scores = (cosines * scale - taken).masked_fill(itself, torch.finfo(torch.float32).min)
        losses = -(right * log_softmax(scores, dim=1)).sum(dim=1)  # (2 x b,), 0: nothing is right
        return losses.sum() / right.any(dim=1).sum().clamp(min=1)
