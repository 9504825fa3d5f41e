"""Likes of the catalogue of `tests/catalogue.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalogue import TOPICS, WORKS_PER_TOPIC
from indicator_learning import COLD


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    """Who likes a topic likes most of it; nobody has met one work."""
    rng = np.random.default_rng(0)
    lines = ["user\titem"]
    for user in range(200):
        topic = TOPICS[user % len(TOPICS)]
        works = [f"{topic}-{n}" for n in range(WORKS_PER_TOPIC) if rng.random() < 0.6]
        lines += [f"p{user}\t{work}" for work in works if work != COLD]
    path = tmp_path / "likes.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path
