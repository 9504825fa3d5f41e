"""Between a model and what was made of it: weights are averaged, parameter by parameter.

What a model has learned again stays in good part, and what it would have forgotten comes back.

Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT,
https://arxiv.org/abs/2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Parts of the new weights that are tried; 0 would be the old model."""


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """The parameters as they are, by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def set_average(
    model: nn.Module, old: Mapping[str, Tensor], new: Mapping[str, Tensor], alpha: float
) -> None:
    """Give the model (1 - alpha) x old + alpha x new.

    Args:
        model: Has parameters of these names.
        old: See `snapshot`.
        new: See `snapshot`.
        alpha: 0..1.
    """
    with torch.no_grad():
        mixed = {
            name: torch.lerp(value, new[name], alpha) if value.is_floating_point() else new[name]
            for name, value in old.items()
        }
    model.load_state_dict(mixed)
