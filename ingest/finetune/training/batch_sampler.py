"""Batches whose in-batch negatives teach taste, not language, and that waste little on padding.

A multilingual encoder tells languages apart before anything else. If the positive were the only
candidate of its language in the batch, its language would give the answer away, and the model would
learn nothing but languages. So a batch is made of a few blocks, all positives of a block in one
language: each has plenty of wrong answers in its own. Texts of a block are of similar length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sentence_transformers.base.sampler import DefaultBatchSampler

BLOCKS = 4
"""Of a batch: positives in at most so many languages, and one for the seams between languages."""

_SHUFFLED = 32  # batches that are drawn, sorted and put together at a time


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pairs that batches are drawn from.

    Attributes:
        weights: Shape (n_pairs,): how often each is drawn, relative to the others.
        languages: The positives' languages.
        lengths: Shape (n_pairs,): of each pair's longest text.
    """

    weights: NDArray[np.float64]
    languages: Sequence[str]
    lengths: NDArray[np.int64]

    def batches(
        self,
        dataset: object,
        *,
        batch_size: int,
        seed: int,
        **_: object,
    ) -> LanguageBatches:
        """What the trainer calls to have a batch sampler.

        Args:
            dataset: Has a row for each pair.
            batch_size: Pairs in a batch.
            seed: Of the draw.
            _: What the trainer gives other samplers.
        """
        return LanguageBatches(self, batch_size, seed)


class LanguageBatches(DefaultBatchSampler):
    """Draws pairs by their weights and puts them together as the module says.

    The batches of an epoch depend on the seed and the epoch alone, so that a run that was stopped
    goes on with the ones that would have come.
    """

    def __init__(self, drawn: Drawn, batch_size: int, seed: int) -> None:
        """See the class.

        Args:
            drawn: What is drawn from.
            batch_size: Pairs in a batch; all batches are full.
            seed: Of the draw.
        """
        super().__init__(range(len(drawn.weights)), batch_size, drop_last=True, seed=seed)
        self._chances = drawn.weights / drawn.weights.sum()
        _, self._languages = np.unique(np.asarray(drawn.languages), return_inverse=True)
        self._lengths = drawn.lengths

    def __len__(self) -> int:
        return max(1, len(self._chances) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        for start in range(0, len(self), _SHUFFLED):
            count = min(_SHUFFLED, len(self) - start)
            yield from self._some(rng, count)

    def _some(self, rng: np.random.Generator, count: int) -> list[list[int]]:
        rows = rng.choice(len(self._chances), count * self.batch_size, p=self._chances)
        order = np.lexsort((self._lengths[rows], self._languages[rows]))
        sizes = _block_sizes(self.batch_size)
        # All blocks of a place in the batch are as large; shares of the sorted rows go round.
        edges = np.cumsum(np.tile(sizes, count))[:-1]
        blocks = np.split(rows[order], edges)
        means = np.array([self._lengths[block].mean() for block in blocks])
        by_size = [np.arange(place, len(blocks), len(sizes)) for place in range(len(sizes))]
        # Blocks of like length go together.
        ranked = [places[np.argsort(means[places], kind="stable")] for places in by_size]
        batches = [
            [int(row) for places in ranked for row in blocks[places[number]]]
            for number in range(count)
        ]
        return [batches[number] for number in rng.permutation(count)]


def _block_sizes(batch_size: int) -> list[int]:
    blocks = min(BLOCKS, batch_size)
    return [batch_size // blocks + (place < batch_size % blocks) for place in range(blocks)]
