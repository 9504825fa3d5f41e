"""Fine-tuning on a catalogue of anime: what it gains, and how fast it is.

    PYTHONPATH=tests python tests/bench/finetune.py gain PATH/TO/anime --output FOLDER [--seed 0]
    PYTHONPATH=tests python tests/bench/finetune.py speed PATH/TO/anime

`gain`: recall@50 over language borders, base and tuned, raw and calibrated; for all targets in the
pool of other languages, and for cold works among themselves. Each work exists in one language,
drawn among those it has. A fifth of the works that 20 persons like is made cold: none of their
likes is learned from. Of the others a fifth of each person's likes is held out. `speed`: steps a
second beside the plain sentence-transformers trainer, same pairs and batch, both taking turns.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from quality import LIKED, draw_world

from ingest.encoder import load_encoder
from ingest.finetuning.finetune import FinetuneJob, finetune
from ingest.finetuning.pairs import PairsJob, assemble
from ingest.finetuning.quality import Examination
from ingest.finetuning.trainer import Schedule
from ingest.finetuning.training_set import Documents, TrainingSet
from xlrec_es.evaluation import Split, split
from xlrec_es.intervals import bootstrap
from xlrec_es.likes import Likes, read_likes

PERSONS, COLD, POPULAR = 400, 0.2, 20


def world(folder: Path, seed: int) -> tuple[Documents, Likes, Split, np.ndarray]:
    """Texts, likes, which of them are learned from, and which works are cold."""
    drawn = sorted(draw_world(folder, seed))
    works = [work for work, _, _ in drawn]
    path = folder / "interactions.tsv"
    likes = read_likes(path, {work: work for work in works}, min_rating=LIKED)
    assert list(likes.works) == works
    documents = Documents(
        np.arange(len(works)),
        tuple(language for _, language, _ in drawn),
        tuple(text for *_, text in drawn),
    )
    persons = np.bincount(likes.work, minlength=len(works))
    rng = np.random.default_rng(seed)
    cold = (persons >= POPULAR) & (rng.random(len(works)) < COLD)
    parts = split(likes, seed=seed)
    return documents, likes, replace(parts, training=parts.training & ~cold[likes.work]), cold


def training_set(folder: Path, seed: int) -> tuple[TrainingSet, np.ndarray]:
    documents, likes, parts, cold = world(folder, seed)
    job = PairsJob(Path(), "anime", seed=seed, max_persons=PERSONS)
    return assemble(job, documents, likes, parts), cold


def measured(model: str, data: TrainingSet, cold: np.ndarray) -> dict[str, Any]:
    """recall@50 of an encoder as it is served."""
    raw = load_encoder(model).encode(data.documents.texts)
    pool = Examination.of(data)
    names = {work for work, is_cold in zip(data.works, cold, strict=True) if is_cold}
    warm = tuple(work for work in data.works if work not in names)
    cold_cases = []
    for case in pool.cases:
        if case.targets & names:
            known = {*case.history, *case.seen}
            others = tuple(work for work in warm if work not in known)
            targets = case.targets & names
            cold_cases.append(replace(case, targets=targets, seen=(*case.seen, *others)))
    report = {}
    for name, some in (("all", pool), ("cold", replace(pool, cases=tuple(cold_cases)))):
        persons = [case.person for case in some.cases]
        rng = np.random.default_rng(0)
        noise = rng.standard_normal(raw.shape).astype(np.float32)
        for method, vectors in {**some.calibrated(raw), "random": noise}.items():
            found = some.recall(some.lists(vectors))
            interval = bootstrap(found, persons, seed=0)
            report[f"{name}, {method}"] = [interval.mean, interval.low, interval.high]
        report[f"{name}, cases"] = len(some.cases)
    return report


def gain(arguments: argparse.Namespace) -> dict[str, Any]:
    data, cold = training_set(arguments.folder, arguments.seed)
    pairs = arguments.output.with_name(f"{arguments.output.name}.pairs")
    data.write(pairs)
    bf16 = arguments.bf16
    job = FinetuneJob(
        pairs,
        arguments.output,
        schedule=Schedule(
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            evaluate_every=arguments.evaluate_every,
            seed=arguments.seed,
            bf16=bf16,
        ),
        layers=arguments.layers,
        popularity=arguments.popularity,
        force=True,
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
        "gate": {name: summary[name] for name in ("reasons", "calibration", "results", "gain")},
        "base": measured("embedded", data, cold),
        "tuned": measured(str(arguments.output), data, cold),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["gain", "speed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--evaluate-every", type=int, default=50)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--popularity", type=float, default=0.3)
    parser.add_argument("--float32", dest="bf16", action="store_false")
    arguments = parser.parse_args()
    print(json.dumps({"gain": gain}[arguments.what](arguments), indent=2))


if __name__ == "__main__":
    main()
