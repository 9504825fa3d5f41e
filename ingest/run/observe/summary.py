"""What a run has done: as a JSON object, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ingest.encode import raw_vectors
from ingest.run.counts import INDEXING, Tally
from ingest.run.job import RunJob
from ingest.run.window import DETECTED_MARK
from ingest.run.worker import Worker
from ingest.write import word_segmentation
from ingest.write.target_index import Target

_SHOWN = 8
"""Values of a language field that people are told of."""


def summarize(
    worker: Worker, *, index: Target, resumed_after: int, seconds: float
) -> dict[str, Any]:
    """The summary, ready to be printed as JSON.

    Args:
        worker: What has worked.
        index: What it wrote into.
        resumed_after: Position of the record that an earlier run had come to; 0 for none.
        seconds: All of the run, the loading of the model included.
    """
    tally, meta, encoder = worker.tally, index.live.meta, worker.encoder
    threads = {"encode": raw_vectors.parallel(encoder), "write": worker.limits.max_requests}
    slowest = tally.bottleneck(threads)
    return {
        "index": worker.job.index,
        "version": index.live.name,
        "fingerprint": meta.fingerprint.digest,
        "complete": worker.complete,
        "resumed_after": resumed_after,
        "documents": tally.documents,
        "indexed": tally.indexed,
        "unchanged": tally.unchanged,
        "superseded": tally.superseded,
        "deleted": tally.deleted,
        "late_deletions": tally.late_deletions,
        "encoded": tally.encoded,
        **({"pictures": tally.pictures} if worker.job.images else {}),
        "tokens": raw_vectors.tokens(encoder),
        "rejected": tally.rejected,
        "rejects": str(worker.rejects.path) if tally.rejected else None,
        "unwrapped": tally.unwrapped,
        "duplicates": asdict(tally.duplicates) if tally.duplicates else None,
        "languages": dict(tally.languages.most_common()),
        "detected": dict(tally.detected.most_common()),
        "read_as": dict(tally.read_as.most_common()),
        "analyzers": {language: meta.analyzers[language] for language in meta.languages},
        "centering": meta.centering.method,
        "encoder": {
            "model": encoder.model,
            "revision": encoder.revision,
            "dims": encoder.dims,
            "device": getattr(encoder, "device", None),
            "dtype": getattr(encoder, "dtype", None),
        },
        "retries": worker.writer.retries if worker.writer else 0,
        "bottleneck": slowest and {"stage": slowest[0], "busy": round(slowest[1], 2)},
        "seconds": {stage: round(spent, 2) for stage, spent in tally.seconds.items()}
        | {"total": round(seconds, 2)},
        "warnings": [
            *warnings_of(index),
            *detected(tally.read_as),
            *late(tally, worker.job),
            *without_pictures(worker),
        ],
    }


def warnings_of(target: Target) -> Iterator[str]:
    """What works, but not as well as it could."""
    if poor := target.poorly_analyzed:
        hint = ""
        if lacking := word_segmentation.can_help(poor):
            hint = (
                f". Words in {', '.join(lacking)} are found by: pip install 'xlrec-es[segment]', "
                "before an index is made"
            )
        yield (
            f"the cluster has no analyzer for {', '.join(sorted(poor))}: texts in "
            f"{'these languages are' if len(poor) > 1 else 'this language are'} searched by word "
            f"forms as they stand (analyzer standard){hint}"
        )


def detected(read_as: Mapping[str, int]) -> Iterator[str]:
    """Values of which nobody has said what they mean."""
    found = {text: count for text, count in read_as.items() if text.endswith(DETECTED_MARK)}
    if found:
        several = ", ".join(f"{text} {count}" for text, count in [*found.items()][:_SHOWN])
        yield (
            f"{sum(found.values())} documents have something else than a language tag for their "
            f"language, so that of their text was detected: {several}. Where you know what it "
            "means: --language-map VALUE=TAG"
        )


def late(tally: Tally, job: RunJob) -> Iterator[str]:
    """What was newer in the index, where it is the clock that tells what is newer."""
    newer = tally.newer_there + tally.late_deletions
    if newer and job.fields.version is None and not job.mode.in_place:
        yield (
            f"{newer} documents were left as they are: in the index they are newer than this "
            "machine's clock says that it is. Another run may have written them meanwhile; if "
            "not, the clock was set back, or was ahead before: run this again when it is past "
            "that time, or say what is newer with --field version=FIELD"
        )


def without_pictures(worker: Worker) -> Iterator[str]:
    """A field of pictures that no document has: likely another one is meant."""
    images = worker.job.images
    if images is not None and worker.tally.documents and not worker.tally.pictured:
        yield (
            f"no document has a picture in the field {images.field}; see that --image names the "
            "right one"
        )


def table(summary: Mapping[str, Any]) -> Table:
    """The same for people."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{summary['index']} ({summary['version']})")
    encoder = summary["encoder"]
    place = ", ".join(filter(None, (encoder["device"], encoder["dtype"])))  # far off: its address
    grid.add_row("encoder", f"{encoder['model']} on {place or 'this machine'}")
    grid.add_row("documents", str(summary["documents"]))
    grid.add_row("  indexed", str(summary["indexed"]))
    for name in ("pictures", "unchanged", "superseded", "deleted", "late_deletions"):
        if summary.get(name):
            grid.add_row(f"  {name.replace('_', ' ')}", str(summary[name]))
    if summary["rejected"]:
        grid.add_row("rejected", f"{summary['rejected']}, see {summary['rejects']}")
    if summary["unwrapped"]:
        grid.add_row("unwrapped", f"{summary['unwrapped']} records of a dump: _id is the id")
    if found := summary["duplicates"]:
        grid.add_row("duplicates", f"{found['exact']} equal, {found['near']} alike")
        for one in found["examples"]:
            grid.add_row("", f"{one['id']} of {one['of']} ({one['similarity']:.2f})")
    grid.add_row("languages", _counts(summary["languages"]))
    if summary["detected"]:
        grid.add_row("  detected", _counts(summary["detected"]))
    if summary["read_as"]:
        grid.add_row("  read as", _counts(dict([*summary["read_as"].items()][:_SHOWN])))
    seconds = dict(summary["seconds"])
    total = seconds.pop("total")
    seconds.pop(INDEXING, None)  # the time of the four stages that follow it
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())
    grid.add_row("seconds", f"{total:.1f} ({stages})")
    if slowest := summary["bottleneck"]:
        waited = f"{slowest['stage']}, busy {slowest['busy']:.0%} of the time"
        grid.add_row("bottleneck", waited)
    return grid


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{language} {count}" for language, count in counts.items())
