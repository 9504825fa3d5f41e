"""`xlrec-ingest learn`, as far as it comes without a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from ingest.cli.learn import learn
from ingest.cli.main import main
from ingest.indicators.cold_start import BASKET_TRANSFER, Transfer
from ingest.indicators.learners import Association
from ingest.indicators.run import IndicatorJob
from xlrec_es.errors import UsageError
from xlrec_es.index.fields import BOUGHT_TOGETHER


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


def test_baskets_have_defaults_of_their_own_which_options_replace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs: list[IndicatorJob] = []

    def kept(_client: object, job: IndicatorJob) -> None:
        jobs.append(job)
        raise UsageError("enough")

    monkeypatch.setattr("ingest.indicators.run.run", kept)
    command = ["learn", "orders.tsv", "--index", "shop", "--relation", "bought-together"]
    given = ["--shrinkage", "0.3", "--learner", "cosine", "--max-items", "7", "--event", "cart=2"]
    for more in ([], ["--basket-field", "order", *given, "--basket-gap", "24"]):
        CliRunner().invoke(main, [*command, *more])
    plain, other = jobs
    assert (plain.learner, plain.transfer) == (Association(), BASKET_TRANSFER)
    assert plain.rules.events["purchase"] > 0
    assert {w for event, w in plain.rules.events.items() if event != "purchase"} == {0}
    assert (plain.rules.basket_gap_h, plain.rules.max_works, plain.popularity) == (1, 100, False)
    assert plain.relation == other.relation == BOUGHT_TOGETHER
    assert other.learner.name == "cosine"
    assert other.transfer == replace(BASKET_TRANSFER, kappa=0.3)
    assert (other.rules.events, other.rules.max_works) == ({"cart": 2.0}, 7)
    assert (other.rules.basket_gap_h, other.fields) == (24, {"basket": "order"})
