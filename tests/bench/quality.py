"""Recall over language borders from texts alone, on a catalogue of anime, through Elasticsearch.

    PYTHONPATH=tests python tests/bench/quality.py PATH/TO/anime [--users 300] [--seed 0]

Protocol: xlrec_es/EVALUATION.md, "Protocol". Each work exists in one language, drawn among those it
has; a user likes what they rated 7 or more, or watched without a rating. Compares the raw mean
vector with the default recommender, in both pools, on a node of its own. Encodes 5,000 titles first
(minutes on a CPU). Prints JSON.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from ingest.encode.sentence_transformer import load_encoder
from measured import measured
from xlrec_es import Connection, Options, SearchOptions, connect
from xlrec_es.evaluate.protocol import CROSS, MIXED, make_cases
from xlrec_es.index.creation import create_first_version
from xlrec_es.index.meta import IndexMeta
from xlrec_es.node import running
from xlrec_es.recommend.request.profile import MAX_INTERESTS
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "ko", "pl", "pt", "ru", "zh")
LIKED = 7


def draw_world(
    folder: Path, seed: int, among: Sequence[str] = LANGUAGES
) -> list[tuple[str, str, str]]:
    """Work, language and text of each work."""
    draw = random.Random(seed)
    world = []
    for line in (folder / "items.jsonl").open(encoding="utf-8"):
        item = json.loads(line)
        languages = sorted(set(item["titles"]) & set(among))
        if languages:
            language = draw.choice(languages)
            text = f"{item['titles'][language]} ({', '.join(item['genres'])})"
            world.append((str(item["id"]), language, text))
    return world


def read_likes(folder: Path, users: int, seed: int) -> list[tuple[str, str]]:
    """User and work, of some users."""
    with (folder / "interactions.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    everybody = sorted({row["user"] for row in rows})
    some = set(random.Random(seed).sample(everybody, min(users, len(everybody))))
    return [
        (row["user"], row["item"])
        for row in rows
        if row["user"] in some and (not row["rating"] or float(row["rating"]) >= LIKED)
    ]


def write(
    client: Elasticsearch, name: str, world: list[tuple[str, str, str]], vectors: np.ndarray
) -> None:
    """An index of these works."""
    fingerprint = Fingerprint("bench", "1", vectors.shape[1], "mean", "query: ", "title", "none")
    analyzers = dict.fromkeys(LANGUAGES, "standard")
    live = create_first_version(
        client, name, IndexMeta(fingerprint, LanguageCentering.none(), analyzers, title_field=None)
    )
    operations: list[dict[str, object]] = []
    for (work, language, text), vector in zip(world, vectors, strict=True):
        xlrec = {
            "id": work,
            "work": work,
            "language": language,
            "text": {language: text},
            "embedding": vector.tolist(),
        }
        operations += [{"index": {"_index": live.name, "_id": work}}, {"xlrec": xlrec}]
    for start in range(0, len(operations), 1000):
        assert not client.bulk(operations=operations[start : start + 1000])["errors"]
    client.indices.refresh(index=live.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--interests", type=int, nargs="*", default=[MAX_INTERESTS])
    arguments = parser.parse_args()
    world = draw_world(arguments.folder, arguments.seed)
    languages = [language for _, language, _ in world]
    raw = load_encoder().encode([text for _, _, text in world])
    centered = LanguageCentering.center(raw, languages).apply(raw, languages)
    likes = read_likes(arguments.folder, arguments.users, arguments.seed)
    cases = make_cases(likes, {work: [language] for work, language, _ in world}, min_history=5)
    # One case a user, from the language in which they like most.
    most = {case.user: case for case in sorted(cases, key=lambda case: len(case.history))}
    cases = [case for case in most.values() if len(case.targets) >= 5]
    share = Counter(languages)
    report: dict[str, object] = {
        "works": len(world),
        "cases": len(cases),
        "source languages' share of the pool": float(
            np.mean([share[case.source] / len(world) for case in cases])
        ),
    }
    search = SearchOptions(candidates=60, num_candidates=200)
    with running(heap="1g") as node, connect(Connection(node.url)) as client:
        write(client, "raw", world, raw)
        write(client, "centered", world, centered)
        usual = Options(mix="auto", search=search)
        systems = {
            "raw mean vector": ("raw", replace(usual, weights={"dense": 1}, max_interests=1)),
            **{
                f"default, {interests} interests": (
                    "centered",
                    replace(usual, weights={"dense": 0.3, "lexical": 0.1}, max_interests=interests),
                )
                for interests in arguments.interests
            },
        }
        for pool in (CROSS, MIXED):
            for name, (index, options) in systems.items():
                found = measured(
                    client, index, cases, options=options, pool=pool, languages=LANGUAGES
                )
                report[f"{pool}: {name}"] = dataclasses.asdict(found)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
