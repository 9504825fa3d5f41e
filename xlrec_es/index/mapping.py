"""Read the shipped mapping and fill in what depends on the catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from xlrec_es.errors import IndexUnusable
from xlrec_es.index.fields import OWN_FIELD, Relation

SCHEMA = "xlrec.v1"
"""The mapping that new indices get."""

_FOR_FIELDS = (
    "analysis.",
    "mapping.",
    "max_ngram_diff",
    "max_shingle_diff",
    "number_of_replicas",
    "number_of_shards",
    "similarity.",
)
_OF_THE_SOURCE = ("mapping.source.", "mapping.synthetic_source")


def load_mapping(schema: str = SCHEMA) -> dict[str, Any]:
    """The shipped mapping of a schema version, as in `mappings/<schema>.json`.

    Raises:
        FileNotFoundError: No such version is shipped.
    """
    shipped = resources.files("xlrec_es") / "_mappings"
    # An editable install and a checkout read the folder beside the packages.
    folder = shipped if shipped.is_dir() else Path(__file__).parents[2] / "mappings"
    body: dict[str, Any] = json.loads((folder / f"{schema}.json").read_text("utf-8"))
    return body


def index_body(
    *,
    dims: int,
    analyzers: Mapping[str, str],
    meta: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    index_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body that creates an index.

    Args:
        dims: Length of the vectors.
        analyzers: Analyzer by language, one searchable text field each.
        meta: What goes into `_meta.xlrec`.
        settings: Index settings of the user's own (shards, replicas ...), which win.
        index_options: How the vectors are indexed; None: as the shipped mapping has it.

    Returns:
        `settings` and `mappings`, for `indices.create`.
    """
    body = load_mapping()
    properties = body["mappings"]["properties"][OWN_FIELD]["properties"]
    properties["embedding"]["dims"] = dims
    if index_options is not None:
        properties["embedding"]["index_options"] = dict(index_options)
    properties["text"]["properties"] = text_fields(analyzers)
    if meta.get("fingerprint", {}).get("sparse"):
        properties["sparse"] = {"type": "sparse_vector"}
    if images := meta.get("images"):
        properties |= image_fields(images, properties["embedding"]["index_options"])
    body["mappings"]["_meta"] = {OWN_FIELD: dict(meta)}
    body["settings"]["index"].update(settings or {})
    return body


def image_fields(images: Mapping[str, Any], index_options: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of `xlrec` for pictures, which an index has where they were asked for.

    Args:
        images: See `IndexMeta.images`.
        index_options: How vectors are indexed: as those of texts.
    """
    vector = load_mapping()["mappings"]["properties"][OWN_FIELD]["properties"]["embedding"]
    dims = images["fingerprint"]["dims"]
    return {
        "image_vector": {**vector, "dims": dims, "index_options": dict(index_options)},
        "image_hash": {"type": "keyword", "index": False},
    }


def vector_options(mappings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The `index_options` of an index's vectors; None if it has none of ours."""
    own = mappings.get("properties", {}).get(OWN_FIELD, {}).get("properties", {})
    found: Mapping[str, Any] | None = own.get("embedding", {}).get("index_options")
    return found


def with_fields_of(body: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Add another index's fields to the body that creates an index.

    Args:
        body: As `index_body` makes it; what it has wins.
        theirs: Mappings of the other index.
    """
    own = body["mappings"]
    merged = {
        "properties": {**theirs.get("properties", {}), **own["properties"]},
        "_meta": {**theirs.get("_meta", {}), **own["_meta"]},
    }
    return {**body, "mappings": {**theirs, **own, **merged}}


def has_no_objects(mappings: Mapping[str, Any]) -> bool:
    """Whether an index takes all fields as leaves, by names with dots in them."""
    return mappings.get("subobjects", True) not in (True, "true")


def with_objects(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The mappings of an index as those of another that has objects, and the whole `_source`.

    Its documents are completed later on, with the object `xlrec` and with what is learned.

    Raises:
        IndexUnusable: A field has the name of what would be an object.
    """
    kept = {n: value for n, value in theirs.items() if n not in ("_source", "subobjects")}
    names = theirs.get("properties", {}) if has_no_objects(theirs) else {}
    for name in names:
        before = [name[:end] for end, letter in enumerate(name) if letter == "."]
        if both := [other for other in before if other in names]:
            raise IndexUnusable(
                f"both {both[0]} and {name} are fields, for the index that they are from has no "
                "objects (subobjects: false), and one that has objects can have but one of the "
                "two; have an index beside it with the other left out: --companion, with "
                "--keep-field for each field to keep"
            )
    return kept


def settings_for_fields(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Of an index's flat settings those that its fields need, without the prefix `index.`.

    Its life cycle, its pipelines and the places of its shards are its own affair, and so is how it
    stores its documents.
    """
    names = {name: name.removeprefix("index.") for name in flat}
    return {
        short: flat[name]
        for name, short in names.items()
        if short.startswith(_FOR_FIELDS) and not short.startswith(_OF_THE_SOURCE)
    }


def relation_fields(relation: Relation) -> dict[str, Any]:
    """The properties of `xlrec` for what is learned of a relation.

    An index that was made before the relation was known gets them before they are written.
    """
    shipped = load_mapping()["mappings"]["properties"][OWN_FIELD]["properties"]
    return {relation.key: shipped[relation.key]} if relation.key else {}


def text_fields(analyzers: Mapping[str, str]) -> dict[str, Any]:
    """The `xlrec.text` properties for these languages."""
    return {
        language: {"type": "text", "analyzer": analyzer}
        for language, analyzer in sorted(analyzers.items())
    }
