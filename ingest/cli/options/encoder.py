"""Options of the commands that encode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ingest.encode.options import (
    DTYPES,
    EMBEDDED,
    LONG_TEXTS,
    MAX_TOKENS,
    TRUNCATE,
    EncoderOptions,
    check_device,
)
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.sections import encoder_option
from xlrec_es.vectors.language_centering import METHODS, current_method

F = TypeVar("F", bound=Callable[..., Any])


class _Method(click.Choice[str]):
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


def encoder_options(command: F) -> F:
    """Give a command the options of an encoder; it receives them as `model` and `encoder`."""

    @encoder_option(
        "--model",
        default=EMBEDDED,
        show_default=True,
        metavar="MODEL",
        help="Encoder: a folder, a name on the Hugging Face hub such as "
        "intfloat/multilingual-e5-small, or the one that needs no hub.",
    )
    @encoder_option(
        "--prefix",
        metavar="STRING",
        help="Put before each text.",
        show_default="the model's query prompt",
    )
    @encoder_option(
        "--max-tokens",
        type=click.IntRange(min=8),
        default=MAX_TOKENS,
        show_default=True,
        metavar="N",
        help="How far a text is encoded; it is searched as a whole.",
    )
    @encoder_option(
        "--long-texts",
        type=click.Choice(LONG_TEXTS),
        default=TRUNCATE,
        show_default=True,
        help="Cut off what is beyond, or encode all of it in windows of so many tokens and average "
        "their vectors.",
    )
    @encoder_option(
        "--device",
        default="auto",
        show_default=True,
        metavar="DEVICE[,DEVICE...]",
        help="Where the encoder runs: auto, cuda, mps, cpu, or cuda:0,cuda:1, a process for each, "
        "as auto and cuda have for every visible GPU.",
    )
    @encoder_option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="auto",
        show_default=True,
        help="What it computes in; auto takes bfloat16 where the device has it.",
    )
    @encoder_option(
        "--batch-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Tokens in one pass.",
        show_default="1024 on a CPU, 32768 on a GPU",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        prefix: str | None,
        max_tokens: int,
        long_texts: str,
        device: str,
        dtype: str,
        batch_tokens: int | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = EncoderOptions(
            prefix, max_tokens, long_texts, check_device(device), dtype, batch_tokens
        )
        return command(*args, encoder=options, **kwargs)

    return wrapper  # type: ignore[return-value]
