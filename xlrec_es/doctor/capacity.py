"""What vectors take, and what a cluster has: disks, their watermarks, memory. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from xlrec_es.vectors.vector_index import DEFAULT, VectorIndex

GIB = 1024**3
DISK = "cluster.routing.allocation.disk"
"""Elasticsearch's settings that keep disks from filling up."""

_UNITS = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": GIB, "tb": 1024**4, "pb": 1024**5}


@dataclass(frozen=True, slots=True)
class Need:
    """What the vectors of an index take.

    A million of 384 dimensions, in one copy, `int8_hnsw`: 2.0 GB of disk and 0.46 GB of memory.
    Source: see `VectorIndex`. Measured: ingest/ENCODERS.md, "Index vectors".

    Attributes:
        documents: How many.
        dims: Length of a vector.
        copies: Primaries and replicas.
        vectors: How they are indexed.
        image_dims: Length of a picture's vector, which each document may have; 0 where none has.
    """

    documents: int
    dims: int
    copies: int = 1
    vectors: VectorIndex = DEFAULT
    image_dims: int = 0

    @property
    def memory(self) -> int:
        """Bytes that should fit into the page cache: codes and graph."""
        return self.documents * self.copies * sum(map(self.vectors.memory_bytes, self._each))

    @property
    def disk(self) -> int:
        """Bytes on disk: the same, and the raw float32."""
        return self.documents * self.copies * sum(map(self.vectors.disk_bytes, self._each))

    @property
    def _each(self) -> tuple[int, ...]:
        """Dimensions of the vectors of a document."""
        return (self.dims, self.image_dims) if self.image_dims else (self.dims,)

    def __str__(self) -> str:
        copies = f", {self.copies} copies" if self.copies > 1 else ""
        kind = "" if self.vectors == DEFAULT else f", {self.vectors.kind}"
        pictures = f", as many of pictures of {self.image_dims}" if self.image_dims else ""
        return f"{self.documents:,} vectors of {self.dims} dimensions{pictures}{kind}{copies}"


@dataclass(frozen=True, slots=True)
class DataNode:
    """A node that holds shards, sizes in bytes.

    Attributes:
        name: Its name.
        disk_total: Of the file systems of its data.
        disk_free: What is available there.
        memory: Of the machine or the container.
        heap: The most that Java takes.
        heap_percent: How full that is.
    """

    name: str
    disk_total: int
    disk_free: int
    memory: int
    heap: int
    heap_percent: int

    @classmethod
    def from_stats(cls, stats: Mapping[str, Any]) -> DataNode:
        """Out of one node's part of `GET _nodes/stats/fs,jvm,os`."""
        memory = int(stats["os"]["mem"]["total_in_bytes"])
        limit = stats["os"].get("cgroup", {}).get("memory", {}).get("limit_in_bytes", "max")
        if limit.isdigit():
            memory = min(memory, int(limit))
        disk, java = stats["fs"]["total"], stats["jvm"]["mem"]
        return cls(
            stats["name"],
            disk["total_in_bytes"],
            disk["available_in_bytes"],
            memory,
            java["heap_max_in_bytes"],
            java["heap_used_percent"],
        )


@dataclass(frozen=True, slots=True)
class Watermarks:
    """How much of each disk Elasticsearch keeps free.

    Attributes:
        enabled: Whether it does at all.
        settings: By name, without the prefix: `low`, `low.max_headroom`, `high` ...
        given: Those that somebody set.
    """

    enabled: bool
    settings: Mapping[str, str]
    given: Collection[str] = field(default=frozenset())

    @classmethod
    def from_settings(cls, answer: Mapping[str, Any]) -> Watermarks:
        """Out of `GET _cluster/settings?include_defaults=true&flat_settings=true`."""
        own = {**answer.get("persistent", {}), **answer.get("transient", {})}
        every = {**answer.get("defaults", {}), **own}
        prefix = f"{DISK}.watermark."
        return cls(
            enabled=every.get(f"{DISK}.threshold_enabled", "true") == "true",
            settings={k.removeprefix(prefix): v for k, v in every.items() if k.startswith(prefix)},
            given={k.removeprefix(prefix) for k in own if k.startswith(prefix)},
        )

    def must_be_free(self, mark: str, disk_total: int) -> int:
        """Bytes of a disk that are free below a mark (`low`, `high`, `flood_stage`).

        Raises:
            ValueError: The setting cannot be read.
        """
        text = self.settings[mark]
        size = parse_bytes(text)
        if size is not None:
            return size
        used = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
        free = int(disk_total * (1 - used))
        headroom = f"{mark}.max_headroom"
        # The default headroom holds for the default mark alone.
        if mark in self.given and headroom not in self.given:
            return free
        most = parse_bytes(self.settings.get(headroom, "-1"))
        return free if most is None else min(free, most)


def parse_bytes(text: str) -> int | None:
    """Elasticsearch's `20GB` in bytes; None if it is no size."""
    match = re.fullmatch(r"([\d.]+)([kmgtp]?b)", text.lower())
    return int(float(match[1]) * _UNITS[match[2]]) if match else None
