"""An index beside one that nobody may touch: the object `xlrec`, joined by the documents' ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.bulk import BulkWriter, Named, Operation, Refusal
from xlrec_es.index.fields import LANGUAGE_FIELD, OWN_FIELD, WORK_FIELD
from xlrec_es.index.hits import routed
from xlrec_es.index.mapped_fields import as_tuple, mapped_fields
from xlrec_es.records.field_map import PLACEHOLDER
from xlrec_es.records.renditions import records_of

_PAGE = 1000
_OF_THE_WHOLE = (
    *("date_detection", "dynamic", "dynamic_date_formats", "dynamic_templates", "_meta"),
    *("numeric_detection", "runtime", "subobjects"),
)
"""What of the mappings is not of the fields that are left out."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of documents that were to go.

    Attributes:
        removed: How many are gone.
        refused: Those that stay.
    """

    removed: int = 0
    refused: Sequence[Refusal[Named]] = ()

    @property
    def warnings(self) -> list[str]:
        """What to tell of those that stay."""
        if not self.refused:
            return []
        return [
            f"{len(self.refused)} documents of records that are no more stay, because they could "
            f"not be removed: {self.refused[0].reason}"
        ]


def remove_gone(client: Elasticsearch, source: str, target: str) -> Removed:
    """Remove from a companion the documents of records that its source does not have any more.

    Args:
        client: Of the cluster.
        source: The index that the companion is for.
        target: The companion.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    writer = BulkWriter(client, target)
    total, refused = 0, []
    body = {"_source": False, "fields": [LANGUAGE_FIELD, WORK_FIELD]}
    for hits in scan.pages(client, target, body, page=_PAGE):
        records = [(hit, _records(hit)) for hit in hits]
        there = _existing(client, source, [id_ for _, some in records for id_, _ in some])
        gone = [hit for hit, some in records if there.isdisjoint(some)]
        total += len(gone)
        refused += writer.write(map(_deletion, gone)).refused
    return Removed(total - len(refused), refused)


def _deletion(hit: scan.Hit) -> Operation[Named]:
    id_, routing = scan.key_of(hit)
    return Operation.delete(Named(id_), **routed(routing))


def _records(hit: scan.Hit) -> list[tuple[str, str | None]]:
    """The ids of the records that a document may have been made of, with its routing."""
    id_, routing = scan.key_of(hit)
    names = {LANGUAGE_FIELD: "language", WORK_FIELD: "work"}
    own = {
        names[field]: value for field, [value] in hit.get("fields", {}).items() if field in names
    }
    return [(record, routing) for record in records_of(id_, {OWN_FIELD: own}, None)]


def _existing(client: Elasticsearch, index: str, ids: Sequence[str]) -> set[tuple[str, str | None]]:
    body = {"_source": False, "query": {"ids": {"values": ids}}}
    return {scan.key_of(hit) for hits in scan.pages(client, index, body) for hit in hits}


def kept_paths(kept: Sequence[str], mappings: Mapping[str, Any]) -> tuple[str, ...]:
    """What documents are to have, for the fields that are kept to be searched.

    An alias has its values from the field that it stands for, and a field of copies (`copy_to`)
    from those that are copied.

    Args:
        kept: Paths that were asked for; `{language}` in them stands for any name.
        mappings: Of the index that the companion is for.
    """
    fields = list(mapped_fields(mappings))
    paths = dict.fromkeys(kept)
    before = 0
    while len(paths) > before:
        before = len(paths)
        for field in fields:
            if field.type == "alias" and is_kept(field.path, paths):
                paths.setdefault(str(field.mapping["path"]))
            if field.of and field.path in paths:  # an alias may stand for a field made of another
                paths.setdefault(field.of)
            if any(is_kept(target, paths) for target in field.copies_to):
                paths.setdefault(field.path)
    return tuple(paths)


def kept_mappings(kept: Sequence[str], mappings: Mapping[str, Any]) -> dict[str, Any]:
    """The mappings of an index with the fields alone that a companion has.

    Args:
        kept: As `kept_paths` gives them.
        mappings: Of the index that the companion is for.
    """
    properties = {
        name: mapping
        for name, mapping in mappings.get("properties", {}).items()
        if any(is_kept(name, [path]) for path in kept)
        or ("properties" in mapping and any(is_kept(path, [name]) for path in kept))
    }
    there = {field.path for field in mapped_fields({"properties": properties})}
    found = {name: value for name, value in mappings.items() if name in _OF_THE_WHOLE}
    if "runtime" in found:
        found["runtime"] = {n: one for n, one in found["runtime"].items() if is_kept(n, kept)}
    if "dynamic_templates" in found:
        found["dynamic_templates"] = [
            {name: {**template, "mapping": _closed(template.get("mapping", {}), there)}}
            for one in found["dynamic_templates"]
            for name, template in one.items()
        ]
    return {**found, "properties": dict(_closed_fields(properties, there))}


def is_kept(path: str, kept: Iterable[str]) -> bool:
    """Whether a field is one of these, or in one of these objects."""
    return any(
        re.fullmatch(rf"{'.+'.join(map(re.escape, one.split(PLACEHOLDER)))}(\..*)?", path)
        for one in kept
    )


def _closed_fields(
    properties: Mapping[str, Any], there: Set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Fields without what of them is about a field that is not there."""
    for name, mapping in properties.items():
        if mapping.get("type") != "alias" or mapping["path"] in there:
            yield name, _closed(mapping, there)


def _closed(mapping: Mapping[str, Any], there: Set[str]) -> dict[str, Any]:
    closed = {name: value for name, value in mapping.items() if name != "copy_to"}
    if targets := [target for target in as_tuple(mapping.get("copy_to")) if target in there]:
        closed["copy_to"] = targets
    if "properties" in mapping:
        closed["properties"] = dict(_closed_fields(mapping["properties"], there))
    return closed
