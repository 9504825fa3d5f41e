"""What the doctor thinks of what it was told. Pure: answers of Elasticsearch in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xlrec_es.cluster.analyzers import CANDIDATE_ANALYZERS, FALLBACK_ANALYZER, choose_analyzer
from xlrec_es.cluster.capabilities import MINIMUM_VERSION
from xlrec_es.cluster.roles import ROLES, index_names
from xlrec_es.doctor.capacity import DISK, GIB, DataNode, Need, Watermarks
from xlrec_es.index.fields import MAX_HITS, MAX_TERMS, OWN_FIELD, text_field
from xlrec_es.index.meta import IndexMeta
from xlrec_es.index.search_limits import SearchLimits
from xlrec_es.versions.status import VersionStatus

MAX_SHARD_BYTES = 50 * GIB
"""Elastic's advice: shards between 10 and 50 GB (reference, "Size your shards")."""

MAX_SEGMENTS = 60
"""Of a shard. Elasticsearch aims at ten of each size, and has two to four sizes in a large one."""

MAX_HEAP_BYTES = 32 * GIB
"""From here on Java no longer compresses its pointers."""

LEAST_COLUMNS = 2
"""What a search reads of each hit: its id and its work; and a column for each cap."""

_HIGH_HEAP_PERCENT = 85
_MAX_COLUMNS = "index.max_docvalue_fields_search"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        topic: What was looked at.
        level: `ok`, `warning` (it works, but not well or not for long), or `problem`.
        message: What was found.
        advice: What to do; empty if nothing.
    """

    topic: str
    level: Literal["ok", "warning", "problem"]
    message: str
    advice: str = ""


def check_versions(versions: Iterable[tuple[int, int, int]]) -> list[Finding]:
    """Of all nodes."""
    found = sorted(set(versions))
    names = ", ".join(".".join(map(str, version)) for version in found)
    oldest = ".".join(map(str, MINIMUM_VERSION))
    if found[0] < MINIMUM_VERSION:
        advice = f"upgrade Elasticsearch to {oldest} or later"
        return [Finding("version", "problem", f"Elasticsearch {names} is too old", advice)]
    if len(found) > 1:
        advice = "finish the upgrade before a new version of an index is made"
        return [Finding("version", "warning", f"the nodes have several versions: {names}", advice)]
    return [Finding("version", "ok", f"Elasticsearch {names}")]


def check_license(answer: Mapping[str, Any]) -> list[Finding]:
    """Out of `GET _license`."""
    kind, status = answer["type"], answer["status"]
    if status != "active":
        advice = "go back to the free one: POST _license/start_basic"
        return [Finding("licence", "problem", f"the {kind} license is {status}", advice)]
    return [Finding("licence", "ok", f"{kind}; the free basic one is enough")]


def check_modules(modules: Collection[str]) -> list[Finding]:
    """Out of the names that every node has."""
    if "x-pack-core" not in modules:
        message = "x-pack-core is missing, which licenses and sparse vectors need"
        return [Finding("modules", "problem", message, "install Elastic's own distribution")]
    missing = [name for name in ("reindex", "lang-painless") if name not in modules]
    note = f"; {' and '.join(missing)} missing, which nothing here needs" if missing else ""
    return [Finding("modules", "ok", f"all that is needed{note}")]


def check_analyzers(available: Collection[str], used: Mapping[str, str] | None) -> list[Finding]:
    """Whether each language is read as it should be.

    Args:
        available: Language analyzers that the cluster has.
        used: By language, those that the index's fields have; None without an index.
    """
    topic = "analyzers"
    if used is None:
        if available:
            return [Finding(topic, "ok", f"{len(available)} language analyzers")]
        advice = "install Elastic's own distribution, which has them"
        message = "no language analyzer: every text is read by standard, without stems"
        return [Finding(topic, "warning", message, advice)]
    findings = []
    for language, analyzer in sorted(used.items()):
        best, ideal = (choose_analyzer(language, n) for n in (available, CANDIDATE_ANALYZERS))
        if analyzer == ideal:
            continue
        if best not in (analyzer, FALLBACK_ANALYZER):
            message = f"{language} is read by {analyzer}, and the cluster has {best}"
            advice = "a new version of the index can use it"
        else:
            message = f"{language} is read by {analyzer}, for want of {ideal}"
            advice = f"install {ideal} (bundled, or a plugin of Elastic's) and make a new version"
        findings.append(Finding(topic, "warning", message, advice))
    return findings or [Finding(topic, "ok", f"the best for {', '.join(sorted(used)) or 'none'}")]


def check_privileges(answer: Mapping[str, Any], name: str, purpose: str) -> list[Finding]:
    """Which commands the key is enough for.

    Args:
        answer: Of `POST _security/user/_has_privileges` for the privileges of all `ROLES`.
        name: Of the index.
        purpose: One of `ROLES`: what the key is meant for.
    """
    findings = []
    needed = list(ROLES)[: list(ROLES).index(purpose) + 1]
    for kind, role in ROLES.items():
        lacks = [p for p in role.cluster if not answer["cluster"][p]]
        allowed = [answer["index"][pattern] for pattern in index_names(name)]
        lacks += [p for p in role.index if not all(has[p] for has in allowed)]
        if not lacks:
            findings.append(Finding("privileges", "ok", f"enough for {kind}: {role.allows}"))
            continue
        message = f"not enough for {kind} ({role.allows}): lacks {', '.join(lacks)}"
        if kind in needed:
            advice = f"make a key with: xlrec-es role {kind} --index {name}"
            findings.append(Finding("privileges", "problem", message, advice))
        else:
            findings.append(Finding("privileges", "ok", message))
    return findings


def check_disks(nodes: Iterable[DataNode], marks: Watermarks, need: Need) -> list[Finding]:
    """Watermarks, and room for the vectors.

    Args:
        nodes: Those that hold data.
        marks: Of the cluster.
        need: Of the vectors.
    """
    findings, room = [], 0
    for node in nodes:
        low, high = (marks.must_be_free(mark, node.disk_total) for mark in ("low", "high"))
        room += max(0, node.disk_free - low)
        free = f"{node.name} has {_size(node.disk_free)} of {_size(node.disk_total)} free"
        if node.disk_free < high:
            advice = "make room, or Elasticsearch moves its shards away and then refuses writes"
            findings.append(Finding("disk", "problem", f"{free}, beyond the high mark", advice))
        elif node.disk_free < low:
            advice = "make room: Elasticsearch puts no new shard there"
            findings.append(Finding("disk", "warning", f"{free}, beyond the low mark", advice))
        else:
            findings.append(Finding("disk", "ok", free))
    if not marks.enabled:
        message = "the watermarks are switched off, so nothing stops a disk from filling up"
        advice = f"set {DISK}.threshold_enabled to true"
        findings.append(Finding("disk", "warning", message, advice))
    fits = f"{need} take {_size(need.disk)}; {_size(room)} are free up to the low mark"
    # While segments are merged, and while a new version stands beside the old, twice as much.
    if need.disk > room:
        findings.append(Finding("room", "problem", fits, "add disks or nodes"))
    elif 2 * need.disk > room:
        advice = "a new version needs the same again, until the old one is pruned: add disks"
        findings.append(Finding("room", "warning", fits, advice))
    else:
        findings.append(Finding("room", "ok", fits))
    return findings


def check_memory(nodes: Iterable[DataNode], need: Need) -> list[Finding]:
    """Heaps, and whether the vectors fit into what the heaps leave."""
    findings, cache = [], 0
    for node in nodes:
        cache += max(0, node.memory - node.heap)
        heap = f"{node.name} has a heap of {_size(node.heap)}, {node.heap_percent}% full"
        if node.heap_percent > _HIGH_HEAP_PERCENT:
            advice = "look again in a minute; if it stays, give it more heap"
        elif node.heap >= MAX_HEAP_BYTES:
            advice = "keep heaps below 32 GB, where Java compresses its pointers"
        elif 2 * node.heap > node.memory:
            advice = f"leave at least half of the {_size(node.memory)} to the page cache"
        else:
            findings.append(Finding("heap", "ok", heap))
            continue
        findings.append(Finding("heap", "warning", heap, advice))
    fits = f"{need} want {_size(need.memory)}; {_size(cache)} lie outside of the heaps"
    if need.memory > cache:
        advice = "searches will read from disk: add memory or nodes"
        return [*findings, Finding("memory", "warning", fits, advice)]
    return [*findings, Finding("memory", "ok", fits)]


def check_shards(primary_bytes: int, shards: int) -> list[Finding]:
    """How large the primary shards of an index are, on average."""
    each = primary_bytes // shards
    message = f"{shards} of {_size(each)} each"
    if each > MAX_SHARD_BYTES:
        more = -(-primary_bytes // (MAX_SHARD_BYTES // 2))
        advice = f"make a new version with more of them: xlrec-es index create --shards {more}"
        return [Finding("shards", "warning", message, advice)]
    return [Finding("shards", "ok", message)]


def check_segments(segments: int, shards: int) -> list[Finding]:
    """How many segments the primary shards of an index have: each has a graph of its own.

    Source: "Tune approximate kNN search", "Reduce the number of index segments"
    (https://www.elastic.co/docs/deploy-manage/production-guidance/optimize-performance/approximate-knn-search).
    """
    each = segments // shards
    message = f"{each} a shard"
    if each > MAX_SEGMENTS:
        message += ": searches by vectors go through each of them, and are slower"
        advice = (
            "if a large load has just ended, Elasticsearch merges them by itself in time; at once, "
            "and while nothing writes: POST <index>/_forcemerge?max_num_segments=1"
        )
        return [Finding("segments", "warning", message, advice)]
    return [Finding("segments", "ok", message)]


def check_refresh(interval: str | None) -> list[Finding]:
    """The index's `refresh_interval`; None is Elasticsearch's own, one second."""
    if interval is not None and interval.startswith("-1"):
        message = "refresh_interval is -1: what is written does not become visible"
        advice = 'set it back: PUT <index>/_settings {"index.refresh_interval": null}'
        return [Finding("refresh", "problem", message, advice)]
    return [Finding("refresh", "ok", f"every {interval or '1s'}")]


def check_limits(settings: Mapping[str, str]) -> list[Finding]:
    """What the index's settings let a search ask for, beside what is asked for.

    Args:
        settings: Flat.
    """
    limits = SearchLimits.of(settings)
    columns = int(settings.get(_MAX_COLUMNS, LEAST_COLUMNS))
    if columns < LEAST_COLUMNS:
        message = f"{_MAX_COLUMNS} is {columns}, and each search reads {LEAST_COLUMNS} of them"
        advice = f'set it back: PUT <index>/_settings {{"{_MAX_COLUMNS}": null}}'
        return [Finding("limits", "problem", message, advice)]
    findings = []
    for name, has, usual, follows in (
        ("index.max_result_window", limits.hits, MAX_HITS, "no search finds more"),
        ("index.max_terms_count", limits.terms, MAX_TERMS, "long histories are split"),
    ):
        if has < usual:
            advice = f'if it is not needed: PUT <index>/_settings {{"{name}": null}}'
            message = f"{name} is {has} in place of {usual}: {follows}, and more requests are sent"
            findings.append(Finding("limits", "warning", message, advice))
    return findings or [Finding("limits", "ok", "as Elasticsearch has them, or above")]


def check_writes(settings: Mapping[str, str]) -> list[Finding]:
    """Whether the index takes writes; a reindex or rollback that was killed leaves it refusing.

    Args:
        settings: Flat.
    """
    if settings.get("index.blocks.read_only_allow_delete") == "true":
        message = "refused (index.blocks.read_only_allow_delete): a disk was too full"
        advice = "make room on the disks, and Elasticsearch takes it off by itself"
        return [Finding("writes", "problem", message, advice)]
    if settings.get("index.blocks.read_only") == "true":
        message = "refused, and changes of the mapping too (index.blocks.read_only)"
        advice = 'if it is not wanted: PUT <index>/_settings {"index.blocks.read_only": null}'
        return [Finding("writes", "warning", message, advice)]
    if settings.get("index.blocks.write") == "true":
        message = "refused (index.blocks.write)"
        advice = (
            "if a reindex or rollback was killed, run it again, which takes the block off; if "
            'it is not wanted: PUT <index>/_settings {"index.blocks.write": null}'
        )
        return [Finding("writes", "warning", message, advice)]
    return [Finding("writes", "ok", "taken")]


def check_mapping(meta: IndexMeta, mappings: Mapping[str, Any]) -> list[Finding]:
    """Whether the fields are those that `_meta.xlrec` speaks of."""
    fields = mappings.get("properties", {}).get(OWN_FIELD, {}).get("properties", {})
    vector, texts = fields.get("embedding", {}), fields.get("text", {}).get("properties", {})
    wrong = []
    for what, has, wants in (
        ("type of xlrec.embedding", vector.get("type"), "dense_vector"),
        ("dims of xlrec.embedding", vector.get("dims"), meta.fingerprint.dims),
        ("similarity of xlrec.embedding", vector.get("similarity"), "dot_product"),
        *(
            [("type of xlrec.sparse", fields.get("sparse", {}).get("type"), "sparse_vector")]
            if meta.fingerprint.sparse
            else []
        ),
        *(
            [("dims of xlrec.image_vector", fields.get("image_vector", {}).get("dims"), dims)]
            if (dims := meta.images.get("fingerprint", {}).get("dims"))
            else []
        ),
        *(
            (f"analyzer of {text_field(tag)}", _analyzer(texts.get(tag)), analyzer)
            for tag, analyzer in sorted(meta.analyzers.items())
        ),
    ):
        if has != wants:
            wrong.append(f"{what} is {has}, not {wants}")
    if wrong:
        advice = "the mapping was changed by hand: make a new version with xlrec-ingest run"
        return [Finding("mapping", "problem", "; ".join(wrong), advice)]
    return [Finding("mapping", "ok", f"{meta.schema}, {meta.fingerprint.dims} dimensions")]


def check_documents(status: VersionStatus) -> list[Finding]:
    """Whether all documents have a vector, and all of one fingerprint."""
    documents = sum(coverage.documents for coverage in status.languages.values())
    vectors = sum(coverage.vectors for coverage in status.languages.values())
    findings = []
    if status.strays:
        message = f"{status.strays} of {documents} documents have vectors of another fingerprint"
        findings.append(Finding("fingerprint", "problem", message, "run xlrec-ingest run again"))
    else:
        message = f"{status.fingerprint} ({status.model})"
        findings.append(Finding("fingerprint", "ok", message))
    if vectors < documents:
        message = f"{documents - vectors} of {documents} documents have no vector"
        findings.append(Finding("vectors", "warning", message, "run xlrec-ingest run on them"))
    else:
        findings.append(Finding("vectors", "ok", f"all {documents} documents have one"))
    counts = [c.sparse for c in status.languages.values() if c.sparse is not None]
    if counts and sum(counts) < vectors:
        message = f"{vectors - sum(counts)} of {documents} documents have no learned sparse weights"
        advice = "run xlrec-ingest run on them with --sparse-model"
        findings.append(Finding("sparse weights", "warning", message, advice))
    elif counts:
        message = f"all {sum(counts)} documents with a vector have learned sparse weights"
        findings.append(Finding("sparse weights", "ok", message))
    pictures = [c.images for c in status.languages.values() if c.images is not None]
    if pictures and not sum(pictures):
        message = "no document has a picture, and the retriever image finds nothing"
        advice = "run xlrec-ingest run with --image, and look at the rejects of stage image"
        findings.append(Finding("pictures", "warning", message, advice))
    elif pictures:
        message = f"{sum(pictures)} of {documents} documents have one"
        findings.append(Finding("pictures", "ok", message))
    return findings


def _analyzer(text_field: Mapping[str, Any] | None) -> str | None:
    if text_field is None:
        return None
    return str(text_field.get("analyzer", FALLBACK_ANALYZER))


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 1024**2:.0f} MiB"
