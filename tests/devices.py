"""Devices for tests that compare an accelerator with the CPU.

The CPU is compared with itself, too, so that a machine without an accelerator runs the same test.
"""

from __future__ import annotations

import pytest
import torch

NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

DEVICES = ("cpu", pytest.param("cuda", marks=(pytest.mark.gpu, NEEDS_GPU)))
