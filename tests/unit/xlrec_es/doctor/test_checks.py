"""What the doctor thinks, worked out without Elasticsearch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from data_nodes import DEFAULTS, MARKS, NEED, NODE
from xlrec_es.cluster.roles import ROLES, index_names
from xlrec_es.doctor import checks
from xlrec_es.doctor.capacity import GIB, Need, Watermarks
from xlrec_es.doctor.checks import Finding
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.versions.status import LanguageCoverage, VersionStatus


def levels(findings: list[Finding]) -> list[tuple[str, str]]:
    for finding in findings:  # what is not well comes with what to do
        assert (finding.level == "ok") or finding.advice or finding.topic == "privileges"
    return [(finding.topic, finding.level) for finding in findings]


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
    assert checks.check_writes({})[0].level == "ok"
    assert "killed" in checks.check_writes({"index.blocks.write": "true"})[0].advice
    assert checks.check_shards(80 * GIB, 2)[0].level == "ok"
    [large] = checks.check_shards(120 * GIB, 2)
    assert large.level == "warning"
    assert "--shards 5" in large.advice
    assert checks.check_segments(120, 2)[0].message == "60 a shard"
    [many] = checks.check_segments(123, 2)
    assert many.level == "warning"
    assert many.message.startswith("61 a shard: ")
    assert "_forcemerge?max_num_segments=1" in many.advice
    assert checks.check_refresh("-1")[0].level == "problem"
    assert checks.check_refresh(None)[0].message == "every 1s"
    assert checks.check_refresh("30s")[0].level == "ok"


@pytest.mark.parametrize(
    ("settings", "level", "said"),
    [
        ({}, "ok", "as Elasticsearch has them"),
        ({"index.max_result_window": "20000"}, "ok", "or above"),
        ({"index.max_result_window": "500"}, "warning", "max_result_window is 500 in place of"),
        ({"index.max_terms_count": "500"}, "warning", "max_terms_count is 500 in place of 65536"),
        ({"index.max_docvalue_fields_search": "1"}, "problem", "each search reads 2 of them"),
    ],
)
def test_limits(settings: dict[str, str], level: str, said: str) -> None:
    [finding] = checks.check_limits(settings)
    assert levels([finding]) == [("limits", level)]
    assert said in finding.message


@pytest.mark.parametrize(
    ("block", "level"), [("read_only_allow_delete", "problem"), ("read_only", "warning")]
)
def test_an_index_that_is_read_only(block: str, level: str) -> None:
    [finding] = checks.check_writes({f"index.blocks.{block}": "true"})
    assert levels([finding]) == [("writes", level)]
    assert block in finding.message


META = IndexMeta(
    Fingerprint("model", "1", 4, "mean", "", "title", "none"),
    LanguageCentering.none(),
    {"de": "german"},
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


def test_learned_sparse_weights() -> None:
    meta = replace(META, fingerprint=replace(META.fingerprint, sparse="splade at 1"))
    [finding] = checks.check_mapping(meta, mapping())
    assert finding.message == "type of xlrec.sparse is None, not sparse_vector"
    fields = mapping()
    fields["properties"]["xlrec"]["properties"]["sparse"] = {"type": "sparse_vector"}
    assert checks.check_mapping(meta, fields)[0].level == "ok"
    all_ = {"de": LanguageCoverage(2, 2, 0, sparse=2), "en": LanguageCoverage(1, 1, 0, sparse=1)}
    status = VersionStatus("i", "live", "model", "f", 3, 9, all_)
    told = checks.check_documents(status)[-1]
    assert (told.topic, told.level) == ("sparse weights", "ok")
    fewer = {**all_, "en": LanguageCoverage(1, 1, 0, sparse=0)}
    told = checks.check_documents(replace(status, languages=fewer))[-1]
    assert (told.topic, told.level) == ("sparse weights", "warning")
    assert told.message == "1 of 3 documents have no learned sparse weights"


def test_pictures() -> None:
    meta = replace(META, images={"field": "cover", "fingerprint": {"dims": 8}})
    [finding] = checks.check_mapping(meta, mapping())
    assert finding.message == "dims of xlrec.image_vector is None, not 8"
    fields = mapping()
    fields["properties"]["xlrec"]["properties"]["image_vector"] = {"dims": 8}
    assert checks.check_mapping(meta, fields)[0].level == "ok"
    some = {"de": LanguageCoverage(2, 2, 0, images=1), "en": LanguageCoverage(1, 1, 0, images=0)}
    status = VersionStatus("i", "live", "model", "f", 3, 9, some)
    told = checks.check_documents(status)[-1]
    assert (told.topic, told.level) == ("pictures", "ok")
    assert told.message == "1 of 3 documents have one"
    none = {"en": LanguageCoverage(3, 3, 0, images=0)}
    told = checks.check_documents(replace(status, languages=none))[-1]
    assert (told.topic, told.level) == ("pictures", "warning")
