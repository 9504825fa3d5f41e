from __future__ import annotations

import pytest
import torch

from ingest.encode.devices import choose_devices, choose_dtype, lacks_memory
from ingest.encode.options import check_device
from xlrec_es.errors import EncoderError


def machine_with(monkeypatch: pytest.MonkeyPatch, *, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("gpus", "wanted", "expected"),
    [
        (0, "auto", ["cpu"]),
        (0, "cpu,cpu", ["cpu", "cpu"]),
        (1, "auto", ["cuda:0"]),
        (3, "auto", ["cuda:0", "cuda:1", "cuda:2"]),
        (3, "cuda", ["cuda:0", "cuda:1", "cuda:2"]),
        (3, "cuda:2,cuda:0", ["cuda:2", "cuda:0"]),
        (3, "cuda:1,cpu", ["cuda:1", "cpu"]),
        (3, "cpu", ["cpu"]),
    ],
)
def test_every_visible_gpu_is_used(
    monkeypatch: pytest.MonkeyPatch, gpus: int, wanted: str, expected: list[str]
) -> None:
    machine_with(monkeypatch, gpus=gpus)
    assert list(choose_devices(check_device(wanted))) == expected


@pytest.mark.parametrize(("gpus", "wanted"), [(0, "cuda"), (0, "mps"), (2, "cuda:1,cuda:2")])
def test_a_device_asked_for_must_be_there(
    monkeypatch: pytest.MonkeyPatch, gpus: int, wanted: str
) -> None:
    machine_with(monkeypatch, gpus=gpus)
    with pytest.raises(EncoderError, match=f"finds no {wanted.split(',')[-1]} device here"):
        choose_devices(check_device(wanted))


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_f": True, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.float32),
        ({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_bfloat16_where_the_cpu_is_faster_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto", "cpu") == expected
    assert choose_dtype("float16", "cpu") == torch.float16


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("whatever"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes differ\nout of memory"), False),
    ],
)
def test_a_lack_of_memory_is_known(error: RuntimeError, *, expected: bool) -> None:
    assert lacks_memory(error) is expected
