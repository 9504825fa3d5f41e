"""The endpoints of `xlrec-ingest serve` itself, which `RemoteEncoder` asks.

POST /encode   {"texts": ["..."]}  ->  {"vectors": ["<base64 of little-endian float32>"]}
               and "task": "query" for free texts of users, which may have a prompt of their own
GET  /encoder  what encodes: the parts of the fingerprint that are the encoder's
GET  /healthz  {"status": "ok"}
GET  /metrics  Prometheus's numbers
"""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.encode.options import TRUNCATE
from ingest.encode.server.encoding import Encoding, answering, asks_for_queries, read, written
from xlrec_es.service.web.observation import metrics
from xlrec_es.vectors.encoder import text_prefix
from xlrec_es.vectors.remote_encoder import QUERY
from xlrec_es.vectors.vector import Vector

_TOLD = ("model", "revision", "dims", "pooling", "prefix", "max_tokens")


def routes(encoding: Encoding) -> list[Route]:
    """The endpoints."""

    async def encode(request: Request) -> Response:
        body = await read(request)
        query = asks_for_queries(body.get("task"), "task", {QUERY}, {"document"})
        encoded = await encoding.encode(request, body.get("texts"), query=query)
        return written({"vectors": packed(encoded.vectors)})

    async def encoder(_request: Request) -> Response:
        told = {name: getattr(encoding.encoder, name) for name in _TOLD}
        told["text_prefix"] = text_prefix(encoding.encoder) or told["prefix"]
        told["license"] = getattr(encoding.encoder, "license", None)
        return written({**told, "long_texts": getattr(encoding.encoder, "long_texts", TRUNCATE)})

    async def healthz(_request: Request) -> Response:
        return written({"status": "ok"})

    async def numbers(_request: Request) -> Response:
        return metrics()

    return [
        Route("/encode", answering(encode), methods=["POST"]),
        Route("/encoder", encoder),
        Route("/healthz", healthz),
        Route("/metrics", numbers),
    ]


def packed(vectors: Vector) -> list[str]:
    """Each row as base64 of little-endian float32."""
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
