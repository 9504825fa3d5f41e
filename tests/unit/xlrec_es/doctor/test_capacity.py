"""How much vectors take, and how much a node has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from data_nodes import DEFAULTS, LOW, NEED
from xlrec_es.doctor.capacity import GIB, DataNode, Watermarks, parse_bytes
from xlrec_es.vectors.vector_index import VectorIndex


def test_a_million_vectors_take_what_was_measured() -> None:
    assert NEED.memory / 1e9 == pytest.approx(0.40 + 0.06, abs=0.01)
    assert NEED.disk / 1e9 == pytest.approx(1.54 + 0.46, abs=0.01)
    assert replace(NEED, copies=2).disk == 2 * NEED.disk
    assert str(replace(NEED, copies=2)) == "1,000,000 vectors of 384 dimensions, 2 copies"


def test_each_way_to_index_vectors_takes_its_own() -> None:
    small = replace(NEED, vectors=VectorIndex("bbq"))
    assert small.memory / 1e6 == pytest.approx(48 + 14 + 64)
    assert small.disk - small.memory == 4 * 384 * 1_000_000
    assert str(small) == "1,000,000 vectors of 384 dimensions, bbq_hnsw"
    whole = replace(NEED, vectors=VectorIndex("none", "flat"))
    assert whole.memory == whole.disk == 4 * 384 * 1_000_000


def test_pictures_take_theirs_beside() -> None:
    both = replace(NEED, image_dims=512)
    assert both.disk - NEED.disk == replace(NEED, dims=512).disk
    assert both.memory - NEED.memory == replace(NEED, dims=512).memory
    assert str(both) == "1,000,000 vectors of 384 dimensions, as many of pictures of 512"


@pytest.mark.parametrize(
    ("settings", "total", "free"),
    [
        ({"defaults": DEFAULTS}, 1000 * GIB, 150 * GIB),
        ({"defaults": DEFAULTS}, 10_000 * GIB, 200 * GIB),  # the headroom, not 15%
        ({"defaults": DEFAULTS, "persistent": {LOW: "80%"}}, 10_000 * GIB, 2000 * GIB),
        ({"defaults": DEFAULTS, "transient": {LOW: "0.8"}}, 1000 * GIB, 200 * GIB),
        ({"defaults": DEFAULTS, "persistent": {LOW: "30gb"}}, 1000 * GIB, 30 * GIB),
        (
            {
                "defaults": DEFAULTS,
                "persistent": {LOW: "80%", f"{LOW}.max_headroom": "50gb"},
            },
            1000 * GIB,
            50 * GIB,
        ),
        ({"defaults": {**DEFAULTS, f"{LOW}.max_headroom": "-1"}}, 10_000 * GIB, 1500 * GIB),
    ],
)
def test_watermarks_are_read_as_elasticsearch_reads_them(
    settings: dict[str, Any], total: int, free: int
) -> None:
    marks = Watermarks.from_settings(settings)
    assert marks.must_be_free("low", total) == pytest.approx(free, rel=1e-9)


def test_sizes_are_read() -> None:
    assert parse_bytes("1.5kb") == 1536
    assert parse_bytes("20GB") == 20 * GIB
    assert parse_bytes("85%") is None


def test_a_container_has_the_memory_it_is_given() -> None:
    stats = {
        "name": "n1",
        "os": {
            "mem": {"total_in_bytes": 64 * GIB},
            "cgroup": {"memory": {"limit_in_bytes": str(8 * GIB)}},
        },
        "fs": {"total": {"total_in_bytes": 2, "available_in_bytes": 1}},
        "jvm": {"mem": {"heap_max_in_bytes": 4 * GIB, "heap_used_percent": 5}},
    }
    assert DataNode.from_stats(stats).memory == 8 * GIB
    stats["os"]["cgroup"] = {"memory": {"limit_in_bytes": "max"}}  # type: ignore[index]
    assert DataNode.from_stats(stats).memory == 64 * GIB
