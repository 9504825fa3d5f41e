"""How often the texts of each language are drawn."""

from __future__ import annotations

import pytest

from ingest.finetune.training.language_sampling import chances


def test_rare_languages_are_drawn_more_than_their_share() -> None:
    languages = ["en"] * 900 + ["ja"] * 100
    for temperature, share in ((1, 0.1), (2, 0.25), (1e9, 0.5)):
        drawn = chances(languages, temperature)
        assert drawn.sum() == pytest.approx(1)
        assert drawn[900:].sum() == pytest.approx(share)
