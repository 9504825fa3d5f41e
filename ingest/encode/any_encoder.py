"""The encoder that a name stands for: loaded here, or reached where it runs."""

from __future__ import annotations

from ingest.encode.options import DEFAULTS, TRUNCATE, EncoderOptions
from ingest.encode.sparse.beside import with_sparse
from xlrec_es.errors import ConfigError
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.open_encoder import access_of_environment, is_address, open_encoder
from xlrec_es.vectors.remote_encoder import RemoteEncoder

TIMEOUT_S = 120.0
"""Seconds that one request may take: a CPU encodes a few hundred texts in that time."""

RETRY_S = 300.0
"""Seconds within which a service that is busy, or is started again, is asked again."""

_LOADED_HERE = {
    "device": "--device",
    "dtype": "--dtype",
    "batch_tokens": "--batch-tokens",
    "prompt_name": "--prompt-name",
    "text_prompt_name": "--text-prompt-name",
    "attention": "--attention",
    "revision": "--revision",
    "trusted_code": "--trust-code",
}
"""Options by attribute, of an encoder that is loaded here."""


def find_encoder(model: str, options: EncoderOptions) -> Encoder:
    """Load a model, on one device, or reach the one behind an address.

    A sparse encoder that is asked for stands beside it; see `sparse.beside`.

    Args:
        model: A folder, a name on the Hugging Face hub, `embedded`, or an address; see
            `xlrec_es.vectors.open_encoder`.
        options: How to run it.

    Raises:
        ConfigError: The address is none, or an option is not for an encoder that runs elsewhere.
        EncoderError: It cannot be had, or does not answer; see `load_encoder`.
        MissingExtra: A package is not installed.
    """
    return with_sparse(_dense(model, options), options)


def _dense(model: str, options: EncoderOptions) -> Encoder:
    if is_address(model):
        return reach(model, options)
    from ingest.encode.sentence_transformer import load_encoder  # brings torch

    return load_encoder(model, options=options)


def reach(address: str, options: EncoderOptions) -> Encoder:
    """Reach the encoder behind an address, with a worker's patience.

    Raises:
        ConfigError: The address is none, or an option is not for an encoder that runs elsewhere.
        EncoderError: Nothing answers, or it is no encoder, or it refuses.
    """
    for name, option in _LOADED_HERE.items():
        if getattr(options, name) != getattr(DEFAULTS, name):
            raise ConfigError(
                f"{option} is of an encoder that is loaded here; leave it out: what runs elsewhere "
                "is told so where it is started"
            )
    access = access_of_environment(
        options.prefix,
        options.text_prefix,
        options.dims,
        max_tokens=options.max_tokens,
        timeout_s=TIMEOUT_S,
        retry_s=RETRY_S,
    )
    encoder = open_encoder(address, access)
    if isinstance(encoder, RemoteEncoder):
        _check_like(encoder, options)
    elif options.long_texts != TRUNCATE:
        raise ConfigError(
            f"--long-texts {options.long_texts} needs the model's tokenizer, which a service does "
            "not give; leave it out"
        )
    return encoder


def _check_like(encoder: RemoteEncoder, options: EncoderOptions) -> None:
    """Refuse options that the server was not started with: it would not follow them."""
    asked, has = options.max_tokens, encoder.max_tokens
    if asked not in (DEFAULTS.max_tokens, has):
        raise ConfigError(f"the encoder reads {has} tokens of a text; leave out --max-tokens")
    if options.long_texts != encoder.long_texts:
        raise ConfigError(
            f"the encoder was started with --long-texts {encoder.long_texts}; give the same here"
        )
