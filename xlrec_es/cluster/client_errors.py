"""The client's exceptions, turned into this project's with the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import elasticsearch
from elasticsearch import AsyncElasticsearch, Elasticsearch

from xlrec_es.errors import (
    AuthenticationFailed,
    ClusterError,
    ClusterUnreachable,
    IndexNotFound,
    PermissionDenied,
    UsageError,
)

TOO_LARGE = 413

# By the number of a block, in Elasticsearch's own sentences, the setting that takes it off.
_BLOCKS = {"5": "read_only", "7": "read", "8": "write", "9": "metadata"}
_SYSTEM_ERROR = re.compile(r"\[Errno -?\d+\] ([\w ]+)")
_NO_NAME = "Empty value passed for parameter"
"""The client's words for a name that is an empty text."""
_BLOCK = re.compile(r"FORBIDDEN/(\d+)/")


@contextmanager
def friendly_errors(client: Elasticsearch | AsyncElasticsearch) -> Iterator[None]:
    """Turn the client's exceptions into this project's, with the next step.

    Raises:
        ClusterError: Or one of its subclasses, in place of whatever the client raised.
        IndexNotFound: In place of a 404.
        UsageError: A name is empty.
    """
    nodes = ", ".join(node.base_url for node in client.transport.node_pool.all())
    try:
        with _named():
            yield
    except elasticsearch.AuthenticationException as error:
        raise AuthenticationFailed(
            f"{nodes} does not accept these credentials; give --api-key (XLREC_API_KEY), "
            "or --username and --password (XLREC_USERNAME, XLREC_PASSWORD)"
        ) from error
    except elasticsearch.AuthorizationException as error:
        reason = reason_of(error)
        hint = "; what a key needs is printed by: xlrec-es role" if "unauthorized" in reason else ""
        raise PermissionDenied(f"{nodes} refused: {reason}{hint}") from error
    except elasticsearch.NotFoundError as error:
        raise IndexNotFound(
            f"{reason_of(error)} at {nodes}; make it with: xlrec-ingest run"
        ) from error
    except elasticsearch.UnsupportedProductError as error:
        raise ClusterUnreachable(f"{nodes} answers, but it is not Elasticsearch") from error
    except elasticsearch.ApiError as error:
        raise ClusterError(_refusal(nodes, error), status=error.status_code) from error
    except elasticsearch.ConnectionTimeout as error:
        raise ClusterUnreachable(
            f"{nodes} did not answer in time; give it more (--timeout, XLREC_TIMEOUT), "
            "or see what keeps it busy"
        ) from error
    except elasticsearch.SSLError as error:
        raise ClusterUnreachable(
            f"no secure connection to {nodes} ({error.message.split(chr(10))[0]}); if the cluster "
            "has an authority of its own, give it: --ca-certs (XLREC_CA_CERTS)"
        ) from error
    except elasticsearch.SerializationError as error:
        raise ClusterError(
            f"what was sent to {nodes}, or what came back, is nothing that this program can hold: "
            f"{error.errors[0] if error.errors else 'not JSON'}"
        ) from error
    except elasticsearch.TransportError as error:
        raise ClusterUnreachable(
            f"no Elasticsearch at {nodes} ({_why(error)}); "
            "check --url (XLREC_URL), or start one with: xlrec-es node start"
        ) from error


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(_NO_NAME):
            raise
        raise UsageError("the name of an index is empty; is a variable not set?") from error


def _why(error: elasticsearch.TransportError) -> str:
    """Why there is no connection: the system's own words, such as `connection refused`."""
    line = str(error.message).split("\n")[0]
    told = _SYSTEM_ERROR.search(line)
    return told[1].strip().lower() if told else line


def _refusal(nodes: str, error: elasticsearch.ApiError) -> str:
    if error.status_code == TOO_LARGE:
        return (
            f"{nodes} takes no request as large as this one (http.max_content_length, 100mb where "
            "it is not set); ask for less at once, or raise that"
        )
    return f"{nodes} answered {error.status_code}: {reason_of(error)}"


def reason_of(error: elasticsearch.ApiError) -> str:
    """The sentence that Elasticsearch gives as the cause of an error."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        cause = root_cause(body["error"])
        return explained(cause) or str(body["error"].get("reason") or error.message)
    return str(error.message)


def explained(cause: Mapping[str, Any]) -> str:
    """The sentence of a cause, with what to do where Elasticsearch does not say it.

    Args:
        cause: See `root_cause`.
    """
    reason, kind = str(cause.get("reason") or ""), cause.get("type")
    if kind == "index_closed_exception":
        index = cause.get("index", "the index")
        return f"{index} is closed; open it with: POST {index}/_open"
    if kind == "circuit_breaking_exception":
        told = reason.partition("; for more information")[0]
        if told.startswith("[request]"):  # what requests under way hold, this one among them
            return f"{told}: ask with fewer or simpler filters, or with less at once"
        return f"{told}: the cluster is short of memory; ask later, or give its nodes more heap"
    if kind == "cluster_block_exception":
        if "read-only-allow-delete" in reason:
            return f"{reason} make room on the disks, and Elasticsearch takes this off by itself"
        block = _BLOCK.search(reason)
        if block and block[1] in _BLOCKS:
            setting = f'{{"index.blocks.{_BLOCKS[block[1]]}": null}}'
            return f"{reason} if it is not wanted: PUT <index>/_settings {setting}"
    return reason


def root_cause(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first cause of an error as Elasticsearch writes it, or the error itself."""
    causes: list[Mapping[str, Any]] = error.get("root_cause") or [error]
    return causes[0]
