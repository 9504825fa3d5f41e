"""Versions of an index `shop`, made up without Elasticsearch."""

from __future__ import annotations

from typing import Any

from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.versions.inventory import Version, Versions

META = IndexMeta(
    Fingerprint("model", "1", 4, "mean", "", "title", "none"),
    LanguageCentering.none(),
    {"de": "german"},
    source={"input": "items.jsonl"},
    indicators={"learner": "ease"},
)
OURS = {
    "mappings": {
        "_meta": {"xlrec": META.to_meta(), "team": "search"},
        "dynamic": "false",
        "properties": {"brand": {"type": "keyword"}, "xlrec": {"properties": {}}},
    },
    "settings": {"index.number_of_shards": "3", "index.uuid": "u", "index.blocks.write": "true"},
}
BARE: dict[str, Any] = {"mappings": {}, "settings": {}}
LIVE: dict[str, Any] = {"shop": {}}
PREVIOUS: dict[str, Any] = {"shop-xlrec-previous": {}}


def version(number: int, aliases: dict[str, Any] | None = None, **changes: Any) -> Version:  # noqa: ANN401 - of any field
    """The index `shop-xlrec-v<number>`, one of ours unless the changes say otherwise."""
    fields = {"index": f"shop-xlrec-v{number}", "number": number, "body": OURS, **changes}
    return Version(aliases=aliases or {}, **fields)


def shop(*found: Version) -> Versions:
    """All versions of the alias `shop`."""
    return Versions("shop", found)
