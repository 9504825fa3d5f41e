"""What a run does, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.encode import raw_vectors
from ingest.run.worker import Worker
from xlrec_es.errors import ConfigError, MissingExtra

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtra.named("ingest", "Showing metrics") from error

HOST = "127.0.0.1"
"""To scrape from elsewhere, put a proxy of yours in front."""
OUTCOMES = ("indexed", "unchanged", "superseded", "deleted", "rejected")


@contextmanager
def serve_metrics(worker: Worker, port: int | None) -> Iterator[str | None]:
    """Answer on a port for as long as the run lasts.

    Args:
        worker: The run.
        port: 0 for any; None for none.

    Yields:
        The address, or None.

    Raises:
        ConfigError: The port is taken.
    """
    if port is None:
        yield None
        return
    registry = CollectorRegistry()
    registry.register(_RunCollector(worker))
    try:
        server, thread = start_http_server(port, HOST, registry)
    except OSError as error:
        raise ConfigError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    try:
        yield f"http://{HOST}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _RunCollector(Collector):
    """Reads the run when it is asked; nothing is counted twice."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        """All figures, as they are now."""
        tally, writer = self._worker.tally, self._worker.writer
        documents = CounterMetricFamily(
            "xlrec_documents", "Documents by what became of them.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            documents.add_metric([outcome], getattr(tally, outcome))
        yield documents
        seconds = CounterMetricFamily(
            "xlrec_stage_seconds", "Time that a stage was busy, over its threads.", labels=["stage"]
        )
        for stage, spent in dict(tally.seconds).items():
            seconds.add_metric([stage], spent)
        yield seconds
        tokens = raw_vectors.tokens(self._worker.encoder)
        yield CounterMetricFamily("xlrec_tokens", "Tokens that were encoded.", value=tokens)
        retries = writer.retries if writer else 0
        yield CounterMetricFamily("xlrec_retries", "Bulk requests sent again.", value=retries)
        in_flight = writer.requests.bytes if writer else 0
        yield GaugeMetricFamily(
            "xlrec_bytes_in_flight", "Bodies of the bulk requests under way.", value=in_flight
        )
        limit = writer.requests.limit if writer else 0
        yield GaugeMetricFamily(
            "xlrec_requests_limit", "Bulk requests that may be under way at once.", value=limit
        )
        waiting = GaugeMetricFamily(
            "xlrec_queue_ratio", "How full the queue before a stage is.", labels=["stage"]
        )
        for stage, fill in tally.queues.items():
            waiting.add_metric([stage], fill.waiting / fill.size if fill.size else 0.0)
        yield waiting
        read = self._worker.source.fraction
        if read is not None:
            yield GaugeMetricFamily("xlrec_source_ratio", "Part of the source read.", value=read)
