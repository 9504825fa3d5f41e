"""Learners on Ray beside themselves: says of each whether the result is the same bit by bit.

python ray_learning.py ADDRESS OUTPUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from ingest.indicators.learners import LEARNERS, LocalEase
from ingest.on_ray.learning import RayLearner
from ingest.on_ray.session import RayOptions, session

MANY_USERS, MANY_WORKS = 400, 60


def likes() -> csr_array:
    draw = np.random.default_rng(0)
    alike = np.arange(MANY_USERS)[:, None] % 3 == np.arange(MANY_WORKS) % 3
    shape = (MANY_USERS, MANY_WORKS)
    dense = (draw.random(shape) < np.where(alike, 0.3, 0.03)) * draw.random(shape)
    return csr_array(dense.astype(np.float32))


def same(one: csr_array, other: csr_array) -> bool:
    names = ("indptr", "indices", "data")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def main(address: str, output: Path) -> None:
    some = np.random.default_rng(1).permutation(MANY_WORKS)[:41].astype(np.int32)
    learners = {name: make() for name, make in LEARNERS.items()}
    learners["local-ease"] = LocalEase(regularization=5, neighbours=6, width=12, top=5)
    found = {}
    with session(RayOptions(address, workers=2)):
        for name, learner in learners.items():
            on_ray = RayLearner(learner, block_works=7)
            learned = learner.learn(likes(), some)
            found[name] = same(on_ray.learn(likes(), some), learned) and learned.nnz > 0
            assert repr(on_ray) == repr(learner)
    output.write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
