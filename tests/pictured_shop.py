"""A catalog with pictures, runs of it, and a look at what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from fakes import HashEncoder
from image_models import pictured_catalog
from ingest.images.encoder import ImageEncoder
from ingest.images.options import ImageOptions
from ingest.run.assemble import run
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection
from xlrec_es.vectors.encoder import Encoder


@dataclass
class Shop:
    """A catalog with pictures, and runs of it."""

    es: Elasticsearch
    url: str
    index: str
    folder: Path
    models: Mapping[str, Path]
    encoder: HashEncoder = field(default_factory=HashEncoder)

    def __post_init__(self) -> None:
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        self.records = pictured_catalog(self.pictures)

    def run(
        self,
        records: Sequence[Mapping[str, Any]] | None = None,
        *,
        model: str | None = "vit",
        encoder: Encoder | None = None,
        image_encoder: ImageEncoder | None = None,
        **changes: Any,  # noqa: ANN401 - of a job
    ) -> dict[str, Any]:
        """Ingest; the summary. Without a model nobody asks for pictures."""
        path = self.folder / "items.jsonl"
        lines = [json.dumps(record) for record in records or self.records]
        path.write_text("\n".join(lines), "utf-8")
        images = None
        if model is not None:
            images = ImageOptions("icon", str(self.models[model]), self.pictures, device="cpu")
        job = RunJob(**{"source": str(path), "index": self.index, "images": images, **changes})
        return run(
            job,
            Connection(self.url),
            encoder=encoder or self.encoder,
            image_encoder=image_encoder,
        )

    def rejects(self) -> list[dict[str, Any]]:
        """What the last run set aside."""
        [path] = self.folder.glob("*.rejects.jsonl")
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def documents(self) -> dict[str, dict[str, Any]]:
        """`xlrec` of all documents by id; vectors are under the names of their fields."""
        body = {"size": 1000, "fields": ["xlrec.embedding", "xlrec.image_vector"]}
        hits = self.es.search(index=self.index, body=body)["hits"]["hits"]
        own = {"embedding", "image_vector"}
        return {
            hit["_id"]: {
                **{name: v for name, v in hit["_source"]["xlrec"].items() if name not in own},
                **{
                    name: hit["fields"][f"xlrec.{name}"]
                    for name in own
                    if f"xlrec.{name}" in hit.get("fields", {})
                },
            }
            for hit in hits
        }
