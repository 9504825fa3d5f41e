"""Searches as text that people can run: in Kibana's console, with curl, in Python. Pure.

And the requests of `--dry-run`, as text and in JSON.
"""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.recommend.request.queries import SearchRequest

_LONG, _FEW = 40, 12
"""Characters from which on a text of base64 is cut, and those that are left."""

FORMS = ("console", "curl", "python", "json")


def render(
    requests: Sequence[SearchRequest],
    *,
    index: str,
    url: str,
    form: str = "console",
    shorten: bool = False,
) -> str:
    """Write the searches out, each to be run as it stands.

    Args:
        requests: See `queries.build_requests`.
        index: Where they are sent.
        url: Of the cluster, for curl and Python; credentials are not written.
        form: One of `FORMS`.
        shorten: Cut vectors to three numbers, for reading; such a search no longer runs.

    Raises:
        ValueError: Another form.
    """
    bodies = [shortened(request.body) if shorten else request.body for request in requests]
    pairs = list(zip(requests, bodies, strict=True))
    if form == "console":
        return "\n\n".join(
            f"# {_caption(request)}\nPOST /{index}/_search\n{_json(body)}"
            for request, body in pairs
        )
    if form == "curl":
        return "\n\n".join(
            f"# {_caption(request)}\ncurl -s -H 'Content-Type: application/json' "
            f"{shlex.quote(f'{url}/{index}/_search')} -d {shlex.quote(_json(body))}"
            for request, body in pairs
        )
    if form == "python":
        head = f"from elasticsearch import Elasticsearch\n\nclient = Elasticsearch({url!r})"
        return "\n\n".join(
            [head]
            + [
                f"# {_caption(request)}\nprint(client.search(index={index!r}, body="
                f"{pprint.pformat(body, width=100, compact=True, sort_dicts=False)}))"
                for request, body in pairs
            ]
        )
    if form == "json":
        return json.dumps(
            [{"language": r.language, "retriever": r.retriever, "body": body} for r, body in pairs],
            ensure_ascii=False,
        )
    raise ValueError(f"form is {form!r}; use one of {', '.join(FORMS)}")


def request_text(method: str, path: str, body: Mapping[str, Any]) -> str:
    """A request for reading: the line, and the body with vectors cut to a few characters."""
    return f"{method} {path}\n{json.dumps(shortened(body), ensure_ascii=False, indent=2)}"


def request_object(method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A request for `--json`, to be sent as it stands."""
    return {"method": method, "path": path, "body": body}


def shortened(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same body with vectors of three numbers, or a few characters of base64, and a mark."""
    short: dict[str, Any] = _shortened(body)
    return short


def _shortened(part: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(part, list):
        return [_shortened(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    return {
        name: [*value[:3], "..."]
        if name == "query_vector" and isinstance(value, list)
        else _cut_texts(value)
        if name == "centering"
        else _shortened(value)
        for name, value in part.items()
    }


def _cut_texts(part: Any) -> Any:  # noqa: ANN401
    """The record of a centering: its means are the long ones of its texts."""
    if isinstance(part, Mapping):
        return {name: _cut_texts(value) for name, value in part.items()}
    is_long = isinstance(part, str) and len(part) > _LONG
    return f"{part[:_FEW]}..." if is_long else part


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _caption(request: SearchRequest) -> str:
    return f"{request.language}: {request.retriever}"
