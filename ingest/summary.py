"""What a run has done: as a JSON object, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ingest.rejects import RejectFile
from ingest.tally import Tally
from ingest.target import Target

if TYPE_CHECKING:  # brings torch
    from ingest.encoder import SentenceTransformerEncoder


def summarize(
    tally: Tally,
    *,
    index: str,
    target: Target,
    encoder: SentenceTransformerEncoder,
    rejects: RejectFile,
    seconds: float,
) -> dict[str, Any]:
    """The summary, ready to be printed as JSON.

    Args:
        tally: What has happened.
        index: The name that was asked for.
        target: What it stands for.
        encoder: What made the vectors.
        rejects: Where the rejections are.
        seconds: All of the run, the loading of the model included.
    """
    meta = target.live.meta
    return {
        "index": index,
        "version": target.live.name,
        "documents": tally.documents,
        "indexed": tally.indexed,
        "unchanged": tally.unchanged,
        "rejected": tally.rejected,
        "rejects": str(rejects.path) if tally.rejected else None,
        "duplicates": asdict(tally.duplicates) if tally.duplicates else None,
        "languages": dict(tally.languages.most_common()),
        "detected": dict(tally.detected.most_common()),
        "analyzers": {language: meta.analyzers[language] for language in meta.languages},
        "calibration": meta.calibration.method,
        "encoder": {
            "model": encoder.model,
            "revision": encoder.revision,
            "dims": encoder.dims,
            "device": encoder.device,
            "dtype": encoder.dtype,
        },
        "seconds": {stage: round(spent, 2) for stage, spent in tally.seconds.items()}
        | {"total": round(seconds, 2)},
        "warnings": list(warnings_of(target)),
    }


def warnings_of(target: Target) -> Iterator[str]:
    """What works, but not as well as it could."""
    if poor := target.poorly_analyzed:
        yield (
            f"the cluster has no analyzer for {', '.join(sorted(poor))}: texts in "
            f"{'these languages are' if len(poor) > 1 else 'this language are'} searched by word "
            "forms as they stand (analyzer standard)"
        )


def table(summary: Mapping[str, Any]) -> Table:
    """The same for people."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{summary['index']} ({summary['version']})")
    encoder = summary["encoder"]
    grid.add_row("encoder", f"{encoder['model']} on {encoder['device']}, {encoder['dtype']}")
    grid.add_row("documents", str(summary["documents"]))
    grid.add_row("  indexed", str(summary["indexed"]))
    if summary["unchanged"]:
        grid.add_row("  unchanged", str(summary["unchanged"]))
    if summary["rejected"]:
        grid.add_row("rejected", f"{summary['rejected']}, see {summary['rejects']}")
    if found := summary["duplicates"]:
        grid.add_row("duplicates", f"{found['exact']} equal, {found['near']} alike")
        for one in found["examples"]:
            grid.add_row("", f"{one['id']} of {one['of']} ({one['similarity']:.2f})")
    grid.add_row("languages", _counts(summary["languages"]))
    if summary["detected"]:
        grid.add_row("  detected", _counts(summary["detected"]))
    seconds = dict(summary["seconds"])
    total = seconds.pop("total")
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())
    grid.add_row("seconds", f"{total:.1f} ({stages})")
    return grid


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{language} {count}" for language, count in counts.items())
