"""Make the first version of an index, or give one that exists our fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexUnusable
from xlrec_es.index import templates
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.live_index import LiveIndex, physical_name
from xlrec_es.index.mapping import (
    has_no_objects,
    index_body,
    settings_for_fields,
    with_fields_of,
    with_objects,
)
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.vector_index import DEFAULT, VectorIndex


def create_first_version(
    client: Elasticsearch,
    name: str,
    meta: IndexMeta,
    settings: Mapping[str, Any] | None = None,
    *,
    like: Mapping[str, Any] | None = None,
    vectors: VectorIndex = DEFAULT,
) -> LiveIndex:
    """Create `<name>-xlrec-v1` with the alias `<name>` on it, in one atomic call.

    Args:
        client: Of the cluster.
        name: The alias.
        meta: What the index says of itself.
        settings: Index settings that win.
        like: `mappings` and flat `settings` of another index, whose fields this one gets too.
        vectors: How they are indexed.

    Raises:
        ConfigError: No vectors of so many dimensions are indexed so.
        IndexUnusable: No index with objects can have those fields; or as for `templates.create`.
        ClusterError: The cluster does not answer, or refuses (the name is taken, say).
    """
    physical = physical_name(name, 1)
    theirs = like or {"settings": {}, "mappings": {}}
    body = index_body(
        dims=meta.fingerprint.dims,
        analyzers=meta.analyzers,
        meta=meta.to_meta(),
        settings={**settings_for_fields(theirs["settings"]), **(settings or {})},
        index_options=vectors.options(meta.fingerprint.dims),
    )
    body = with_fields_of(body, with_objects(theirs["mappings"]))
    templates.create(client, physical, body, {name: {}})
    return LiveIndex(physical, meta)


def add_to(
    client: Elasticsearch, name: str, meta: IndexMeta, *, vectors: VectorIndex = DEFAULT
) -> LiveIndex:
    """Give an index that somebody else made the fields of `xlrec`, and the description.

    Its own fields and the rest of its `_meta` stay as they are.

    Args:
        client: Of the cluster.
        name: An index, or an alias of one.
        meta: What it is to say of itself.
        vectors: How they are indexed.

    Raises:
        ConfigError: No vectors of so many dimensions are indexed so.
        IndexUnusable: As for `check_can_have_fields`.
        ClusterError: The cluster does not answer, or refuses.
    """
    index, mappings = check_can_have_fields(client, name)
    own = index_body(
        dims=meta.fingerprint.dims,
        analyzers=meta.analyzers,
        meta=meta.to_meta(),
        index_options=vectors.options(meta.fingerprint.dims),
    )
    both = with_fields_of(own, mappings)["mappings"]
    with friendly_errors(client):
        client.indices.put_mapping(
            index=index, meta=both["_meta"], properties=own["mappings"]["properties"]
        )
    return LiveIndex(index, meta)


def check_can_have_fields(client: Elasticsearch, name: str) -> tuple[str, Mapping[str, Any]]:
    """See that an index that somebody else made can be given the fields of `xlrec`.

    Args:
        client: Of the cluster.
        name: An index, or an alias of one.

    Returns:
        The physical index, and its mappings.

    Raises:
        IndexUnusable: It has a field `xlrec` of its own, or can have no objects.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        [(index, body)] = client.indices.get_mapping(index=name).items()
    mappings = body["mappings"]
    if OWN_FIELD in mappings.get("properties", {}):
        raise IndexUnusable(
            f"{index} has a field xlrec already, which is not what this program makes; have an "
            "index beside it: --companion"
        )
    if has_no_objects(mappings):
        raise IndexUnusable(
            f"{index} has no objects (subobjects: {mappings['subobjects']}), and so cannot have "
            "the object xlrec; have an index beside it: --companion"
        )
    return index, mappings
