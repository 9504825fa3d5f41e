"""The endpoints that OpenAI's clients ask: `POST /v1/embeddings` and `GET /v1/models`.

They encode as `/encode` does: the prefix that the encoder was trained with is put before each text
here, and so is not to be sent. `input_type` says that free texts of users are meant, by the words
that Voyage, Cohere and NVIDIA have for it.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.encode.server.encoding import (
    Encoding,
    Refused,
    answering,
    asks_for_queries,
    read,
    written,
)
from ingest.encode.server.own_routes import packed

FORMATS = ("float", "base64")
_QUERIES = frozenset(("query", "search_query"))
_DOCUMENTS = frozenset(("document", "passage", "search_document"))


def routes(encoding: Encoding) -> list[Route]:
    """The endpoints."""
    began = int(time.time())

    async def embeddings(request: Request) -> Response:
        body = await read(request)
        form = _checked_form(body, encoding)
        texts = body.get("input")
        query = asks_for_queries(body.get("input_type"), "input_type", _QUERIES, _DOCUMENTS)
        encoded = await encoding.encode(
            request, [texts] if isinstance(texts, str) else texts, counted=True, query=query
        )
        rows = packed(encoded.vectors) if form == "base64" else list(encoded.vectors)
        answer: dict[str, Any] = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": place, "embedding": row}
                for place, row in enumerate(rows)
            ],
            "model": encoding.encoder.model,
        }
        if encoded.tokens is not None:  # no number is better than a wrong one
            answer["usage"] = {"prompt_tokens": encoded.tokens, "total_tokens": encoded.tokens}
        return written(answer)

    async def models(_request: Request) -> Response:
        model = {
            "id": encoding.encoder.model,
            "object": "model",
            "created": began,
            "owned_by": "xlrec-es",
        }
        return written({"object": "list", "data": [model]})

    return [
        Route("/v1/embeddings", answering(embeddings), methods=["POST"]),
        Route("/v1/models", models),
    ]


def _checked_form(body: Mapping[str, Any], encoding: Encoding) -> str:
    """How the vectors are to be written.

    Raises:
        Refused: Other vectors are asked for than the encoder makes.
    """
    encoder = encoding.encoder
    model = body.get("model")
    if model not in (None, encoder.model):
        raise Refused(
            HTTPStatus.NOT_FOUND,
            f"this service has the model {encoder.model!r} alone; GET /v1/models names it",
            code="model_not_found",
        )
    dims = body.get("dimensions")
    if dims not in (None, encoder.dims) or isinstance(dims, bool):
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"this model makes vectors of {encoder.dims} dimensions; leave dimensions out",
        )
    form = body.get("encoding_format") or "float"
    if form not in FORMATS:
        raise Refused(HTTPStatus.BAD_REQUEST, f"encoding_format is one of {', '.join(FORMATS)}")
    return str(form)
