"""Put the parts of a run together."""

from __future__ import annotations

import time
from typing import Any

from ingest import target
from ingest.detect import LanguageDetector
from ingest.documents import DocumentBuilder
from ingest.duplicates import Deduplicator
from ingest.job import Job
from ingest.prepare import Cluster
from ingest.progress import ProgressBar
from ingest.rejects import RejectFile, default_path
from ingest.source import open_source
from ingest.summary import summarize
from ingest.tally import Tally
from ingest.worker import Worker
from xlrec_es.client import Connection, connect, probe
from xlrec_es.errors import ConfigError


def run(job: Job, connection: Connection, *, show_progress: bool = False) -> dict[str, Any]:
    """Bring a source into an index.

    What is cheap to check comes first: the model takes seconds to load.

    Args:
        job: What is to be done.
        connection: To the cluster.
        show_progress: Whether to show a bar, if standard error is a terminal.

    Returns:
        The summary: see `ingest.summary.summarize`.

    Raises:
        XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
    """
    start = time.perf_counter()
    if not job.index:
        raise ConfigError("the name of the index is empty")
    builder = _builder(job)
    rejects = RejectFile(job.rejects or default_path(job.source))
    tally = Tally()
    with connect(connection) as client:
        source = open_source(job.source, client=client, query=job.query)
        if rejects.path.absolute() == source.path:
            raise ConfigError(f"the reject file {rejects.path} is the input itself")
        cluster = Cluster(client, probe(client))
        live = target.find(client, job.index)
        with rejects, ProgressBar(shown=show_progress) as observe:
            observe("load", tally, None)
            with tally.timed("load"):
                from ingest.encoder import load_encoder  # brings torch

                encoder = load_encoder(job.model, options=job.encoder)
            worker = Worker(
                job=job,
                source=source,
                builder=builder,
                encoder=encoder,
                cluster=cluster,
                live=live,
                rejects=rejects,
                # Enough for batches of like length, and little enough for the bar to move.
                window=max(256, encoder.batch_tokens // 4),
                observe=observe,
                tally=tally,
            )
            written = worker.run()
    if isinstance(builder, Deduplicator):
        tally.duplicates = builder.found
    return summarize(
        tally,
        index=job.index,
        target=written,
        encoder=encoder,
        rejects=rejects,
        seconds=time.perf_counter() - start,
    )


def _builder(job: Job) -> DocumentBuilder | Deduplicator:
    builder = DocumentBuilder(job.fields, job.recipe, LanguageDetector())
    if job.duplicates.mode == "keep":
        return builder
    return Deduplicator(builder, job.duplicates, job.fields.work)
