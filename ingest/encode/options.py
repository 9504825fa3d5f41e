"""The options of an encoder as plain data; no torch here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xlrec_es.errors import ConfigError

EMBEDDED = "embedded"
"""The name that stands for the model of `ingest.encode.embedded_model`."""

MAX_TOKENS = 128
"""Measured on an application catalog, each application in one of 12 languages (titles, summaries
and descriptions): recall@50 of other languages is 0.342 with 32 tokens, 0.370 with 64, 0.392 with
128 and 0.390 with 256; from 64 on, the time grows with the tokens."""
TRUNCATE, CHUNK = "truncate", "chunk"
LONG_TEXTS = (TRUNCATE, CHUNK)
_DEVICE = re.compile(r"cpu|cuda:\d+")  # of which there may be several
DTYPES = ("auto", "float32", "bfloat16", "float16")
ATTENTIONS = ("auto", "sdpa", "eager", "flash")
_COMMIT = re.compile(r"[0-9a-f]{40}")


NO_SPARSE = "none"
"""In place of a sparse model: there is to be none, even if the version before had one."""


@dataclass(frozen=True, slots=True)
class SparseModel:
    """A model that weighs the tokens of texts, beside the encoder.

    Attributes:
        model: A folder, or a name on the Hugging Face hub.
        revision: Branch, tag or commit of a model of the hub; None for its main branch.
    """

    model: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How a model is loaded and run.

    Attributes:
        prefix: What is put before each document; None for the model's own, see
            `ingest.encode.prompts`.
        max_tokens: Longest text in tokens, prefix included; the model's own limit if that is lower.
        long_texts: One of `LONG_TEXTS`: longer texts are cut off, or encoded in windows of so many
            tokens and averaged.
        device: See `check_device`; `auto` takes every visible GPU, else MPS, else the CPU.
        dtype: One of `DTYPES`; `auto` takes bfloat16 where the device computes in it, else
            float32.
        batch_tokens: Padded tokens in one forward pass; None for a value that suits the device.
        prompt_name: Name of the model's prompt for documents, in place of a prefix.
        text_prefix: What is put before each free text of a user; None for the model's own.
        text_prompt_name: Name of the model's prompt for free texts, in place of a prefix.
        dims: Vectors are cut to so many dimensions; None for what the model's folder says.
        attention: One of `ATTENTIONS`.
        revision: Branch, tag or commit of a model of the hub; None for its main branch.
        trusted_code: Commit of a model of the hub whose own code may run; None: no code may.
        sparse: What makes learned sparse weights of the same texts; None: nothing does. A model
            `NO_SPARSE` says so for a version that is to lose them.
    """

    prefix: str | None = None
    max_tokens: int = MAX_TOKENS
    long_texts: str = TRUNCATE
    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None
    prompt_name: str | None = None
    text_prefix: str | None = None
    text_prompt_name: str | None = None
    dims: int | None = None
    attention: str = "auto"
    revision: str | None = None
    trusted_code: str | None = None
    sparse: SparseModel | None = None

    @property
    def wants_sparse(self) -> bool:
        """Whether there is to be a sparse model."""
        return self.sparse is not None and self.sparse.model != NO_SPARSE


DEFAULTS = EncoderOptions()


def check_given(options: EncoderOptions) -> EncoderOptions:
    """Refuse options that contradict each other, before anything is loaded.

    Raises:
        ConfigError: They do.
    """
    for prefix, name, words in (
        (options.prefix, options.prompt_name, ("--prefix", "--prompt-name")),
        (options.text_prefix, options.text_prompt_name, ("--text-prefix", "--text-prompt-name")),
    ):
        if prefix is not None and name is not None:
            raise ConfigError(f"{words[0]} is a prompt and {words[1]} names one; give one of them")
    code = options.trusted_code
    if code is not None and not _COMMIT.fullmatch(code):
        raise ConfigError(
            f"--trust-code {code!r} is no commit: give all 40 hexadecimal digits of the one whose "
            "code was read"
        )
    if code is not None and options.revision not in (None, code):
        raise ConfigError("--trust-code is the commit that is loaded; leave out --revision")
    return options


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
