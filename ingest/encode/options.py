"""The options of the worker's parts, on the command line and as plain data; no torch here."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from xlrec_es.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

EMBEDDED = "embedded"
"""The name that stands for the model of `ingest.encode.embedded_model`."""

MAX_TOKENS = 128
"""Measured on an application catalogue, each application in one of 12 languages (titles, summaries
and descriptions): recall@50 of other languages is .342 with 32 tokens, .370 with 64, .392 with 128
and .390 with 256; from 64 on, the time grows with the tokens."""
TRUNCATE, CHUNK = "truncate", "chunk"
LONG_TEXTS = (TRUNCATE, CHUNK)
_DEVICE = re.compile(r"cpu|cuda:\d+")  # of which there may be several
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How a model is loaded and run.

    Attributes:
        prefix: What is put before each text; None for the model's own query prompt.
        max_tokens: Longest text in tokens, prefix included; the model's own limit if that is lower.
        long_texts: One of `LONG_TEXTS`: longer texts are cut off, or encoded in windows of so many
            tokens and averaged.
        device: See `check_device`; `auto` takes every visible GPU, else MPS, else the CPU.
        dtype: One of `DTYPES`; `auto` takes bfloat16 where the device computes in it, else
            float32.
        batch_tokens: Padded tokens in one forward pass; None for a value that suits the device.
    """

    prefix: str | None = None
    max_tokens: int = MAX_TOKENS
    long_texts: str = TRUNCATE
    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None


DEFAULTS = EncoderOptions()

INDEX_SCHEME = "index:"
"""Before the name of an index, in place of a path."""


def check_device(device: str) -> str:
    """Refuse what is no device, before anything is loaded; whether it is there is seen later.

    Args:
        device: `auto`; `cuda`, which is every visible GPU; `mps`; or one or several of `cpu` and
            `cuda:0`, `cuda:1` ... with commas between them, an encoder process for each.

    Raises:
        ConfigError: It is none of these.
    """
    names = device.split(",")
    gpus = [name for name in names if name != "cpu"]
    if device not in ("auto", "cuda", "mps"):
        if not all(_DEVICE.fullmatch(name) for name in names):
            raise ConfigError(
                f"--device {device!r} is not one of auto, cuda, mps, cpu, cuda:0 ..., nor several "
                "such as cuda:0,cuda:1"
            )
        if len(gpus) > len(set(gpus)):
            raise ConfigError(f"--device {device} names a GPU twice")
    return device


MODES = ("keep", "drop", "link")
MAX_NEAR = 0.95
"""The estimate tells nothing between here and equal, and equal texts are found anyway."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is done with texts that come more than once.

    Attributes:
        mode: One of `MODES`.
        near: Jaccard similarity of the sets of five characters in a row, from which on texts are
            duplicates too; None if only equal texts are.
    """

    mode: str = "keep"
    near: float | None = None

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: It contradicts itself, or the threshold is out of reach.
        """
        if self.near is None:
            return
        if self.mode == "keep":
            raise ConfigError("--near-duplicates finds texts for --duplicates drop or link; add it")
        if not 0 < self.near <= MAX_NEAR:
            raise ConfigError(f"--near-duplicates {self.near}: give a number up to {MAX_NEAR}")


KEEP = Duplicates()


def duplicate_options(command: F) -> F:
    """Give a command the options of duplicates; it receives them as `duplicates`."""

    @click.option(
        "--duplicates",
        "mode",
        type=click.Choice(MODES),
        default="keep",
        show_default=True,
        help="What is done with a text that the input has before, in the same language: keep it, "
        "drop it, or link it as another rendition of the same work.",
    )
    @click.option(
        "--near-duplicates",
        "near",
        type=float,
        metavar="SIMILARITY",
        help="Texts that are alike are duplicates too, from this on, such as 0.8: the share of "
        "strings of five characters that they have in common. Estimated; most are found.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        mode: str,
        near: float | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        duplicates = Duplicates(mode, near)
        duplicates.check()
        return command(*args, duplicates=duplicates, **kwargs)

    return wrapper  # type: ignore[return-value]


def encoder_options(command: F) -> F:
    """Give a command the options of an encoder; it receives them as `model` and `encoder`."""

    @click.option(
        "--model",
        default=EMBEDDED,
        show_default=True,
        help="Encoder: a folder, a name on the Hugging Face hub such as "
        "intfloat/multilingual-e5-small, or the one that needs no hub.",
    )
    @click.option("--prefix", help="Put before each text.  [default: the model's query prompt]")
    @click.option(
        "--max-tokens",
        type=click.IntRange(min=8),
        default=MAX_TOKENS,
        show_default=True,
        help="How far a text is encoded; it is searched as a whole.",
    )
    @click.option(
        "--long-texts",
        type=click.Choice(LONG_TEXTS),
        default=TRUNCATE,
        show_default=True,
        help="Cut off what is beyond, or encode all of it in windows of so many tokens and average "
        "their vectors.",
    )
    @click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="DEVICE[,DEVICE...]",
        help="Where the encoder runs: auto, cuda, mps, cpu, or cuda:0,cuda:1, a process for each, "
        "as auto and cuda have for every visible GPU.",
    )
    @click.option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="auto",
        show_default=True,
        help="What it computes in; auto takes bfloat16 where the device has it.",
    )
    @click.option(
        "--batch-tokens",
        type=click.IntRange(min=1),
        help="Tokens in one pass.  [default: 1024 on a CPU, 32768 on a GPU]",
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
