"""What a key must be allowed, and no more. Pure.

Where Elasticsearch's named privileges allow too much, single actions stand in their place:
`monitor` on the cluster shows the names of everybody's indices, and `manage` on an index, which is
the one that allows its mapping to be changed, allows it to be deleted too.

Source: Elasticsearch reference, "Security privileges"; the actions are those that its 403 names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlrec_es.errors import UsageError


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of key may do.

    Attributes:
        commands: What it is enough for, beside what the kind before it is: by program, the names of
            commands, with what limits them.
        cluster: Privileges on the cluster.
        index: Privileges on the indices.
        includes: The kind before it.
    """

    commands: Mapping[str, tuple[str, ...]]
    cluster: tuple[str, ...]
    index: tuple[str, ...]
    includes: str | None = None

    @property
    def allows(self) -> str:
        """The commands, as help, the doctor and the guide show them."""
        lists = [f"{program} {', '.join(names)}" for program, names in self.commands.items()]
        return "; ".join([*([f"all of {self.includes}"] if self.includes else []), *lists])


_NOT_IN_NAMES = re.compile(r"""[\s\\/"<>|,#:\x00-\x1f\x7f-\x9f]""")
_READ = ("read", "view_index_metadata")
_PROBE = (
    "cluster:admin/analyze",  # which language analyzers there are
    "cluster:monitor/nodes/info",  # version and modules
    "cluster:monitor/xpack/license/get",
)
_TEMPLATES = (  # what they would add to an index that is made
    "indices:admin/index_template/simulate_index",
    "indices:admin/template/get",
)
_CAPACITY = (
    "cluster:monitor/allocation/stats",
    "cluster:monitor/nodes/stats",  # disks and heaps
    "cluster:monitor/settings",  # disk watermarks
)
_KEEP = ("index", "create_index", "maintenance")  # of placements: made with the first, refreshed
_DELETE = ("delete",)  # of documents, not of the index
_WRITE = (
    "index",
    "maintenance",  # refresh
    "indices:admin/mapping/auto_put",  # fields of the user's own that are new
    "indices:admin/mapping/put",  # fields of new languages, and `_meta.xlrec`
)

ROLES = {
    "reader": Role(
        {
            "xlrec-es": (
                "recommend",
                "similar",
                "trending",
                "buy-again",
                "query",
                "export to a file",
                "inspect",
                "init",
                "evaluate",
                "compare-logs",
                "serve",
                "placement list",
                "placement show",
                "placement preview",
                "index list",
                "kibana export",
                "kibana check",
                "kibana preview",
                "kibana install",
            ),
        },
        (),
        _READ,
    ),
    "writer": Role(
        {
            "xlrec-es": (
                "tune",
                "placement set",
                "placement delete",
                "placement rollback",
                "forget in the index alone",
            ),
            "xlrec-ingest": (
                "run into an index that exists",
                "run --in-place",
                "replay",
                "learn",
                "pairs",
            ),
        },
        _PROBE,
        (*_READ, *_WRITE),
        "reader",
    ),
    "admin": Role(
        {
            "xlrec-es": (
                "index status",
                "index create",
                "index swap",
                "index rollback",
                "index prune",
                "index adopt",
                "index reindex",
                "doctor",
                "demo",
            ),
            "xlrec-ingest": (
                "the first run",
                "run --companion",
                "run --engine ray",
                "reencode",
                "reencode-back",
            ),
        },
        (*_PROBE, *_TEMPLATES, *_CAPACITY),
        (*_READ, *_WRITE, *_DELETE, "manage"),  # a reindex deletes what was deleted meanwhile
        "writer",
    ),
}
"""By kind."""


def index_names(name: str) -> list[str]:
    """What the physical indices and aliases of an index are called."""
    return [name, f"{name}-xlrec-*"]


def descriptor(
    kind: str,
    names: Sequence[str],
    *,
    events: str | None = None,
    source: str | None = None,
    placements: str | None = None,
    deletes: bool = False,
) -> dict[str, Any]:
    """A role, as `PUT /_security/role/<role>` takes it, and an API key's `role_descriptors`.

    Args:
        kind: One of `ROLES`.
        names: Aliases of indices; a pattern such as `shop-*` stands for several.
        events: An index of events that histories are read from.
        source: An index that documents are read from, as for a companion.
        placements: The index where placements are kept, which readers read and others write.
        deletes: Whether a writer may delete documents too.

    Raises:
        UsageError: A reader that deletes, or a name that would open everything or more than it
            seems to.
    """
    if deletes and kind == "reader":
        raise UsageError("a reader deletes nothing; the kind for --deletes is writer")
    kept = _READ if kind == "reader" else (*_READ, *_KEEP)
    others = {events: ("read",), source: _READ, placements: kept}
    for name in (*names, *(other for other in others if other is not None)):
        _check_name(name)
    role = ROLES[kind]
    patterns = [pattern for name in names for pattern in index_names(name)]
    privileges = dict.fromkeys((*role.index, *(_DELETE if deletes else ())))
    indices = [{"names": patterns, "privileges": list(privileges)}]
    for other, reading in others.items():
        if other is not None:
            indices.append({"names": [other], "privileges": list(reading)})
    return {"cluster": list(role.cluster), "indices": indices}


def _check_name(name: str) -> None:
    """Refuse what stands for more than the indices that begin with a name.

    In a role a name between slashes is a regular expression, a backslash escapes, and a wildcard in
    front takes in the indices of others.
    """
    if not name.strip("*?.,- "):
        raise UsageError(f"{name!r} stands for every index; name the one that the key is for")
    if name[0] in "*?":
        raise UsageError(
            f"{name!r} begins with a wildcard, so that it stands for indices of others too; begin "
            "it with the name of the index, as in shop-*"
        )
    if name[0] in "-_+" or _NOT_IN_NAMES.search(name):
        raise UsageError(
            f"{name!r} is no name of an index; a role takes it for a regular expression, or for "
            "nothing. Give the name, or a pattern such as shop-*"
        )


def forget_descriptor(names: Sequence[str], logs: Sequence[str]) -> dict[str, Any]:
    """A role for `xlrec-es forget` alone: no document of the catalog can be changed with it.

    Args:
        names: Aliases of indices, whose versions note who is left out.
        logs: Indices of events, impressions and clicks, whose rows are deleted.

    Raises:
        UsageError: No index of rows, or a name that would open everything or more than it seems to.
    """
    if not logs:
        raise UsageError(
            "a key for forget deletes rows: name their indices with --events-index and --data-index"
        )
    for name in (*names, *logs):
        _check_name(name)
    patterns = [pattern for name in names for pattern in index_names(name)]
    return {
        "cluster": [],
        "indices": [
            {"names": patterns, "privileges": [*_READ, "indices:admin/mapping/put"]},
            {"names": [*logs], "privileges": [*_READ, *_DELETE, "maintenance"]},
        ],
    }


def role_name(kind: str, names: Sequence[str]) -> str:
    """What the role is called: `xlrec-shop-reader`."""
    return f"xlrec-{'-'.join(name.strip('*-') for name in names)}-{kind}"


def role_request(name: str, role: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The request that makes the role: its line, and its body."""
    return f"PUT /_security/role/{name}", role


def api_key_request(name: str, role: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The request that makes an API key: its line, and its body.

    The key may do what both the role and whoever makes it may.
    """
    return "POST /_security/api_key", {"name": name, "role_descriptors": {name: role}}
