"""Make an index as it is asked for, whatever the cluster's index templates would add to it.

An alias of a template would show every document twice, and make writes through it fail. It cannot
be declined in the request that makes the index, so it is refused before. Pipelines, a lifecycle
policy, blocks and hiding are taken off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterError, IndexUnusable

_NOT_OURS = (
    "index.blocks.",
    "index.default_pipeline",
    "index.final_pipeline",
    "index.hidden",
    "index.lifecycle.",
)
_OF_DOCUMENTS = ("_routing", "_source")
"""Parts of a mapping by which documents would be refused, or would not be kept as they are."""


def create(
    client: Elasticsearch,
    index: str,
    body: Mapping[str, Any],
    aliases: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Make an index.

    Args:
        client: Of the cluster.
        index: Its physical name.
        body: `settings` and `mappings`.
        aliases: Those that it is to have.

    Raises:
        IndexUnusable: Templates would give it another alias, or keep documents otherwise.
        ClusterError: The cluster does not answer, or refuses (the name is taken, say).
    """
    wanted = dict(aliases or {})
    foreseen = _foreseen(client, index)
    _check(index, wanted, body, foreseen)
    # In the request itself, as a kill right after it would leave what was to be taken off.
    declined = _foreign_settings(body["settings"], _flat(foreseen.get("settings", {})))
    body = {**body, "settings": {**body["settings"], **dict.fromkeys(declined)}}
    try:
        with friendly_errors(client):
            client.indices.create(index=index, aliases=wanted, **body)
    except ClusterError as error:
        if "creates data streams only" in str(error):
            raise IndexUnusable(
                f"an index template makes data streams of names such as {index}; {_advice(index)}"
            ) from error
        raise
    with friendly_errors(client):
        made = client.indices.get(index=index, flat_settings=True).body[index]
        try:
            _check(index, wanted, body, made)
        except IndexUnusable:
            client.indices.delete(index=index)  # it was made a moment ago, and has no documents
            raise
        foreign = _foreign_settings(body["settings"], made["settings"])
        if foreign:
            client.indices.put_settings(index=index, settings=dict.fromkeys(foreign))


def _foreseen(client: Elasticsearch, index: str) -> Mapping[str, Any]:
    """What templates would give it: aliases, mappings and settings, as far as a key may ask."""
    try:
        found = client.indices.simulate_index_template(name=index).body
        if "template" in found:
            return found["template"]  # type: ignore[no-any-return]
        # Those of the older kind count where there is none of the newer.
        older = client.indices.get_template().body.values()
    except elasticsearch.AuthorizationException:
        return {}  # it is looked at once it is made
    except (elasticsearch.ApiError, elasticsearch.TransportError):
        with friendly_errors(client):
            raise
    aliases: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for template in sorted(older, key=lambda one: one.get("order", 0)):
        if any(fnmatchcase(index, pattern) for pattern in template["index_patterns"]):
            aliases |= template.get("aliases", {})
            mappings |= template.get("mappings", {})
            settings |= dict.fromkeys(_flat(template.get("settings", {})))
    return {"aliases": aliases, "mappings": mappings, "settings": settings}


def _check(
    index: str,
    wanted: Mapping[str, Any],
    body: Mapping[str, Any],
    given: Mapping[str, Any],
) -> None:
    """Refuse what cannot be taken off.

    Raises:
        IndexUnusable: There is something of the kind.
    """
    names = [alias.replace("{index}", index) for alias in given.get("aliases", {})]
    added = sorted(set(names) - wanted.keys())
    if added:
        raise IndexUnusable(
            f"the cluster's index templates would put the alias {', '.join(added)} on {index}, so "
            f"that searches by it would find documents twice; {_advice(index)}"
        )
    mappings = given.get("mappings", {})
    parts = [part for part in _OF_DOCUMENTS if mappings.get(part) and part not in body["mappings"]]
    if parts:
        raise IndexUnusable(
            f"the cluster's index templates would give {index} the {' and '.join(parts)} of other "
            f"indices ({mappings[parts[0]]}); {_advice(index)}"
        )


def _advice(index: str) -> str:
    pattern = f"{index.rpartition('-xlrec-')[0] or index}-xlrec-*"
    return (
        f"leave {pattern} out of the template's patterns, or make an index template of a higher "
        f"priority for {pattern}, without that"
    )


def _foreign_settings(asked: Mapping[str, Any], made: Iterable[str]) -> list[str]:
    """Of the settings that an index gets, those that nobody asked for and that would do harm."""
    own = _flat({"index": asked.get("index", {})}) | {
        name if name.startswith("index.") else f"index.{name}"
        for name in _flat({n: value for n, value in asked.items() if n != "index"})
    }
    return [name for name in made if name.startswith(_NOT_OURS) and name not in own]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> set[str]:
    """The full names of settings, however they are nested."""
    names: set[str] = set()
    for name, value in settings.items():
        inner = isinstance(value, Mapping)
        names |= _flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}"}
    return names
