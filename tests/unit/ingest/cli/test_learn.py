"""`xlrec-ingest learn`, as far as it comes without a cluster."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner

from ingest.cli.learn import learn
from ingest.cli.main import main
from ingest.indicators.cold_start import Transfer


def test_the_defaults_of_the_transfer_are_the_measured_ones() -> None:
    shown = {o.name: o.default for o in learn.params}
    for name in ("neighbours", "kappa", "full_cosine", "self_weight"):
        assert shown[name] == getattr(Transfer(), name)


def test_a_gpu_that_is_not_there_is_missed_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    command = ["learn", "no such file", "--index", "shop", "--solver-device", "cuda"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "PyTorch finds no cuda device here" in done.stderr
