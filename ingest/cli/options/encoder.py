"""Options of the commands that encode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingest.encode.options import (
    ATTENTIONS,
    DTYPES,
    EMBEDDED,
    LONG_TEXTS,
    MAX_TOKENS,
    NO_SPARSE,
    TRUNCATE,
    EncoderOptions,
    SparseModel,
    check_device,
    check_given,
)
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.sections import encoder_option
from xlrec_es.errors import ConfigError
from xlrec_es.vectors.language_centering import METHODS, current_method
from xlrec_es.vectors.vector import MAX_DIMS

F = TypeVar("F", bound=Callable[..., Any])

Declare = Callable[..., Callable[[F], F]]
"""`click.option`, or one of its kind that puts an option into a section."""


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # before click 8.2 it takes no type when it runs


class _Method(_Choice):
    """One of the methods, in any spelling that it had."""

    def __init__(self) -> None:
        super().__init__(METHODS)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(current_method(value), param, ctx)


def centering_option(default: str) -> Callable[[F], F]:
    """Give a command the option `--centering`, None by default.

    Args:
        default: What that means, for its help.
    """
    return renamed_option(
        "--centering",
        old=("--calibration",),
        type=_Method(),
        help="Subtract each language's mean vector, so that languages can be compared.",
        show_default=default,
    )


_ELSEWHERE = (
    " Or the address of one that runs elsewhere: http://HOST:9600 of xlrec-ingest serve, or "
    "http://HOST/v1#MODEL of an OpenAI-compatible service, whose key is in XLREC_ENCODER_API_KEY."
)


def model_option(declare: Declare[F], *, or_elsewhere: bool = False) -> Callable[[F], F]:
    """The option that names an encoder; received as `model`.

    Args:
        declare: Declares it.
        or_elsewhere: Whether it may be the address of one.
    """
    return declare(
        "--model",
        default=EMBEDDED,
        show_default=True,
        metavar="MODEL",
        help="Encoder: a folder, a name on the Hugging Face hub such as "
        "intfloat/multilingual-e5-small, or embedded, which needs no hub."
        + _ELSEWHERE
        * or_elsewhere,
    )


def prefix_option(declare: Declare[F]) -> Callable[[F], F]:
    """The option for the prompt of an encoder; received as `prefix`."""
    return declare(
        "--prefix",
        metavar="STRING",
        help="Prompt to put before each document.",
        show_default="the model's query prompt, else its default",
    )


def prompt_name_option(declare: Declare[F]) -> Callable[[F], F]:
    """The option that names a model's prompt in place of `prefix_option`; `prompt_name`."""
    return declare(
        "--prompt-name",
        metavar="STRING",
        help="Name of the model's prompt for documents, such as document or passage, in place of "
        "--prefix.",
    )


def dims_option(*, wanted: bool) -> Callable[[F], F]:
    """The option that cuts vectors; received as `dims`.

    Args:
        wanted: False for nothing at all, where a command has dimensions of another meaning.
    """
    if not wanted:
        return lambda command: command
    return encoder_option(
        "--dims",
        type=click.IntRange(1, MAX_DIMS),
        metavar="N",
        help="Dimensions to cut vectors to, of a model that was trained for it (Matryoshka).",
        show_default="as the model's folder says, else all",
    )


def device_option(declare: Declare[F]) -> Callable[[F], F]:
    """The option that says where an encoder runs; received as `device`, and checked."""
    return declare(
        "--device",
        default="auto",
        show_default=True,
        metavar="DEVICE[,DEVICE...]",
        callback=lambda _ctx, _parameter, value: check_device(value),
        help="Devices of the encoder, a process for each: auto, cuda, mps, cpu, or cuda:0,cuda:1. "
        "auto and cuda stand for every visible GPU.",
    )


def encoder_options(command: F) -> F:
    """Give a command the options of an encoder; it receives them as `model` and `encoder`."""
    return _encoder_options(command, or_elsewhere=True)


def sparse_options(command: F) -> F:
    """Give a command the options of a sparse encoder; they go into its `encoder`.

    Stands below `encoder_options`.
    """

    @encoder_option(
        "--sparse-model",
        metavar="MODEL",
        help="Model of learned sparse weights beside the encoder: a folder or a name on the "
        "Hugging Face hub, of a SPLADE model or of one with lexical weights, such as BAAI/bge-m3; "
        f"or {NO_SPARSE}.",
        show_default="no sparse weights; an index that has them must be told",
    )
    @encoder_option(
        "--sparse-revision",
        metavar="STRING",
        help="Branch, tag or commit of the sparse model on the Hugging Face hub.",
        show_default="its main branch",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        encoder: EncoderOptions,
        sparse_model: str | None,
        sparse_revision: str | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if sparse_model is None and sparse_revision is not None:
            raise ConfigError("--sparse-revision is of a --sparse-model; name that, too")
        if sparse_model is not None:
            encoder = replace(encoder, sparse=SparseModel(sparse_model, sparse_revision))
        return command(*args, encoder=encoder, **kwargs)

    return wrapper  # type: ignore[return-value]


def own_encoder_options(command: F) -> F:
    """`encoder_options` of a command that needs the model's files."""
    return _encoder_options(command, or_elsewhere=False)


def _encoder_options(command: F, *, or_elsewhere: bool) -> F:
    left_out = {"sparse"} if or_elsewhere else {"sparse", "dims"}
    names = [one.name for one in fields(EncoderOptions) if one.name not in left_out]

    @model_option(encoder_option, or_elsewhere=or_elsewhere)
    @encoder_option(
        "--revision",
        metavar="STRING",
        help="Branch, tag or commit of a model of the Hugging Face hub.",
        show_default="its main branch",
    )
    @encoder_option(
        "--trust-code",
        "trusted_code",
        metavar="COMMIT",
        help="Commit of a model of the Hugging Face hub whose own code may run here. Read the code "
        "first.",
        show_default="no code may",
    )
    @prefix_option(encoder_option)
    @prompt_name_option(encoder_option)
    @encoder_option(
        "--text-prefix",
        metavar="STRING",
        help="Prompt to put before each free text of a user.",
        show_default="that of documents; with --prompt-name the model's query prompt",
    )
    @encoder_option(
        "--text-prompt-name",
        metavar="STRING",
        help="Name of the model's prompt for free texts, in place of --text-prefix.",
    )
    @dims_option(wanted=or_elsewhere)
    @encoder_option(
        "--max-tokens",
        type=click.IntRange(min=8),
        default=MAX_TOKENS,
        show_default=True,
        metavar="N",
        help="Tokens of a text that are encoded; BM25 still indexes the whole text.",
    )
    @encoder_option(
        "--long-texts",
        type=click.Choice(LONG_TEXTS),
        default=TRUNCATE,
        show_default=True,
        help="Texts beyond --max-tokens: truncate them, or encode windows of that size and average "
        "their vectors.",
    )
    @device_option(encoder_option)
    @encoder_option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="auto",
        show_default=True,
        help="Data type of computation; auto takes bfloat16 where it is faster.",
    )
    @encoder_option(
        "--attention",
        type=click.Choice(ATTENTIONS),
        default="auto",
        show_default=True,
        help="Implementation of attention. flash needs an NVIDIA GPU, 16 bits and the package "
        "flash-attn, and its vectors are compared with those of sdpa first.",
    )
    @encoder_option(
        "--batch-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Token budget of one batch.",
        show_default="1024 on a CPU, 32768 on a GPU",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        named = {name: kwargs.pop(name) for name in names}
        return command(*args, encoder=check_given(EncoderOptions(**named)), **kwargs)

    return wrapper  # type: ignore[return-value]
