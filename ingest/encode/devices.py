"""Where a model runs, and in which data type."""

from __future__ import annotations

import re

from xlrec_es.errors import EncoderError, MissingExtra

try:
    import torch
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_devices(wanted: str) -> tuple[str, ...]:
    """The devices to run on, each as PyTorch names it.

    Args:
        wanted: See `ingest.encode.options.check_device`.

    Raises:
        EncoderError: One was asked for by name and is not there.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = tuple(f"cuda:{number}" for number in range(n_gpus))
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    if wanted == "auto":
        return gpus or mps or ("cpu",)
    devices = gpus or ("cuda",) if wanted == "cuda" else tuple(wanted.split(","))
    there = (*gpus, *mps, "cpu")
    for device in devices:
        if device not in there:
            raise EncoderError(
                f"PyTorch finds no {device} device here; --device can be auto or {', '.join(there)}"
            )
    return devices


def choose_dtype(wanted: str, device: str) -> torch.dtype:
    """What to compute in.

    bfloat16 keeps float32's range, so that no model overflows in it. On a CPU it is chosen with
    AMX alone, where it was 3 times as fast as float32 (measured). AVX512-BF16 does not tell: on one
    processor with it, bfloat16 was 1.8 times as fast, on another 1.5 times as slow. Without either
    it is emulated and slower. Vectors agree to a cosine of 0.9999.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    if device.startswith("cuda"):
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device == "cpu":
        fast = bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def lacks_memory(error: Exception) -> bool:
    """Whether a pass failed for want of memory: a smaller one may succeed."""
    said = re.search("out of memory|can't allocate memory", str(error).partition("\n")[0])
    return said is not None or isinstance(error, torch.OutOfMemoryError)
