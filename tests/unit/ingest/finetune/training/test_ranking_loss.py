"""What is a right answer within a batch, and what the loss makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device
from torch.nn.functional import cross_entropy

from devices import DEVICES
from ingest.finetune.data import training_set
from ingest.finetune.training.finetune import known_of
from ingest.finetune.training.frozen_layers import FrozenLayers, freeze, layers_of
from ingest.finetune.training.ranking_loss import CachedRankingLoss, Known, RankingLoss
from tiny_model import TEXTS


def test_all_that_goes_with_a_text_is_right_and_the_popular_are_forgiven(tiny_model: Path) -> None:
    # Pairs of works (0, 1), (0, 2) and (3, 1'), the last in another language than in the first.
    works, texts = np.array([[0, 1], [0, 2], [3, 1]]), np.array([[0, 1], [0, 2], [3, 4]])
    together = np.eye(4, dtype=np.float32)
    together[0, 1] = together[1, 0] = 3
    together[0, 2] = together[2, 0] = 1
    correction = np.array([0, -0.5, -1, -2], np.float32)
    known = Known(texts, works, csr_array(together), correction)
    ranking_loss = RankingLoss(SentenceTransformer(str(tiny_model), device="cpu"), known, scale=10)
    embeddings = torch.randn(2, 3, 8, generator=torch.manual_seed(0))
    found = ranking_loss.compute_loss_from_embeddings(list(embeddings), torch.arange(3))
    every = torch.nn.functional.normalize(embeddings.reshape(6, 8))  # 0, 0, 3, 1, 2, 1'
    scores = every @ every.T * 10 - torch.tensor([0, 0, -2, -0.5, -1, -0.5])
    scores.fill_diagonal_(-1e9)
    scores[0, 1] = scores[1, 0] = -1e9  # one text, twice
    zero = [0, 0, 0, 3 / 7, 1 / 7, 3 / 7]
    one, two = [3 / 7, 3 / 7, 0, 0, 0, 1 / 7], [1 / 2, 1 / 2, 0, 0, 0, 0]
    right = torch.tensor([zero, zero, one, two, [3 / 7, 3 / 7, 0, 1 / 7, 0, 0]])
    asking = [0, 1, 3, 4, 5]  # nothing goes with 3
    torch.testing.assert_close(found, cross_entropy(scores[asking], right))


def test_a_batch_in_which_nothing_goes_together_teaches_nothing(tiny_model: Path) -> None:
    works = np.array([[0, 0], [1, 1]])  # texts that are the same in two languages
    known = Known(works, works, csr_array(np.eye(2, dtype=np.float32)), np.zeros(2, np.float32))
    ranking_loss = RankingLoss(SentenceTransformer(str(tiny_model), device="cpu"), known)
    found = ranking_loss.compute_loss_from_embeddings(list(torch.ones(2, 2, 8)), torch.arange(2))
    assert found == 0


def test_in_mini_batches_the_gradient_is_the_same(pairs: Path, tiny_model: Path) -> None:
    known = known_of(training_set.read(pairs), 0.3)
    gradients = []
    for kind, options in ((RankingLoss, {}), (CachedRankingLoss, {"mini_batch_size": 3})):
        model = SentenceTransformer(str(tiny_model), device="cpu").eval()
        features = [model.preprocess(list(TEXTS[s])) for s in (slice(0, 8), slice(7, None, -1))]
        ranking_loss = kind(model, known, **options)(features, torch.arange(8))
        ranking_loss.backward()
        weights = model[0].auto_model.encoder.layer[0].output.dense.weight
        gradients.append(weights.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("kind", "options"), [(RankingLoss, {}), (CachedRankingLoss, {"mini_batch_size": 3})]
)
def test_a_step_is_the_cpus(
    pairs: Path, tiny_model: Path, device: str, kind: type[RankingLoss], options: dict[str, int]
) -> None:
    """Loss and gradients of one step in float32, to a thousandth; without dropout."""
    known = known_of(training_set.read(pairs), 0.3)
    steps = []
    for where in ("cpu", device):
        model = SentenceTransformer(str(tiny_model), device=where).eval()
        layers = layers_of(model, "tiny")
        with FrozenLayers(model, layers, freeze(model, layers, 1)):
            features = [
                batch_to_device(model.preprocess(list(TEXTS[s])), torch.device(where))
                for s in (slice(0, 8), slice(7, None, -1))
            ]
            ranking_loss = kind(model, known, **options)(features, torch.arange(8, device=where))
            ranking_loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        assert gradients
        steps.append({"loss": ranking_loss.detach(), **gradients})
    torch.testing.assert_close(*steps, rtol=1e-3, atol=1e-5, check_device=False)
