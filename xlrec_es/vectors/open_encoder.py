"""From an address to the encoder that answers there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

from xlrec_es.errors import ConfigError
from xlrec_es.vectors.openai_encoder import INFERENCE, OpenAIEncoder, ServiceOptions
from xlrec_es.vectors.remote_encoder import RemoteEncoder
from xlrec_es.vectors.vector import MAX_DIMS

_SERVICE = re.compile(r"/v\d+/?$")
_DIMS = "XLREC_ENCODER_DIMS"


@dataclass(frozen=True, slots=True)
class Access:
    """What an encoder that runs elsewhere is told, and how long it is waited for.

    Attributes:
        token: Of `xlrec-ingest serve`.
        service: How any other service is asked.
    """

    token: str | None = field(default=None, repr=False)
    service: ServiceOptions = field(default_factory=ServiceOptions)


def access_of_environment(
    prefix: str | None = None,
    text_prefix: str | None = None,
    dims: int | None = None,
    **options: Any,  # noqa: ANN401
) -> Access:
    """What the environment has: secrets are in no address, and in no option of a command.

    Args:
        prefix: See `ServiceOptions`; None for that of the environment, too.
        text_prefix: Likewise.
        dims: Likewise.
        options: Others of `ServiceOptions`.

    Raises:
        ConfigError: The environment says dimensions that are none.
    """
    if prefix is None:
        prefix = os.environ.get("XLREC_ENCODER_PREFIX")
    if text_prefix is None:
        text_prefix = os.environ.get("XLREC_ENCODER_TEXT_PREFIX")
    if dims is None:
        dims = _dims_of_environment()
    key = os.environ.get("XLREC_ENCODER_API_KEY")
    service = ServiceOptions(
        api_key=key, prefix=prefix, text_prefix=text_prefix, dims=dims, **options
    )
    return Access(os.environ.get("XLREC_SERVE_TOKEN"), service)


def _dims_of_environment() -> int | None:
    text = os.environ.get(_DIMS, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_DIMS):
        raise ConfigError(f"{_DIMS} is {text!r}; give a number of dimensions from 1 to {MAX_DIMS}")
    return int(text)


def is_address(model: str) -> bool:
    """Whether the name of a model is the address of one that runs elsewhere."""
    return re.match("https?://", model) is not None


def open_encoder(address: str, access: Access) -> RemoteEncoder | OpenAIEncoder:
    """Reach the encoder behind an address.

    Args:
        address: That of `xlrec-ingest serve`; or of an OpenAI-compatible service, which ends in
            `/v1` or names a model: `http://localhost:8080/v1#MODEL`; or of an endpoint of
            Elasticsearch's inference, which has `/_inference/text_embedding/` in it.
        access: What it is told. The times of the service are those of each kind.

    Raises:
        ConfigError: No such address, or the model is to be named, or a prefix or dimensions are
            given for `xlrec-ingest serve`, which has its own.
        EncoderError: Nothing answers there, or it is no encoder, or it refuses.
    """
    url, _, model = address.partition("#")  # before it is looked at: a name may have an @ in it
    service = access.service
    if model or INFERENCE in url or _SERVICE.search(url):
        return OpenAIEncoder(url, model or None, options=service)
    encoder = RemoteEncoder(
        url, token=access.token, timeout_s=service.timeout_s, retry_s=service.retry_s
    )
    for asked, has, what in (
        (service.prefix, encoder.prefix, "text"),
        (service.text_prefix, encoder.text_prefix, "free text"),
    ):
        if asked not in (None, has):
            raise ConfigError(
                f"the encoder at {url} puts {has!r} before each {what}, not {asked!r}; give the "
                "prefix to xlrec-ingest serve"
            )
    if service.dims not in (None, encoder.dims):
        raise ConfigError(
            f"the encoder at {url} makes vectors of {encoder.dims} dimensions, not {service.dims}; "
            "give --dims to xlrec-ingest serve"
        )
    return encoder
