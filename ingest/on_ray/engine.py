"""`xlrec-ingest run --engine ray`: what may be asked of it, and how a run begins and ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ingest.on_ray.driver import Driver, Making
from ingest.on_ray.progress import Progress
from ingest.on_ray.session import RayOptions, session
from ingest.on_ray.units import check_can_be_split
from ingest.run import reject_file
from ingest.run.assemble import left_out, own_files, reach_cluster, settled
from ingest.run.counts import Observer
from ingest.run.file_lock import locked
from ingest.run.index_setup import check_like, check_vectors
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.run.worker import no_one
from ingest.sources.source import index_source
from ingest.write.companion_index import Removed, remove_gone
from ingest.write.modes import COMPANION
from ingest.write.target_index import Target
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ConfigError, IndexNotFound
from xlrec_es.interactions import row_reader


def run(
    job: RunJob,
    connection: Connection,
    *,
    options: RayOptions,
    observe: Observer = no_one,
    stop: Stop | None = None,
    making: Making | None = None,
) -> dict[str, Any]:
    """Bring an input into an index.

    Args:
        job: What is to be done.
        connection: To the cluster, which every machine reaches by the same address.
        options: Where Ray is.
        observe: See `ingest.run.assemble.run`.
        stop: See `ingest.run.assemble.run`.
        making: What is made otherwise than usual.

    Returns:
        The summary: see `ingest.run.observe.summary.summarize`.

    Raises:
        XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
    """
    start = time.perf_counter()
    check(job)
    rejects, _ = own_files(job)
    with locked(rejects.path, advice=reject_file.ADVICE), connect(connection) as client, rejects:
        cluster = reach_cluster(client, job.patience)
        live = cluster.patience.call(client, lambda: job.mode.find(client, job.index))
        job = settled(job, live)
        source = index_source(
            job.source, client=client, query=job.query, in_place=job.mode.in_place
        )
        if live is not None:
            check_vectors(job, client, live)
        elif source is not None:
            check_like(job, source)
        progress = Progress(job, rejects, observe)
        progress.tell("load")
        with session(options) as places:
            driver = Driver(
                job=job,
                connection=connection,
                cluster=cluster,
                live=live,
                making=making or Making(),
                progress=progress,
                stop=stop or Stop(),
                places=places,
            )
            complete = driver.run()
        target = _target(job, cluster)
        gone = Removed()
        if complete:
            if job.mode is COMPANION:
                name = job.source.removeprefix(row_reader.INDEX)
                gone = remove_gone(client, name, target.live.name)
                progress.tally.deleted += gone.removed
            driver.notes.remove()
        summary = progress.summary(
            target,
            complete=complete,
            threads=places.count,
            seconds=time.perf_counter() - start,
        )
    if source is not None:
        summary["warnings"] += left_out(job, source)
    summary["warnings"] += gone.warnings
    return summary


def check(job: RunJob) -> None:
    """Refuse what needs one reader of all the input.

    Raises:
        ConfigError: So it is.
    """
    if job.images is not None:
        raise ConfigError(
            "--image is not for --engine ray: pictures are read by one machine; leave --engine out"
        )
    check_can_be_split(job.source)
    given: Mapping[str, bool] = {
        "--follow": job.follow,
        "--duplicates": job.duplicates.mode != "keep",
        "--shard": job.shard.count > 1,
        "--slices": job.slices > 1,
        "--checkpoint": job.checkpoint is not None,
        "--metrics-port": job.metrics_port is not None,
    }
    for name, there in given.items():
        if there:
            raise ConfigError(
                f"--engine ray divides the input among its workers, and has no {name}; leave one "
                "of the two out"
            )


def _target(job: RunJob, cluster: Cluster) -> Target:
    """The index that was written, which is live, and refreshed."""
    client, patience = cluster.client, cluster.patience
    live = patience.call(client, lambda: job.mode.find(client, job.index))
    if live is None:
        raise IndexNotFound(f"{job.index} was deleted during the run; run this again")
    target = job.mode.target(client, live, cluster.capabilities, patience)
    target.refresh()
    return target
