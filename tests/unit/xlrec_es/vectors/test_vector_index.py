from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import ConfigError
from xlrec_es.index.mapping import load_mapping, vector_options
from xlrec_es.vectors.vector_index import (
    DEFAULT,
    QUANTIZATIONS,
    STRUCTURES,
    VectorIndex,
)


def test_the_default_is_what_the_shipped_mapping_has() -> None:
    assert DEFAULT.options(384) == vector_options(load_mapping()["mappings"])


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        (VectorIndex("none"), {"type": "hnsw", "m": 16, "ef_construction": 100}),
        (VectorIndex("none", "flat"), {"type": "flat"}),
        (VectorIndex("int8", "flat"), {"type": "int8_flat"}),
        (VectorIndex(m=32, ef_construction=200), {"m": 32, "ef_construction": 200}),
        (VectorIndex("int4"), {"type": "int4_hnsw", "rescore_vector": {"oversample": 2.0}}),
        (
            VectorIndex("bbq", "flat"),
            {"type": "bbq_flat", "rescore_vector": {"oversample": 3.0}},
        ),
        (VectorIndex("bbq", oversample=5), {"rescore_vector": {"oversample": 5}}),
        (VectorIndex("int8", oversample=1.5), {"rescore_vector": {"oversample": 1.5}}),
    ],
)
def test_options_are_as_elasticsearch_calls_them(
    vectors: VectorIndex, expected: dict[str, Any]
) -> None:
    options = vectors.options(384)
    assert expected.items() <= options.items()
    assert ("m" in options) == (vectors.structure == "hnsw")


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_options_are_read_as_they_were_written(quantization: str, structure: str) -> None:
    vectors = VectorIndex(quantization, structure)
    read = VectorIndex.of(vectors.options(64))
    assert read is not None
    assert read.options(64) == vectors.options(64)


@pytest.mark.parametrize("kind", ["bbq_disk", "", "int2_hnsw", "hnsw_int8"])
def test_another_kind_is_not_known(kind: str) -> None:
    assert VectorIndex.of({"type": kind}) is None


def test_another_quantization_has_an_oversampling_of_its_own() -> None:
    bbq = VectorIndex.of(VectorIndex("bbq").options(64))
    assert bbq is not None
    assert bbq.oversample == 3.0
    assert "rescore_vector" not in bbq.changed({"quantization": "int8"}).options(64)
    assert bbq.changed({"structure": "flat"}).oversample == 3.0
    assert bbq.changed({"quantization": "int4", "oversample": 4.0}).oversample == 4.0
    assert bbq.changed({"m": 8}).options(64)["m"] == 8
    assert bbq.changed({}) == bbq


@pytest.mark.parametrize(
    ("quantization", "dims", "told", "instead"),
    [
        ("bbq", 63, "bbq takes 64 dimensions or more", "int8"),
        ("bbq", 62, "bbq takes 64 dimensions or more", "int4 or int8"),
        ("int4", 65, "int4 takes an even number", "int8"),
    ],
)
def test_dimensions_that_cannot_be_indexed_so_are_refused(
    quantization: str, dims: int, told: str, instead: str
) -> None:
    with pytest.raises(ConfigError, match=f"{told}.*have {dims}; use --quantization {instead}$"):
        VectorIndex(quantization).options(dims)
    for other in instead.split(" or "):
        assert VectorIndex(other).options(dims)


@pytest.mark.parametrize(
    ("has", "given", "told"),
    [
        (DEFAULT, {"quantization": "none", "oversample": 3.0}, "--oversample is for vectors of"),
        (VectorIndex("none"), {"oversample": 3.0}, "--oversample is for vectors of fewer bits"),
        (DEFAULT, {"structure": "flat", "m": 16}, "--hnsw-m: these are for a graph"),
        (
            VectorIndex("bbq", "flat"),
            {"m": 16, "ef_construction": 9},
            "--hnsw-m and --ef-construction: these",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(
    has: VectorIndex, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{told}.*leave"):
        has.changed(given)


def test_what_an_index_has_does_not_stand_against_what_is_asked_for() -> None:
    graph = VectorIndex("bbq", m=32, ef_construction=200, oversample=5.0)
    assert graph.changed({"structure": "flat", "quantization": "none"}).options(64) == {
        "type": "flat"
    }
    assert VectorIndex("none", "flat").changed({"structure": "hnsw", "m": 8}).m == 8


@pytest.mark.parametrize(
    ("vectors", "memory", "disk"),
    [
        (DEFAULT, 384 + 16 + 64, 4 * 384 + 384 + 16 + 64),
        (VectorIndex("int4"), 192 + 16 + 64, 4 * 384 + 192 + 16 + 64),
        (VectorIndex("bbq"), 48 + 14 + 64, 4 * 384 + 48 + 14 + 64),
        (VectorIndex("none"), 4 * 384 + 64, 4 * 384 + 64),
        (VectorIndex("none", "flat"), 4 * 384, 4 * 384),
        (VectorIndex("bbq", "flat"), 48 + 14, 4 * 384 + 48 + 14),
        (VectorIndex(m=32), 384 + 16 + 128, 4 * 384 + 384 + 16 + 128),
    ],
)
def test_bytes_of_a_vector(vectors: VectorIndex, memory: int, disk: int) -> None:
    assert (vectors.memory_bytes(384), vectors.disk_bytes(384)) == (memory, disk)
