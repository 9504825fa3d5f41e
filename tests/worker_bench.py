"""The worker, an encoder that needs no model, and a look at what came of a run."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.documents.builder import DocumentBuilder
from ingest.documents.language_detection import LanguageDetector
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile
from ingest.run.worker import Worker
from ingest.sources.source import open_source
from ingest.write import target_index as targets
from ingest.write.target_index import Target
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.retry import Cluster, Patience

DETECTOR = LanguageDetector()
FRENCH = "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"
CATALOGUE: list[dict[str, Any]] = [
    {"id": "a", "language": "en", "title": "A puzzle with tiles", "year": 1880, "tags": ["x", "y"]},
    {"id": 2, "language": "de", "title": "Ein Schach Spiel", "text": "<p>mit Figuren</p>"},
    {"id": "c", "title": "Taquin", "text": FRENCH},
    {
        "id": "d",
        "popularity": 99,
        "translations": {"en": {"title": "Chess"}, "ja": {"title": "将棋 盤"}},
    },
    {"id": "e", "language": "en", "title": "Chess puzzle", "work": "chess"},
    {"id": "f", "title": "2048"},
]
IDS = {"a", "2", "c", "d@en", "d@ja", "e", "f"}


class Bench:
    """Runs the worker, and looks at what came of it."""

    def __init__(self, es: Elasticsearch, index: str, folder: Path) -> None:
        self.es = es
        self.index = index
        self.folder = folder
        self.cluster = Cluster(es, probe(es))
        self.encoder = HashEncoder()
        self.phases: list[str] = []

    def write(self, records: list[Any]) -> str:
        """A file of these records, of which a text is a line as it is."""
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path = self.folder / "items.jsonl"
        path.write_text("\n".join(lines), "utf-8")
        return str(path)

    def pipe(self, path: str) -> str:
        """A named pipe with a file's content; it can be read but once."""
        pipe = Path(f"{path}.pipe")
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=(Path(path).read_bytes(),)).start()
        return str(pipe)

    def run(self, records: list[Any], **options: Any) -> Tally:  # noqa: ANN401 - of any field
        """Ingest these records; options are those of a job, and `window` and `stream`."""
        window, stream = options.pop("window", 3), options.pop("stream", False)
        path = self.write(records)
        job = RunJob(self.pipe(path) if stream else path, self.index, **options)
        with RejectFile(self.folder / "rejects") as rejects:
            worker = Worker(
                job=job,
                source=open_source(job.source),
                builder=DocumentBuilder(job.fields, job.recipe, DETECTOR),
                encoder=self.encoder,
                cluster=replace(self.cluster, patience=Patience()),  # one gives up for good
                live=targets.find(self.es, self.index),
                rejects=rejects,
                window=window,
                observe=lambda phase, *_: self.phases.append(phase),
            )
            self.target: Target = worker.run()
        return worker.tally

    def rejects(self) -> list[dict[str, Any]]:
        """What was set aside, as the file has it."""
        path = self.folder / "rejects"
        return (
            [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        )

    def documents(self) -> dict[str, dict[str, Any]]:
        """All documents by id, with their vectors."""
        body = {"size": 1000, "fields": ["xlrec.embedding"]}
        hits = self.es.search(index=self.index, body=body)["hits"]
        return {
            hit["_id"]: hit["_source"] | {"vector": hit["fields"]["xlrec.embedding"]}
            for hit in hits["hits"]
        }
