"""Layers that are not trained: found, frozen, and run once for each text instead of at every step.

The frozen layers make the same of a text each time (their dropout is off), so their output is kept,
as far as memory is given for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn

from xlrec_es.errors import EncoderError

MEMORY_BYTES = 2 << 30
"""For what is kept; a text of 25 tokens takes 19 kB at 384 dimensions in bfloat16."""


def layers_of(model: SentenceTransformer, name: str) -> nn.ModuleList:
    """The transformer's layers.

    Args:
        model: The model.
        name: Of the model, for people.

    Raises:
        EncoderError: It is no transformer whose tokens are pooled, or its layers are not found.
    """
    kinds = ", ".join(type(module).__name__ for module in model)
    if not isinstance(model[0], Transformer) or not any(isinstance(m, Pooling) for m in model):
        raise EncoderError(
            f"{name} cannot be fine-tuned: it takes a transformer and a pooling of its tokens, and "
            f"the model is made of {kinds}"
        )
    backbone: Any = model[0].auto_model
    expected = backbone.config.num_hidden_layers
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == expected:
            return module
    raise EncoderError(f"{name}: the {expected} layers of {type(backbone).__name__} are not found")


def freeze(model: SentenceTransformer, layers: nn.ModuleList, last: int | None) -> int:
    """Let only the last layers, and what comes after the transformer, be trained.

    Args:
        model: The model.
        layers: See `layers_of`.
        last: How many layers; None for the whole model.

    Returns:
        How many layers are frozen, from the first on.
    """
    backbone: Any = model[0].auto_model
    backbone.requires_grad_(last is None)
    if hasattr(backbone, "pooler") and backbone.pooler is not None:
        backbone.pooler.requires_grad_(False)  # sentence-transformers has its own
    if last is None:
        return 0
    frozen = max(0, len(layers) - last)
    for layer in list(layers)[frozen:]:
        layer.requires_grad_(True)
    return frozen


class _Reached(Exception):
    """The last frozen layer's output is there; the rest need not run."""

    def __init__(self, states: Tensor) -> None:
        self.states = states


class FrozenLayers:
    """Keeps what frozen layers make of each text; a context, in which the model is faster."""

    def __init__(
        self,
        model: SentenceTransformer,
        layers: nn.ModuleList,
        frozen: int,
        *,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._backbone: Any = model[0].auto_model
        self._frozen: list[Any] = list(layers)[:frozen]
        self._left = memory_bytes
        self._kept: dict[bytes, Tensor] = {}
        self._states: Tensor | None = None
        self._capturing = False
        self._forwards: list[Callable[..., Any]] = []

    def __enter__(self) -> FrozenLayers:
        if self._frozen:
            self._forwards = [layer.forward for layer in self._frozen]
            for number, layer in enumerate(self._frozen):
                layer.forward = self._replaced(number, layer.forward)
            self._forwards.append(self._backbone.forward)
            self._backbone.forward = self._forward
        return self

    def __exit__(self, *_: object) -> None:
        for layer in [*self._frozen, self._backbone] if self._forwards else []:
            del layer.forward  # the class's own shows again
        self._forwards.clear()
        self._kept.clear()

    def _replaced(self, number: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        is_last = number == len(self._frozen) - 1

        def wrapper(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if self._states is not None:
                return self._states if is_last else hidden_states
            made = forward(hidden_states, *args, **kwargs)
            if self._capturing and is_last:
                raise _Reached(made)
            return made

        return wrapper

    def _forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The whole model, from what is kept if that is possible."""
        forward = self._forwards[-1]
        ids, mask = kwargs.get("input_ids"), kwargs.get("attention_mask")
        if args or ids is None or mask is None:
            return forward(*args, **kwargs)
        self._states = self._states_of(ids, mask, kwargs)
        try:
            return forward(**kwargs)
        finally:
            self._states = None

    def _states_of(self, ids: Tensor, mask: Tensor, kwargs: dict[str, Any]) -> Tensor | None:
        """Shape (n_texts, n_tokens, hidden), zeros where there is no token; None: no room."""
        # All at once, on the CPU: each question to a GPU waits until it has done all before it.
        there = mask.bool().cpu().numpy()  # (n_texts, n_tokens)
        lengths = there.sum(axis=1).tolist()
        if (there != (np.arange(there.shape[1]) < np.array(lengths)[:, None])).any():
            return None  # padded on the left
        rows = [row[:n].tobytes() for row, n in zip(ids.cpu().numpy(), lengths, strict=True)]
        missing = [number for number, row in enumerate(rows) if row not in self._kept]
        if missing and not self._keep(missing, rows, lengths, kwargs):
            return None
        some = self._kept[rows[0]]
        states = some.new_zeros(len(rows), ids.shape[1], some.shape[1])
        for number, row in enumerate(rows):
            states[number, : lengths[number]] = self._kept[row]
        return states.to(ids.device)

    def _keep(
        self, missing: list[int], rows: list[bytes], lengths: list[int], kwargs: dict[str, Any]
    ) -> bool:
        if self._left <= 0:
            return False
        longest = max(lengths[number] for number in missing)
        some = {
            name: value[missing, :longest]
            if isinstance(value, Tensor) and value.ndim == 2
            else value
            for name, value in kwargs.items()
        }
        was_training = self._backbone.training
        self._backbone.eval()
        self._capturing = True
        try:
            with torch.no_grad():
                self._forwards[-1](**some)
        except _Reached as reached:
            made = reached.states
        finally:
            self._capturing = False
            self._backbone.train(was_training)
        if not isinstance(made, Tensor):  # an architecture whose layers return more
            self._left = 0
            return False
        if torch.is_autocast_enabled(made.device.type):
            made = made.to(torch.get_autocast_dtype(made.device.type))
        made = made.cpu()
        with torch.inference_mode(False):  # what is made while measuring is good for training, too
            for place, number in enumerate(missing):
                own = made[place, : lengths[number]].clone()
                self._kept[rows[number]] = own
                self._left -= own.nbytes
        return True
