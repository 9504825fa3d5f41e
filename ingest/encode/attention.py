"""Which implementation of attention a model runs, and whether it makes the same vectors.

Flash attention reads and writes less memory, which long texts and large models gain from. A library
that calls it wrongly makes other vectors without a word, so they are compared first with those of
PyTorch's own attention (`sdpa`).

Source: Dao 2023, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning"
(https://arxiv.org/abs/2307.08691).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer

from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.probe import TEXTS
from xlrec_es.vectors.vector import Vector

AUTO, SDPA, FLASH = "auto", "sdpa", "flash"
_NAMES = {FLASH: "flash_attention_2"}  # of `transformers`, where they are others
_ALIKE = 0.99  # cosine; two implementations in 16 bits agree to 0.999


def attention_settings(wanted: str, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What `transformers` is told when it loads a model.

    Args:
        wanted: One of `ingest.encode.options.ATTENTIONS`.
        device: Where the model will run.
        dtype: What it will compute in.

    Raises:
        ConfigError: Flash attention does not run there, or not in that.
    """
    if wanted == AUTO:
        return {}
    if wanted == FLASH and (not device.startswith("cuda") or dtype is torch.float32):
        raise ConfigError(
            "--attention flash needs an NVIDIA GPU and 16 bits; use --attention sdpa, or --device "
            "cuda and --dtype bfloat16"
        )
    return {"attn_implementation": _NAMES.get(wanted, wanted)}


def check_attention(
    model: SentenceTransformer,
    name: str,
    wanted: str,
    encode: Callable[[Sequence[str]], Vector],
) -> None:
    """See that vectors are those that `sdpa` makes.

    Args:
        model: Loaded with the settings of `attention_settings`.
        name: Of the model, for people.
        wanted: As for `attention_settings`.
        encode: Encodes texts by the model; unit rows.

    Raises:
        EncoderError: They are not.
    """
    first: Any = model[0]
    if wanted in (AUTO, SDPA) or not isinstance(first, Transformer):
        return
    # Padded batches: `SentenceTransformerEncoder` cuts them by tokens itself.
    first.unpad_inputs = False
    mine = encode(TEXTS)
    first.model.set_attn_implementation(SDPA)
    theirs = encode(TEXTS)
    first.model.set_attn_implementation(_NAMES.get(wanted, wanted))
    cosine = float(np.sum(mine * theirs, axis=1).min())
    if not cosine >= _ALIKE:
        raise EncoderError(
            f"{name} makes other vectors with --attention {wanted} than with sdpa (cosine "
            f"{cosine:.3f}); use --attention sdpa"
        )
