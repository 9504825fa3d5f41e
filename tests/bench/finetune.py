"""Fine-tuning on a catalogue of anime: what it gains, and how fast it is.

    PYTHONPATH=tests python tests/bench/finetune.py gain PATH/TO/anime --output FOLDER [--seed 0]
    PYTHONPATH=tests python tests/bench/finetune.py speed PATH/TO/anime

`gain`: recall@50 over language borders, base and tuned, raw and centered; for all targets in the
pool of other languages, and for cold works among themselves. Each work exists in one of four
languages, drawn among those it has. A fifth of the works that 20 users like is made cold: none of
their likes is learned from. Of the others a fifth of each user's likes is held out. A case is a
user and a language of which the history has five works; by half of the users the checkpoint is
chosen, the other half is reported. `speed`: steps a
second beside the plain sentence-transformers trainer, same pairs and batch, both taking turns.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from quality import LIKED, draw_world
from scipy.sparse import csr_array
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import TrainerCallback

from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.data.pairs import PairsJob, assemble
from ingest.finetune.data.training_set import Documents, TrainingSet, read
from ingest.finetune.release.gate import shown
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.training.finetune import FinetuneJob, finetune, lesson_of
from ingest.finetune.training.frozen_layers import FrozenLayers, freeze, layers_of
from ingest.finetune.training.session import Encode, TrainingJob
from ingest.finetune.training.trainer import METRIC, Schedule, make_trainer
from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import LocalEase
from xlrec_es.evaluate.baselines import best
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import Split, cold_cases, split
from xlrec_es.evaluate.significance import bootstrap
from xlrec_es.interactions.likes import Likes, read_likes
from xlrec_es.vectors.vector import Vector

LANGUAGES = ("de", "en", "ja", "zh")
USERS, COLD, POPULAR, MIN_HISTORY = 800, 0.2, 20, 5


def world(folder: Path, seed: int) -> tuple[Documents, Likes, Split, np.ndarray]:
    """Texts, likes, which of them are learned from, and which works are cold."""
    drawn = sorted(draw_world(folder, seed, LANGUAGES))
    works = [work for work, _, _ in drawn]
    path = folder / "interactions.tsv"
    likes = read_likes(path, {work: work for work in works}, min_rating=LIKED)
    assert list(likes.works) == works
    documents = Documents(
        np.arange(len(works)),
        tuple(language for _, language, _ in drawn),
        tuple(text for *_, text in drawn),
    )
    users = np.bincount(likes.work, minlength=len(works))
    rng = np.random.default_rng(seed)
    cold = (users >= POPULAR) & (rng.random(len(works)) < COLD)
    parts = split(likes, seed=seed)
    return documents, likes, replace(parts, training=parts.training & ~cold[likes.work]), cold


def training_set(folder: Path, seed: int) -> tuple[TrainingSet, np.ndarray]:
    documents, likes, parts, cold = world(folder, seed)
    job = PairsJob(Path(), "anime", seed=seed, max_users=USERS)
    return assemble(job, documents, likes, parts), cold


def measured(raw: Vector, data: TrainingSet, cold: np.ndarray, seed: int) -> dict[str, Any]:
    """recall@50, mean and interval: of an encoder's unit rows for all documents."""
    _, judging = Examination.of(data).halves(seed)
    some = tuple(case for case in judging.cases if len(case.history) >= MIN_HISTORY)
    pool = replace(judging, cases=some)
    names = {work for work, is_cold in zip(data.works, cold, strict=True) if is_cold}
    warm = tuple(work for work in data.works if work not in names)
    among_themselves = []
    for case in cold_cases(pool.cases, names):
        known = {*case.history, *case.seen}
        others = tuple(work for work in warm if work not in known)
        among_themselves.append(replace(case, seen=(*case.seen, *others)))
    noise = np.random.default_rng(0).standard_normal(raw.shape).astype(np.float32)
    report: dict[str, Any] = {}
    for name, cases in (("all", pool.cases), ("cold", among_themselves)):
        some = replace(pool, cases=tuple(cases))
        for method, vectors in {**some.centered(raw), "random": noise}.items():
            found = some.recall(some.lists(vectors))
            report[f"{name}, {method}"] = shown(bootstrap(found, users_of(some), seed=0))
        report[f"{name}, cases"] = len(cases)
        report[f"{name}, works in a history"] = np.mean([len(case.history) for case in cases])
    for method, vectors in pool.centered(raw).items():
        report |= inherited(data, vectors, pool, names, method)
    return report


def users_of(some: Examination) -> list[str]:
    return [case.user for case in some.cases]


def inherited(
    data: TrainingSet, vectors: Vector, some: Examination, cold: set[str], method: str
) -> dict[str, str]:
    """Indicators: what cold works inherit along the vectors, in the whole pool."""
    numbers = data.numbers
    users = {name: n for n, name in enumerate(dict.fromkeys(data.likes["user"].to_pylist()))}
    rows = [users[name] for name in data.likes["user"].to_pylist()]
    columns = [numbers[work] for work in data.likes["work"].to_pylist()]
    shape = (len(users), len(numbers))
    likes = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    likes.sort_indices()
    own = LocalEase().learn(likes, np.arange(len(numbers), dtype=np.int32))
    blend = Transfer().apply(own, data.users.astype(np.float64), vectors).indicators
    values = []
    for case in some.cases:
        scores = np.asarray(blend[:, [numbers[w] for w in case.history]].sum(axis=1)).ravel()
        allowed = some.language != case.source
        allowed[[numbers[work] for work in (*case.history, *case.seen)]] = False
        works = [data.works[number] for number in best(scores, allowed, some.k)]
        wanted = (case.targets, case.targets & cold)
        values.append([recall_at_k(works, t, some.k) if t else np.nan for t in wanted])
    return {
        f"indicators inherited along {method}, {name}": shown(
            bootstrap(np.array(values)[:, place], users_of(some), seed=0)
        )
        for place, name in enumerate(("all", "cold"))
    }


def gain(arguments: argparse.Namespace) -> dict[str, Any]:
    data, cold = training_set(arguments.folder, arguments.seed)
    pairs = arguments.output.with_name(f"{arguments.output.name}.pairs")
    data.write(pairs)
    bf16 = arguments.bf16
    schedule = Schedule(
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        evaluate_every=arguments.evaluate_every,
        seed=arguments.seed,
        bf16=bf16,
    )
    job = FinetuneJob(
        TrainingJob(pairs, arguments.output, schedule, force=True),
        layers=arguments.layers,
        popularity=arguments.popularity,
    )
    start = time.perf_counter()

    def told(step: int, logs: dict[str, float]) -> None:
        print(step, round(time.perf_counter() - start), time.process_time(), logs, file=sys.stderr)

    summary = finetune(job, told)
    return {
        "seed": arguments.seed,
        "works": len(data.works),
        "cold works": int(cold.sum()),
        "pairs": data.pairs.num_rows,
        "seconds": summary["seconds"],
        "processor seconds": time.process_time(),
        "gate": {name: summary[name] for name in ("reasons", "centering", "results", "gain")},
        **{
            name: measured(
                load_encoder(model).encode(data.documents.texts), data, cold, arguments.seed
            )
            for name, model in (("base", "embedded"), ("tuned", str(arguments.output)))
        },
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


WAYS = ("plain", "plain, bf16, last 4 layers", "ours")


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: object, **__: object) -> None:
        self._start = time.perf_counter()

    def on_step_end(self, *_: object, **__: object) -> None:
        self.seconds.append(time.perf_counter() - self._start)


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each way in a process of its own, for its peak memory; they take turns."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    data, _ = training_set(arguments.folder, arguments.seed)
    with TemporaryDirectory() as pairs:
        replace(data, pairs=data.pairs.slice(0, 1000)).write(Path(pairs))
        for _ in range(arguments.turns):
            for way in WAYS:
                command = [sys.executable, __file__, "one", pairs, "--way", way]
                command += ["--steps", str(arguments.steps)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found[way].append(json.loads(done.stdout))
                print(way, found[way][-1], file=sys.stderr)
    best = {way: max(one["steps/s"] for one in own) for way, own in found.items()}
    return {"ways": found, "times plain": {way: rate / best["plain"] for way, rate in best.items()}}


def one(arguments: argparse.Namespace) -> dict[str, float]:
    """Steps of one way, on the pairs of some works."""
    data = read(arguments.folder)
    encoder = load_encoder(options=EncoderOptions(max_tokens=64, dtype="float32"))
    model, clock = encoder.transformer, Clock()
    ours, with_bf16 = arguments.way == WAYS[2], arguments.way != WAYS[0]
    schedule = Schedule(steps=arguments.steps, evaluate_every=arguments.steps, bf16=with_bf16)
    layers = layers_of(model, "embedded")
    frozen = freeze(model, layers, 4 if with_bf16 else None)
    job = FinetuneJob(TrainingJob(Path(), Path(), schedule))
    start = time.perf_counter()
    with FrozenLayers(model, layers, frozen if ours else 0), TemporaryDirectory() as folder:
        lesson = lesson_of(job, data, model, encoder.prefix, Nothing())
        if ours:
            encode = Encode(encoder, bf16=with_bf16)
            encode(sorted({t for n in ("anchor", "positive") for t in data.pairs[n].to_pylist()}))
        else:
            lesson = replace(
                lesson, loss=MultipleNegativesRankingLoss(model), batches="batch_sampler"
            )
            lesson = replace(lesson, dataset=lesson.dataset.remove_columns("label"))
        before = time.perf_counter() - start
        trainer = make_trainer(lesson, schedule, Path(folder), lambda _step, _logs: None)
        trainer.add_callback(clock)
        trainer.train()
    seconds = clock.seconds[1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"steps/s": len(seconds) / sum(seconds), "before": before, "peak MB": peak}


class Nothing(BaseEvaluator):
    """Measures nothing."""

    def __call__(self, *_: object, **__: object) -> dict[str, float]:
        return {METRIC: 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["gain", "speed", "one"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--evaluate-every", type=int, default=100)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--popularity", type=float, default=0.3)
    parser.add_argument("--float32", dest="bf16", action="store_false")
    arguments = parser.parse_args()
    what = {"gain": gain, "speed": speed, "one": one}[arguments.what]
    print(json.dumps(what(arguments), indent=2))


if __name__ == "__main__":
    main()
