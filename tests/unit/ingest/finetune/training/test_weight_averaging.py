"""Weights between those of two models."""

from __future__ import annotations

import torch

from ingest.finetune.training.weight_averaging import set_average, snapshot


def test_weights_between_two_models() -> None:
    model = torch.nn.Linear(3, 2)
    old = snapshot(model)
    torch.nn.init.ones_(model.weight)
    new = snapshot(model)
    set_average(model, old, new, 0.25)
    torch.testing.assert_close(model.weight.data, 0.75 * old["weight"] + 0.25)
    set_average(model, old, new, 0)
    torch.testing.assert_close(model.weight.data, old["weight"], rtol=0, atol=0)
