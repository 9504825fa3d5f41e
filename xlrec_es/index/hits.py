"""What hits hold: ids, works, languages, vectors, titles. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xlrec_es.errors import SearchFailed
from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    ID_FIELD,
    IMAGE_FIELD,
    LANGUAGE_FIELD,
    VECTOR_FIELD,
    WORK_FIELD,
    text_field,
)
from xlrec_es.languages import is_tag
from xlrec_es.vectors.vector import Vector

_VECTORS = (VECTOR_FIELD, IMAGE_FIELD)


def fields_of_hits(
    columns: Sequence[str], read: Sequence[str] = (), *, binary: bool = False
) -> dict[str, Any]:
    """What of each hit comes back.

    Args:
        columns: Keyword fields, which are there as columns: reading any field otherwise means to
            read and parse the whole source of each document.
        read: Other fields. Vectors are no part of the source on 9.2 and later, and are always to
            be had as a field.
        binary: Vectors as bytes, in base64.
    """
    wanted: list[Any] = list(columns)
    if binary:
        vectors = [name for name in read if name in _VECTORS]
        wanted += [{"field": name, "format": "binary"} for name in vectors]
        read = [name for name in read if name not in _VECTORS]
    return {
        **({"docvalue_fields": wanted} if wanted else {}),
        **({"fields": list(read)} if read else {}),
    }


def routed(routing: str | None) -> dict[str, str]:
    """What a request says of the routing of a document; nothing if it has none."""
    return {} if routing is None else {"routing": routing}


def vector_of(hit: Mapping[str, Any], field: str = VECTOR_FIELD) -> Vector | None:
    """The vector of a hit, shape (dims,), if it was asked for and there is one.

    Args:
        hit: Of a search.
        field: `VECTOR_FIELD`, or that of another kind of vectors.
    """
    value = hit.get("fields", {}).get(field)
    if value is None:
        return None
    if isinstance(value[0], str):
        return np.frombuffer(base64.b64decode(value[0]), ">f4").astype(np.float32)
    return np.asarray(value, np.float32)


def is_inherited(hit: Mapping[str, Any]) -> bool:
    """Whether nobody had liked a hit's item when associations were learned, as far as it tells."""
    told = hit["fields"].get(EVIDENCE_FIELD)
    return told is not None and not told[0] > 0


def id_of(hit: Mapping[str, Any]) -> str:
    """The id of a hit that came without what is stored; see `queries.hits_wanted`.

    Raises:
        SearchFailed: The document does not hold it.
    """
    try:
        id_: str = hit["fields"][ID_FIELD][0]
    except KeyError:
        raise SearchFailed(
            f"{hit['_index']} has a document without {ID_FIELD}, so one that xlrec-ingest did not "
            "write; delete it, or have xlrec-ingest write it"
        ) from None
    return id_


def work_of(hit: Mapping[str, Any]) -> str:
    """The work of a hit."""
    work: str = hit["fields"][WORK_FIELD][0]
    return work


def language_of(hit: Mapping[str, Any]) -> str:
    """The language tag of a hit."""
    language: str = hit["fields"][LANGUAGE_FIELD][0]
    return language


def text_of(hit: Mapping[str, Any]) -> str | None:
    """The text by which a document is searched, of a hit that was asked for it."""
    return title_of(hit, text_field(language_of(hit)))


def title_of(hit: Mapping[str, Any], path: str | None) -> str | None:
    """The title field of a hit; the path may be dotted.

    A `*` in it stands for a language tag: `title_*` is `title_en` or `title_de`, whichever the
    document has.
    """
    value: Any = hit.get("_source", {})
    for name in (path or "").split("."):
        value = _inner(value, name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _inner(value: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    before, star, after = name.partition("*")
    if not star:
        return value.get(name)
    names = (key for key in value if key.startswith(before) and key.endswith(after))
    fitting = (name for name in names if is_tag(name[len(before) : len(name) - len(after)]))
    return next((value[name] for name in fitting), None)
