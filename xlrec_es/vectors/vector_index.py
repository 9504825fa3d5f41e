"""How Elasticsearch indexes vectors: how many bits of a number it keeps in memory, and in what.

Sources: Elasticsearch reference, "Dense vector field type"
(https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/dense-vector), and "Tune
approximate kNN search" for the bytes
(https://www.elastic.co/docs/deploy-manage/production-guidance/optimize-performance/approximate-knn-search).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xlrec_es.errors import ConfigError

INT8, INT4, BBQ, NONE = "int8", "int4", "bbq", "none"
QUANTIZATIONS = (INT8, INT4, BBQ, NONE)
HNSW, FLAT = "hnsw", "flat"
STRUCTURES = (HNSW, FLAT)

OVERSAMPLE: Mapping[str, float] = {INT4: 2.0, BBQ: 3.0}
"""How many times as many vectors as asked for are compared again by their exact numbers. For `bbq`
it is Elasticsearch's own default; for `int4` see ingest/ENCODERS.md, "Index vectors"."""

_LEAST_BBQ_DIMS = 64
_M, _EF_CONSTRUCTION = 16, 100  # as Elasticsearch has them
_CORRECTION_BYTES = 16  # of a quantized vector, beside its codes


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """How vectors are indexed.

    Attributes:
        quantization: One of `QUANTIZATIONS`: bits of a number in memory are 8, 4, 1 or 32.
        structure: `hnsw`, a graph; or `flat`, which compares all vectors and is exact but for the
            quantization.
        m: Neighbors of a vector in the graph.
        ef_construction: Candidates for them while the graph is made.
        oversample: See `OVERSAMPLE`; None for that, 0 for no second comparison.
    """

    quantization: str = INT8
    structure: str = HNSW
    m: int = _M
    ef_construction: int = _EF_CONSTRUCTION
    oversample: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> VectorIndex | None:
        """Out of the `index_options` of a mapping; None if they are of another kind."""
        kind = str(options.get("type", ""))
        quantization, _, structure = kind.rpartition("_")
        quantization = quantization or NONE
        if quantization not in QUANTIZATIONS or structure not in STRUCTURES:
            return None
        return cls(
            quantization,
            structure,
            int(options.get("m", _M)),
            int(options.get("ef_construction", _EF_CONSTRUCTION)),
            (options.get("rescore_vector") or {}).get("oversample"),
        )

    def changed(self, given: Mapping[str, Any]) -> VectorIndex:
        """The same but for some attributes.

        Args:
            given: By name. With another quantization the oversampling is that of it, unless it is
                given, too.

        Raises:
            ConfigError: One of them has no effect on vectors that are indexed so.
        """
        other = given.get("quantization", self.quantization) != self.quantization
        changed = replace(self, **{**({"oversample": None} if other else {}), **given})
        if changed.quantization == NONE and given.get("oversample") is not None:
            raise ConfigError(
                "--oversample is for vectors of fewer bits (int8, int4, bbq), and these have all "
                "32 (--quantization none); leave it out"
            )
        of_graph = {"m": "--hnsw-m", "ef_construction": "--ef-construction"}
        if changed.structure == FLAT and (idle := [of_graph[n] for n in of_graph if n in given]):
            raise ConfigError(
                f"{' and '.join(idle)}: these are for a graph, and the vectors have none "
                "(--vector-index flat); leave them out"
            )
        return changed

    @property
    def kind(self) -> str:
        """As Elasticsearch calls it: `int8_hnsw`, `bbq_flat`, `hnsw` ..."""
        none = self.quantization == NONE
        return self.structure if none else f"{self.quantization}_{self.structure}"

    def options(self, dims: int) -> dict[str, Any]:
        """The `index_options` of the mapping.

        Args:
            dims: Of the vectors.

        Raises:
            ConfigError: No vectors of so many dimensions are indexed so.
        """
        if self.quantization == BBQ and dims < _LEAST_BBQ_DIMS:
            raise ConfigError(
                f"bbq takes {_LEAST_BBQ_DIMS} dimensions or more, and the vectors have {dims}; use "
                f"--quantization {INT8 if dims % 2 else f'{INT4} or {INT8}'}"
            )
        if self.quantization == INT4 and dims % 2:
            raise ConfigError(
                f"int4 takes an even number of dimensions, and the vectors have {dims}; use "
                "--quantization int8"
            )
        found: dict[str, Any] = {"type": self.kind}
        if self.structure == HNSW:
            found |= {"m": self.m, "ef_construction": self.ef_construction}
        oversample = self.oversample
        if oversample is None:
            oversample = OVERSAMPLE.get(self.quantization)
        if oversample is not None and self.quantization != NONE:
            found["rescore_vector"] = {"oversample": oversample}
        return found

    def memory_bytes(self, dims: int) -> int:
        """What of one vector should fit into the page cache: codes and graph, or the vector."""
        codes = {
            INT8: dims + _CORRECTION_BYTES,
            INT4: -(-dims // 2) + _CORRECTION_BYTES,
            BBQ: -(-dims // 64) * 8 + 14,
            NONE: 4 * dims,
        }
        return codes[self.quantization] + (4 * self.m if self.structure == HNSW else 0)

    def disk_bytes(self, dims: int) -> int:
        """What one vector takes on disk: the raw numbers stay beside the codes."""
        raw = 0 if self.quantization == NONE else 4 * dims
        return raw + self.memory_bytes(dims)


DEFAULT = VectorIndex()
"""What the shipped mapping has."""
