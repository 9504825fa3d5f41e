"""What the doctor thinks, worked out without Elasticsearch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from xlrec_es.cluster.roles import ROLES, index_names
from xlrec_es.doctor import checks
from xlrec_es.doctor.capacity import GIB, DataNode, Need, Watermarks, parse_bytes
from xlrec_es.doctor.checks import Finding
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.calibration import Calibration
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.versions.status import LanguageCoverage, VersionStatus

NODE = DataNode("n1", 1000 * GIB, 900 * GIB, 64 * GIB, 16 * GIB, 40)
LOW, HIGH = (
    "cluster.routing.allocation.disk.watermark.low",
    ("cluster.routing.allocation.disk.watermark.high"),
)
DEFAULTS = {
    "cluster.routing.allocation.disk.threshold_enabled": "true",
    LOW: "85%",
    f"{LOW}.max_headroom": "200GB",
    HIGH: "90%",
    f"{HIGH}.max_headroom": "150GB",
}
MARKS = Watermarks.from_settings({"defaults": DEFAULTS})
NEED = Need(1_000_000, 384)


def levels(findings: list[Finding]) -> list[tuple[str, str]]:
    for finding in findings:  # what is not well comes with what to do
        assert (finding.level == "ok") or finding.advice or finding.topic == "privileges"
    return [(finding.topic, finding.level) for finding in findings]


def test_a_million_vectors_take_what_was_measured() -> None:
    assert NEED.memory / 1e9 == pytest.approx(0.39 + 0.06, abs=0.01)
    assert NEED.disk / 1e9 == pytest.approx(1.54 + 0.45, abs=0.01)
    assert replace(NEED, copies=2).disk == 2 * NEED.disk
    assert str(replace(NEED, copies=2)) == "1,000,000 vectors of 384 dimensions, 2 copies"


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


@pytest.mark.parametrize(
    ("free", "need", "disk", "room"),
    [
        (900, NEED, "ok", "ok"),
        (120, NEED, "warning", "problem"),
        (90, NEED, "problem", "problem"),
        (153, NEED, "ok", "warning"),  # 1.9 GiB fit into 3, but not twice
        (151, NEED, "ok", "problem"),
    ],
)
def test_disks_and_room(free: int, need: Need, disk: str, room: str) -> None:
    nodes = [replace(NODE, disk_free=free * GIB)]
    assert levels(checks.check_disks(nodes, MARKS, need)) == [("disk", disk), ("room", room)]


def test_room_is_that_of_all_nodes() -> None:
    nodes = [replace(NODE, disk_free=152 * GIB)] * 2
    assert levels(checks.check_disks(nodes, MARKS, NEED))[-1] == ("room", "ok")


def test_watermarks_that_are_off_are_named() -> None:
    off = Watermarks.from_settings(
        {"defaults": {**DEFAULTS, "cluster.routing.allocation.disk.threshold_enabled": "false"}}
    )
    assert ("disk", "warning") in levels(checks.check_disks([NODE], off, NEED))


@pytest.mark.parametrize(
    ("changes", "need", "heap", "memory"),
    [
        ({}, NEED, "ok", "ok"),
        ({"heap_percent": 90}, NEED, "warning", "ok"),
        ({"heap": 40 * GIB}, NEED, "warning", "ok"),
        ({"heap": 40 * GIB, "memory": 256 * GIB}, NEED, "warning", "ok"),
        ({}, replace(NEED, documents=200_000_000), "ok", "warning"),
    ],
)
def test_heap_and_memory(changes: dict[str, int], need: Need, heap: str, memory: str) -> None:
    nodes = [replace(NODE, **changes)]
    assert levels(checks.check_memory(nodes, need)) == [("heap", heap), ("memory", memory)]


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


@pytest.mark.parametrize(
    ("versions", "level"),
    [
        ([(9, 5, 0)], "ok"),
        ([(8, 19, 0), (8, 19, 0)], "ok"),
        ([(8, 19, 0), (9, 5, 0)], "warning"),
        ([(8, 18, 4), (9, 5, 0)], "problem"),
    ],
)
def test_versions(versions: list[tuple[int, int, int]], level: str) -> None:
    assert levels(checks.check_versions(versions)) == [("version", level)]


def test_licence_and_modules() -> None:
    assert checks.check_license({"type": "basic", "status": "active"})[0].level == "ok"
    assert checks.check_license({"type": "trial", "status": "expired"})[0].level == "problem"
    assert checks.check_modules({"x-pack-core", "reindex", "lang-painless"})[0].level == "ok"
    assert "reindex" in checks.check_modules({"x-pack-core"})[0].message
    assert checks.check_modules({"reindex"})[0].level == "problem"


@pytest.mark.parametrize(
    ("available", "used", "messages"),
    [
        ({"german", "cjk"}, None, ["2 language analyzers"]),
        (set(), None, ["no language analyzer: every text is read by standard, without stems"]),
        ({"german"}, {"de": "german", "und": "standard"}, ["the best for de, und"]),
        ({"german"}, {"de": "standard"}, ["de is read by standard, and the cluster has german"]),
        (set(), {"de": "standard"}, ["de is read by standard, for want of german"]),
        ({"cjk"}, {"ja": "cjk"}, ["ja is read by cjk, for want of kuromoji"]),
        ({"cjk", "kuromoji"}, {"ja": "cjk"}, ["ja is read by cjk, and the cluster has kuromoji"]),
    ],
)
def test_analyzers(available: set[str], used: dict[str, str] | None, messages: list[str]) -> None:
    findings = checks.check_analyzers(available, used)
    levels(findings)
    assert [finding.message for finding in findings] == messages


def privileges(*lacking: str) -> dict[str, Any]:
    cluster = {p: p not in lacking for role in ROLES.values() for p in role.cluster}
    index = {p: p not in lacking for role in ROLES.values() for p in role.index}
    return {"cluster": cluster, "index": dict.fromkeys(index_names("shop"), index)}


@pytest.mark.parametrize(
    ("lacking", "purpose", "expected"),
    [
        ((), "admin", ["ok", "ok", "ok"]),
        (("manage",), "admin", ["ok", "ok", "problem"]),
        (("manage",), "writer", ["ok", "ok", "ok"]),
        (("index",), "writer", ["ok", "problem", "ok"]),
        (("cluster:admin/analyze",), "reader", ["ok", "ok", "ok"]),
        (("read",), "reader", ["problem", "ok", "ok"]),
    ],
)
def test_privileges(lacking: tuple[str, ...], purpose: str, expected: list[str]) -> None:
    findings = checks.check_privileges(privileges(*lacking), "shop", purpose)
    assert [finding.level for finding in findings] == expected
    for finding in findings:
        if finding.level == "problem":
            assert "xlrec-es role" in finding.advice
            assert lacking[0] in finding.message


def test_shards_writes_and_refresh() -> None:
    assert checks.check_writes(blocked=False)[0].level == "ok"
    assert "killed" in checks.check_writes(blocked=True)[0].advice
    assert checks.check_shards(80 * GIB, 2)[0].level == "ok"
    [large] = checks.check_shards(120 * GIB, 2)
    assert large.level == "warning"
    assert "--shards 5" in large.advice
    assert checks.check_refresh("-1")[0].level == "problem"
    assert checks.check_refresh(None)[0].message == "every 1s"
    assert checks.check_refresh("30s")[0].level == "ok"


META = IndexMeta(
    Fingerprint("model", "1", 4, "mean", "", "title", "none"), Calibration.none(), {"de": "german"}
)


def mapping(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    vector = {"type": "dense_vector", "dims": 4, "similarity": "dot_product", **changes}
    text = {"properties": {"de": {"type": "text", "analyzer": "german"}}}
    return {"properties": {"xlrec": {"properties": {"embedding": vector, "text": text}}}}


def test_mappings() -> None:
    assert checks.check_mapping(META, mapping())[0].level == "ok"
    assert checks.check_mapping(META, mapping(dims=8))[0].message == (
        "dims of xlrec.embedding is 8, not 4"
    )
    assert "cosine" in checks.check_mapping(META, mapping(similarity="cosine"))[0].message
    more = replace(META, analyzers={"de": "german", "ja": "cjk"})
    assert "xlrec.text.ja is None" in checks.check_mapping(more, mapping())[0].message


def test_documents() -> None:
    full = VersionStatus(
        "i",
        "live",
        "model",
        "f",
        3,
        9,
        {"de": LanguageCoverage(2, 2, 0), "en": LanguageCoverage(1, 1, 0)},
    )
    assert levels(checks.check_documents(full)) == [("fingerprint", "ok"), ("vectors", "ok")]
    some = replace(full, strays=1, languages={"de": LanguageCoverage(3, 1, 0)})
    assert levels(checks.check_documents(some)) == [
        ("fingerprint", "problem"),
        ("vectors", "warning"),
    ]
