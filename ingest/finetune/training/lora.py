"""Low-rank adapters in place of whole layers, merged into the weights at the end.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"
(https://arxiv.org/abs/2106.09685).
"""

from __future__ import annotations

from typing import Any

from sentence_transformers import SentenceTransformer
from torch import nn

from xlrec_es.errors import MissingExtra

try:
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer
except ImportError as error:
    raise MissingExtra.named("finetune", "Fine-tuning with --lora") from error


def add_lora(model: SentenceTransformer, layers: nn.ModuleList, *, frozen: int, rank: int) -> None:
    """Train adapters of the layers that are not frozen, instead of the layers.

    Args:
        model: The model.
        layers: See `ingest.finetune.training.frozen_layers.layers_of`.
        frozen: How many layers are frozen, from the first on.
        rank: Of the adapters; their scale is twice that, as is usual.
    """
    backbone: Any = model[0].auto_model
    trained = {id(part) for layer in list(layers)[frozen:] for part in layer.modules()}
    names = [
        name
        for name, part in backbone.named_modules()
        if isinstance(part, nn.Linear) and id(part) in trained
    ]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names)
    inject_adapter_in_model(config, backbone)  # what is no adapter is frozen by it


def merge_lora(model: SentenceTransformer) -> None:
    """Add the adapters to the weights and take them away, so that the model is an ordinary one."""
    backbone: Any = model[0].auto_model
    for name, part in list(backbone.named_modules()):
        if isinstance(part, BaseTunerLayer):
            part.merge()
            backbone.set_submodule(name, part.get_base_layer())
