"""Which pairs come into a batch together."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ingest.finetune.training.batch_sampler import Drawn


def test_batches_have_wrong_answers_in_the_language_of_each_right_one() -> None:
    rng = np.random.default_rng(0)
    languages = rng.choice(["de", "en", "fr", "ja", "zh", "ru", "pl", "ko"], 4000)
    lengths = rng.integers(5, 60, 4000)
    weights = rng.random(4000)
    sampler = Drawn(weights, languages.tolist(), lengths).batches(None, batch_size=64, seed=3)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 4000 // 64
    assert {len(batch) for batch in batches} == {64}
    alone = sum(
        Counter(languages[batch].tolist())[language] < 4
        for batch in batches
        for language in languages[batch]
    )
    assert alone < 0.02 * 4000
    # Padding to the longest wastes less than among pairs that are drawn at random.
    used = [lengths[batch].mean() / lengths[batch].max() for batch in batches]
    assert np.mean(used) > 0.6 > 33 / 59
    assert list(sampler) == batches
    sampler.set_epoch(1)
    assert list(sampler) != batches
    drawn = np.bincount(np.concatenate(batches), minlength=4000)
    assert drawn[weights > 0.5].mean() > 2 * drawn[weights < 0.5].mean()
