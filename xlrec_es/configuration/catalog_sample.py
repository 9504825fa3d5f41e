"""The first records of a catalog, and what each of their fields holds."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.configuration.columns import CatalogSample, columns_of
from xlrec_es.errors import IndexNotFound, IndexUnusable, SourceError
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.mapped_fields import mapped_fields
from xlrec_es.interactions.row_reader import INDEX
from xlrec_es.records.catalog_files import is_parquet, open_text
from xlrec_es.records.envelope import opened
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record, Rejection

SAMPLE = 1000
"""So many records of a file are looked at."""

INDEX_SAMPLE = 200
"""So many documents of an index."""


def sample_file(path: str, size: int = SAMPLE) -> CatalogSample:
    """Read the first records of a file, as the worker reads them.

    Raises:
        SourceError: It cannot be read, or has no record.
    """
    if is_parquet(path):
        raise SourceError(
            f"{path} is Parquet, which the worker alone reads; give a few of its rows as JSON "
            "Lines, or the index that they are in"
        )
    if not Path(path).is_file():
        raise SourceError(f"there is no file {path}; for an index, write {INDEX}{path}")
    found = list(islice(open_text(path).records(), size))
    rejected = [one for one in found if isinstance(one, Rejection)]
    records = [opened(one, FieldMap()) for one in found if isinstance(one, Record)]
    if not records:
        reason = f"; the first is {rejected[0].reason}" if rejected else ""
        raise SourceError(f"{path} has no record{reason}")
    columns = columns_of([record.fields for record in records])
    return CatalogSample(path, records, columns, len(rejected))


def sample_index(client: Elasticsearch, name: str, size: int = INDEX_SAMPLE) -> CatalogSample:
    """Read some documents of an index, and its mapping.

    Args:
        client: Of its cluster.
        name: Of the index, or of an alias of one.
        size: Of the sample.

    Raises:
        IndexUnusable: There is no such index, or the alias stands for several.
        SourceError: It has no documents, or does not store them.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        found = client.indices.get_mapping(index=name).body
        answer = client.search(index=name, size=size)
    if not found:
        raise IndexNotFound(f"there is no index {name}")
    if len(found) > 1:
        raise IndexUnusable(f"{name} stands for {len(found)} indices; name one of them")
    [body] = found.values()
    records = []
    for number, hit in enumerate(answer["hits"]["hits"], 1):
        fields = {n: v for n, v in hit.get("_source", {}).items() if n != OWN_FIELD}
        records.append(Record(fields, number, id=hit["_id"]))
    if not any(record.fields for record in records):
        raise SourceError(f"{name} has no documents, or does not store them (_source)")
    fields_of = {one.path: one for one in mapped_fields(body["mappings"])}
    columns = columns_of([record.fields for record in records], fields_of)
    return CatalogSample(f"{INDEX}{name}", records, columns, is_index=True)
