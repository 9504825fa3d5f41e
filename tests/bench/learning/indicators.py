"""Recall over language borders from interactions, served by Elasticsearch, against other models.

    python tests/bench/learning/indicators.py PATH/TO/anime [--seeds 3] [--cases 500] [--cold]
        [--url URL]
    python tests/bench/learning/indicators.py PATH/TO/apps --apps [--seeds 3] [--url URL]

Each work exists in one of four languages, drawn among those it has. A user likes what they rated
7 or more, or watched without a rating. A fifth of all likes is held out; all others are learned
from. A case is a user and a source language: the history is what they like in it (5 works or
more), the targets are their held-out likes in other languages, and what else they like is left out
of the lists. Other models learn from the same likes and rank in numpy. `--cold` encodes the titles
(some minutes), for works to inherit, and looks at a second world, too, in which a fifth of the
works has no likes. Prints JSON.

`--apps`: each application exists in one of its languages, a fifth of the pairs (collection,
application) is held out, and a case is a collection whose other applications are the history; all
languages are in one list. Cold is what is in no pair that is learned from.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import implicit
import numpy as np
from elasticsearch import Elasticsearch
from scipy.sparse import csr_array, csr_matrix

from ingest.encode.sentence_transformer import load_encoder
from ingest.indicators.catalogue import read_catalogue
from ingest.indicators.cold_start import Transfer
from ingest.indicators.interaction_matrix import LikeRules, collect
from ingest.indicators.interaction_reader import read
from ingest.indicators.learners import LEARNERS, Cosine
from ingest.indicators.run import IndicatorJob, learn, run
from xlrec_es import Connection, connect
from xlrec_es.evaluate.metrics import ndcg_at_k, recall_at_k
from xlrec_es.index.creation import create_first_version
from xlrec_es.index.live_index import find_live
from xlrec_es.index.meta import IndexMeta
from xlrec_es.node import running
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

LANGUAGES = ("de", "en", "ja", "zh")
LIKED, HELD_OUT, COLD, MIN_HISTORY, K = 7, 0.2, 0.2, 5, 50
INDEX = "xlrec-bench-indicators"
T = TypeVar("T")
Scores = Callable[[np.ndarray], np.ndarray]  # works of a history -> score of every work


@dataclass(frozen=True)
class Case:
    source: str
    history: tuple[str, ...]
    known: frozenset[str]
    targets: frozenset[str]


@dataclass(frozen=True)
class World:
    languages: dict[str, str]
    texts: dict[str, str]
    likes: list[tuple[str, str]]
    cases: list[Case]
    cold: frozenset[str]


def draw_world(folder: Path, seed: int, n_cases: int, *, cold: bool) -> World:
    draw = random.Random(seed)
    languages, texts = {}, {}
    for line in (folder / "items.jsonl").open(encoding="utf-8"):
        item = json.loads(line)
        if known := sorted(set(item["titles"]) & set(LANGUAGES)):
            work, language = str(item["id"]), draw.choice(known)
            languages[work] = language
            texts[work] = f"{item['titles'][language]} ({', '.join(item['genres'])})"
    learned, held = defaultdict(set), defaultdict(set)
    for row in csv.DictReader((folder / "interactions.tsv").open(), delimiter="\t"):
        if row["item"] in languages and (not row["rating"] or float(row["rating"]) >= LIKED):
            (held if draw.random() < HELD_OUT else learned)[row["user"]].add(row["item"])
    stripped = frozenset(w for w in languages if cold and draw.random() < COLD)
    cases = []
    for user, works in sorted(learned.items()):
        for source in LANGUAGES:
            history = tuple(sorted(w for w in works if languages[w] == source))
            targets = frozenset(w for w in held[user] if languages[w] != source)
            if len(history) >= MIN_HISTORY and targets:
                cases.append(Case(source, history, frozenset(works), targets))
    likes = [(u, w) for u, works in sorted(learned.items()) for w in sorted(works - stripped)]
    return World(languages, texts, likes, draw.sample(cases, min(n_cases, len(cases))), stripped)


def draw_apps(folder: Path, seed: int) -> World:
    draw = random.Random(seed)
    languages, texts = {}, {}
    for line in (folder / "items.jsonl").open(encoding="utf-8"):
        item = json.loads(line)
        languages[item["id"]] = language = draw.choice(sorted(item["texts"]))
        text = item["texts"][language]
        texts[item["id"]] = f"{text['title']}. {text.get('summary') or ''}"
    learned, held = defaultdict(set), defaultdict(set)
    for row in csv.DictReader((folder / "interactions.tsv").open(), delimiter="\t"):
        (held if draw.random() < HELD_OUT else learned)[row["user"]].add(row["item"])
    cases = [
        Case("", tuple(sorted(works)), frozenset(works), frozenset(held[user]))
        for user, works in sorted(learned.items())
        if held[user]
    ]
    likes = [(u, w) for u, works in sorted(learned.items()) for w in sorted(works)]
    cold = frozenset(languages) - {work for _, work in likes}
    return World(languages, texts, likes, cases, cold)


def encode(texts: list[str], known: dict[str, np.ndarray]) -> np.ndarray:
    if new := [text for text in texts if text not in known]:
        known |= zip(new, load_encoder().encode(new), strict=True)
    return np.stack([known[text] for text in texts])


def write_index(client: Elasticsearch, world: World, known: dict[str, np.ndarray] | None) -> None:
    works = list(world.languages)
    tags = [world.languages[work] for work in works]
    vectors = np.zeros((len(works), 384), np.float32)
    if known is not None:
        raw = encode([world.texts[work] for work in works], known)
        vectors = LanguageCentering.center(raw, tags).apply(raw, tags)
    meta = IndexMeta(
        Fingerprint("bench", "1", 384, "mean", "", "title", "centre"),
        LanguageCentering.none(),
        dict.fromkeys(sorted(set(tags)), "standard"),
    )
    for index in client.indices.get(index=f"{INDEX}*"):
        client.indices.delete(index=index)
    live = create_first_version(client, INDEX, meta, {"number_of_shards": 1})
    operations: list[dict[str, object]] = []
    for work, language, vector in zip(works, tags, vectors, strict=True):
        own: dict[str, object] = {"id": work, "work": work, "language": language}
        if known is not None:
            own["embedding"] = [round(x, 6) for x in vector.tolist()]
        operations += [{"index": {"_id": work}}, {"xlrec": own}]
    for start in range(0, len(operations), 2000):
        answer = client.bulk(index=live.name, operations=operations[start : start + 2000])
        assert not answer["errors"], answer
    client.indices.refresh(index=live.name)


def served(client: Elasticsearch, case: Case) -> list[str]:
    history = dict.fromkeys(case.history, 1 / len(case.history))
    unseen = {
        "must_not": [
            {"terms": {"xlrec.work": sorted(case.known)}},
            {"term": {"xlrec.language": case.source}},
        ]
    }
    query = {"sparse_vector": {"field": "xlrec.indicators", "query_vector": history}}
    body = {"query": {"bool": {"must": [query], **unseen}}, "size": K, "_source": False}
    return [hit["_id"] for hit in client.search(index=INDEX, body=body)["hits"]["hits"]]


def ranked(scores: Scores, case: Case, works: dict[str, int], world: World) -> list[str]:
    row = scores(np.array([works[work] for work in case.history])).astype(float)
    names = list(works)
    found: list[str] = []
    for place in np.argsort(-row, kind="stable"):
        name = names[place]
        if len(found) == K or row[place] <= 0:
            break
        if name not in case.known and world.languages[name] != case.source:
            found.append(name)
    return found


def measures(lists: list[list[str]], world: World) -> dict[str, float]:
    pairs = list(zip(lists, world.cases, strict=True))
    recalls = [recall_at_k(found, case.targets, K) for found, case in pairs]
    rng = np.random.default_rng(0)
    means = [np.mean(rng.choice(recalls, len(recalls))) for _ in range(1000)]
    low, high = np.quantile(means, [0.025, 0.975])
    result = {
        "recall@50": float(np.mean(recalls)),
        "low": float(low),
        "high": float(high),
        "ndcg@10": float(np.mean([ndcg_at_k(found, case.targets, 10) for found, case in pairs])),
    }
    if world.cold:
        cold = [(f, case.targets & world.cold) for f, case in pairs if case.targets & world.cold]
        result["cold recall@50"] = float(np.mean([recall_at_k(f, t, K) for f, t in cold]))
        shares = [len(world.cold & set(f)) / K for f in lists]
        result["cold share"] = float(np.mean(shares))
        means = [np.mean(rng.choice(shares, len(shares))) for _ in range(1000)]
        result["cold share low"], result["cold share high"] = map(
            float, np.quantile(means, [0.025, 0.975])
        )
        result["cold works listed"] = len(world.cold & {work for f in lists for work in f})
    return {name: round(value, 4) for name, value in result.items()}


def from_matrix(indicators: csr_array) -> Scores:
    by_speaker = csr_array(indicators.T)
    return lambda history: np.asarray(by_speaker[history].sum(axis=0)).ravel()


def cpu_s(learn: Callable[[], T]) -> tuple[T, float]:
    """What it learns, and the seconds of processor time that it takes."""
    start = time.process_time()
    return learn(), time.process_time() - start


def baselines(likes: csr_array, users: np.ndarray) -> Iterator[tuple[str, float, Scores]]:
    works = np.arange(likes.shape[1], dtype=np.int32)
    yield "popularity", 0, lambda _history: users
    for name, learner in {**LEARNERS, "cosine, all": partial(Cosine, top=len(works))}.items():
        indicators, seconds = cpu_s(partial(learner().learn, likes, works))
        yield name, seconds, from_matrix(indicators)
    table = csr_matrix(likes)
    for model in (
        implicit.nearest_neighbours.CosineRecommender(K=200),
        implicit.nearest_neighbours.TFIDFRecommender(K=200),
        implicit.nearest_neighbours.BM25Recommender(K=200),
    ):
        _, seconds = cpu_s(partial(model.fit, table, show_progress=False))
        weights = csr_array(model.similarity)
        weights.setdiag(0)
        yield f"implicit {type(model).__name__}", seconds, from_matrix(csr_array(weights.T))
    als = implicit.als.AlternatingLeastSquares(factors=64, iterations=15, random_state=0)
    _, seconds = cpu_s(partial(als.fit, table, show_progress=False))

    def scores(history: np.ndarray) -> np.ndarray:
        row = (np.ones(len(history)), (np.zeros(len(history), int), history))
        user = als.recalculate_user(0, csr_matrix(row, shape=(1, likes.shape[1])))
        found = np.asarray(als.item_factors @ user).ravel()
        return found - found.min() + 1e-9

    yield "implicit ALS", seconds, scores


def overlap(lists: list[list[str]], others: list[list[str]]) -> float:
    shares = [len(set(a) & set(b)) / K for a, b in zip(lists, others, strict=True)]
    return round(float(np.mean(shares)), 4)


def coverage(summary: Mapping[str, Any]) -> dict[str, int]:
    """Documents by where their indicators are from, over all languages."""
    total: Counter[str] = Counter()
    for counts in summary["coverage"].values():
        total.update(counts)
    return dict(total)


def measure(client: Elasticsearch, folder: Path, seed: int, args: argparse.Namespace) -> object:
    result: dict[str, object] = {"seed": seed}
    known: dict[str, np.ndarray] | None = {} if args.apps or args.cold else None
    transfers = {"without transfer": Transfer(neighbours=0)}
    if known is not None:
        transfers["as by default"] = Transfer()
    for cold in (True,) if args.apps else (False, True) if args.cold else (False,):
        world = (
            draw_apps(folder, seed)
            if args.apps
            else draw_world(folder, seed, args.cases, cold=cold)
        )
        write_index(client, world, known)
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "likes.tsv"
            path.write_text("user\titem\n" + "".join(f"{u}\t{w}\n" for u, w in world.likes))
            models: dict[str, object] = {}
            for name, transfer in transfers.items():
                job = IndicatorJob(str(path), INDEX, transfer=transfer)
                summary = run(client, job)
                lists = [served(client, case) for case in world.cases]
                models[f"local-ease, served, {name}"] = measures(lists, world)
                models[f"seconds, {name}"] = summary["seconds"]
                models[f"coverage, {name}"] = coverage(summary)
            if not cold:
                catalogue = read_catalogue(client, find_live(client, INDEX))
                likes = collect(read(str(path), {}), catalogue.items, LikeRules(), now_s=2e9)
                numbers = {work: number for number, work in enumerate(likes.works)}
                scores = from_matrix(learn(job, likes, catalogue).indicators)
                model = [ranked(scores, case, numbers, world) for case in world.cases]
                models["overlap@50 with numpy"] = overlap(model, lists)
                own = job.learner.learn(likes.matrix, np.arange(len(numbers), dtype=np.int32))
                exact = transfer.apply(own, likes.users, catalogue.vectors).indicators
                scores = from_matrix(exact)
                found = [ranked(scores, case, numbers, world) for case in world.cases]
                models["overlap@50 with weights that are not rounded"] = overlap(found, lists)
                for name, seconds, other in baselines(likes.matrix, likes.users):
                    found = [ranked(other, case, numbers, world) for case in world.cases]
                    learning = {"cpu s": round(seconds, 2)}
                    models[f"{name}, numpy"] = measures(found, world) | learning
        result["cold" if cold else "all works"] = models
        print(json.dumps(result, indent=1), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="How many worlds.")
    parser.add_argument("--first", type=int, default=0, help="Seed of the first world.")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--apps", action="store_true")
    parser.add_argument("--url")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = args.url or stack.enter_context(running()).url
        client = stack.enter_context(connect(Connection(url)))
        for seed in range(args.first, args.first + args.seeds):
            measure(client, args.folder, seed, args)


if __name__ == "__main__":
    main()
