"""What somebody must be allowed in Kibana to look at dashboards, or to install them. Pure.

Kibana keeps its privileges in Elasticsearch's roles, as those of an application; its own API takes
them by feature and space. The features are those of 8.18 and later (kibana#202863). Its Saved
Objects Management is not among them: it would open the objects of all other features too, and the
import asks for the privileges on the objects themselves.

Source: Kibana's API reference, "Create or update a role"; its `oss_features.ts` for what each
feature allows; `kibana-.kibana` is the application of a Kibana whose `kibana.index` is its default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from xlrec_es.cluster.roles import descriptor
from xlrec_es.errors import UsageError

VIEWING = {"dashboard_v2": "read", "discover_v2": "read"}
"""Privileges by features: dashboards, and saved searches in Discover."""

INSTALLING = {
    "dashboard_v2": "all",
    "discover_v2": "all",  # saved searches
    "visualize_v2": "all",  # visualizations, for files of others
    "indexPatterns": "all",  # data views
}
"""Privileges by features: those to write each type of object that is installed."""

_APPLICATION = "kibana-.kibana"
_SPACE = re.compile(r"[a-z0-9_-]+")


def kibana_role(
    names: Sequence[str],
    *,
    data: Sequence[str] = (),
    spaces: Sequence[str] = ("default",),
    views_only: bool = False,
) -> dict[str, Any]:
    """A role, as Kibana's `PUT /api/security/role/<role>` takes it.

    Args:
        names: Aliases of indices, as `roles.descriptor` takes them.
        data: Indices that are read beside them: evaluations, runs, what was shown and clicked.
        spaces: Identifiers of the spaces that the dashboards are in.
        views_only: Nothing is installed.

    Raises:
        UsageError: A name that would open more than it seems to.
    """
    _check_spaces(spaces)
    read = descriptor("reader", names)
    reading = read["indices"][0]["privileges"]
    for name in data:
        [_, other] = descriptor("reader", names, source=name)["indices"]
        read["indices"].append({"names": other["names"], "privileges": reading})
    features = VIEWING if views_only else INSTALLING
    return {
        "elasticsearch": {"cluster": read["cluster"], "indices": read["indices"], "run_as": []},
        "kibana": [
            {
                "base": [],
                "feature": {name: [privilege] for name, privilege in features.items()},
                "spaces": list(spaces),
            }
        ],
    }


def elasticsearch_role(role: dict[str, Any]) -> dict[str, Any]:
    """The role as Kibana writes it into Elasticsearch, which is what an API key takes."""
    own = role["elasticsearch"]
    return {
        "cluster": own["cluster"],
        "indices": own["indices"],
        "applications": [
            {
                "application": _APPLICATION,
                "privileges": [
                    f"feature_{name}.{privilege}"
                    for name, privileges in entry["feature"].items()
                    for privilege in privileges
                ],
                "resources": [f"space:{space}" for space in entry["spaces"]],
            }
            for entry in role["kibana"]
        ],
    }


def kibana_role_request(name: str, role: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The request that makes the role, as Kibana's console takes it: its line, and its body."""
    return f"PUT kbn:/api/security/role/{name}", role


def _check_spaces(spaces: Sequence[str]) -> None:
    """Refuse what stands for every space, or for none."""
    for space in spaces:
        if not _SPACE.fullmatch(space):
            raise UsageError(
                f"{space!r} is no identifier of a space: those are of small letters, digits, _ and "
                "-, as the space's address has it behind /s/"
            )
