"""A catalog of four topics in two languages as files, and users who like items of one of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ingest.finetune.data.catalog_likes import CatalogJob

TOPICS = ("chess", "tea", "stars", "trains")
EACH = 12  # items of a topic


def write_catalog(folder: Path, users: int = 120) -> CatalogJob:
    """Items of four topics, each in English or German; each user likes items of one topic."""
    rng = np.random.default_rng(0)
    items = [
        {"id": f"{topic}-{n}", "title": f"{topic} {topic} {n}", "language": ("en", "de")[n % 2]}
        for topic in TOPICS
        for n in range(EACH)
    ]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    lines = ["user\titem"]
    for user in range(users):
        topic = TOPICS[user % len(TOPICS)]
        lines += [f"u{user}\t{topic}-{n}" for n in range(EACH) if rng.random() < 0.7]
    (folder / "likes.tsv").write_text("\n".join(lines) + "\n")
    return CatalogJob(str(folder / "items.jsonl"), folder / "likes.tsv")
