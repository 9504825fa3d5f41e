"""Sentence-transformers models behind this project's `Encoder` protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.types import Vector

try:
    import torch
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers.utils import logging as transformers_logging
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

EMBEDDED = "embedded"
"""The name that stands for the model of `ingest.embedded`."""

MAX_TOKENS = 128
DEVICES = ("auto", "cuda", "mps", "cpu")
DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# What a model is made of. Everything else of a repository stays there: pickled weights, which can
# run code when they are read, other runtimes' weights, and code.
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
_HUB_FILES_NOT_NEEDED = ["onnx/*", "openvino/*"]
_MODEL_FILE = re.compile(r"\.(json|safetensors|txt|model|jinja)$")

# Padded tokens in one forward pass. Measured on the CPU (2 cores, 12 layers of 384): 512 to 1,024
# is best, 4,096 takes 20% longer. A GPU needs far more to be busy.
_CPU_BATCH_TOKENS = 1024
_GPU_BATCH_TOKENS = 32768


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How a model is loaded and run.

    Attributes:
        prefix: What is put before each text; None for the model's own query prompt.
        max_tokens: Longest text in tokens, prefix included; the model's own limit if that is lower.
        device: One of `DEVICES`; `auto` takes CUDA, else MPS, else the CPU.
        dtype: A key of `DTYPES`, or `auto`: bfloat16 where the device computes in it, else float32.
        batch_tokens: Padded tokens in one forward pass; None for a value that suits the device.
    """

    prefix: str | None = None
    max_tokens: int = MAX_TOKENS
    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None


class SentenceTransformerEncoder:
    """A sentence-transformers model as an `xlrec_es.encoder.Encoder`.

    Make one with `load_encoder`.
    """

    def __init__(
        self,
        transformer: SentenceTransformer,
        *,
        model: str,
        revision: str,
        options: EncoderOptions = EncoderOptions(),
    ) -> None:
        self._transformer = transformer
        self.model = model
        self.revision = revision
        self.prefix = _default_prefix(transformer, model, options)
        self.max_tokens = min(options.max_tokens, transformer.max_seq_length or options.max_tokens)
        # Models of word vectors read all of a text, and have no limit to set.
        self._has_tokens = isinstance(transformer[0], Transformer)
        if self._has_tokens:
            transformer.max_seq_length = self.max_tokens
        self.dims = _dims(transformer, model)
        self.pooling = _pooling(transformer)
        on_cpu = transformer.device.type == "cpu"
        self.batch_tokens = options.batch_tokens or (
            _CPU_BATCH_TOKENS if on_cpu else _GPU_BATCH_TOKENS
        )

    @property
    def device(self) -> str:
        """Where it runs: `cuda:0`, `mps`, `cpu`."""
        return str(self._transformer.device)

    @property
    def dtype(self) -> str:
        """What it computes in: a key of `DTYPES`."""
        return str(self._transformer.dtype).removeprefix("torch.")

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts; the more at once, the less padding.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1; a row of which the model made
            zeros or NaN stays as it is, for the caller to refuse.

        Raises:
            EncoderError: The model failed, or the memory does not hold a single text.
        """
        vectors = np.zeros((len(texts), self.dims), np.float32)
        if texts and self._has_tokens:
            for rows, encoded in self._encode_batches(self._tokenize(texts)):
                vectors[rows] = encoded
        elif texts:
            vectors[:] = self._transformer.encode(list(texts), prompt=self.prefix)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, length, out=vectors, where=length > 0)
        return vectors

    def _tokenize(self, texts: Sequence[str]) -> dict[str, Any]:
        """Token ids and what else the model wants, by name; lists of one entry a text, unpadded."""
        tokens: dict[str, Any] = self._transformer.preprocess(
            list(texts),
            prompt=self.prefix,
            processing_kwargs={"text": {"padding": False}, "common": {"return_tensors": None}},
        )
        return tokens

    def _encode_batches(self, tokens: dict[str, Any]) -> Iterator[tuple[NDArray[np.intp], Vector]]:
        """Batches of similar length, the longest first, so that a lack of memory shows early.

        Yields:
            Positions of the batch's texts, and their raw vectors.
        """
        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            rows = order[start : start + max(1, self.batch_tokens // longest)]
            try:
                encoded = self._forward(tokens, rows)
            except RuntimeError as error:
                self._halve_batches(error, n_texts=len(rows), longest=longest)
                continue
            yield rows, encoded
            start += len(rows)

    def _forward(self, tokens: Mapping[str, Any], rows: NDArray[np.intp]) -> Vector:
        per_text = {key: [v[i] for i in rows] for key, v in tokens.items() if isinstance(v, list)}
        shared = {key: v for key, v in tokens.items() if not isinstance(v, list)}
        padded = self._transformer.tokenizer.pad(per_text, return_tensors="pt")
        features = {**shared, **padded.to(self._transformer.device)}
        with torch.inference_mode():
            encoded = self._transformer(features)["sentence_embedding"]  # (len(rows), dims)
        vectors: Vector = encoded.float().cpu().numpy()
        return vectors

    def _halve_batches(self, error: RuntimeError, *, n_texts: int, longest: int) -> None:
        """Go on with smaller batches after a lack of memory.

        Raises:
            EncoderError: Any other error, or a lack of memory for one text.
        """
        reason = str(error).partition("\n")[0]
        lacks_memory = re.search("out of memory|can't allocate memory", reason) is not None
        if not lacks_memory and not isinstance(error, torch.OutOfMemoryError):
            raise EncoderError(f"{self.model} failed on a batch of texts: {reason}") from error
        if n_texts == 1:
            raise EncoderError(
                f"{self.model} has no memory for one text of {longest} tokens on {self.device}; "
                "use a smaller model, or fewer tokens (--max-tokens)"
            ) from error
        self.batch_tokens = n_texts * longest // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # give back what the failed pass left in pieces


def load_encoder(
    model: str = EMBEDDED,
    *,
    options: EncoderOptions = EncoderOptions(),
) -> SentenceTransformerEncoder:
    """Load a model.

    Args:
        model: A folder, a name on the Hugging Face hub, or `embedded`.
        options: How to run it.

    Raises:
        EncoderError: It cannot be had, is not a model, or has pickled weights alone.
        MissingExtra: The embedded model's package is not installed.
    """
    transformers_logging.disable_progress_bar()
    if model == EMBEDDED:
        from ingest import embedded  # costs imports that other models do not need

        folder, name, revision = embedded.checkpoint(), embedded.MODEL_NAME, embedded.REVISION
    elif Path(model).expanduser().is_dir():
        folder = Path(model).expanduser()
        name, revision = folder.resolve().name, _hash_model(folder)
    else:
        folder = _download(model)
        name, revision = model, folder.name
    _refuse_pickles(folder, name)
    device = choose_device(options.device)
    try:
        transformer = SentenceTransformer(
            str(folder),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": choose_dtype(options.dtype, device)},
        )
    except Exception as error:  # whatever a damaged or unknown model makes three libraries raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise EncoderError(f"cannot load the model {model!r}: {reason}") from error
    return SentenceTransformerEncoder(transformer, model=name, revision=revision, options=options)


def choose_device(wanted: str) -> str:
    """The device to run on.

    Raises:
        EncoderError: It was asked for by name and is not there.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(device for device, there in available.items() if there)
    if not available[wanted]:
        there = ", ".join(device for device, present in available.items() if present)
        raise EncoderError(
            f"PyTorch finds no {wanted} device here; --device can be auto or {there}"
        )
    return wanted


def choose_dtype(wanted: str, device: str) -> torch.dtype:
    """What to compute in.

    bfloat16 keeps float32's range, so that no model overflows in it. On a CPU it is chosen where
    the instructions are there: with AVX512-BF16, 1.8 times as fast as float32 (measured, one core),
    with AMX 3 times; without them it is emulated and slower. Vectors agree to a cosine of .9999.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    if device == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device == "cpu":
        cpu = torch.cpu.get_capabilities()
        fast = any(cpu.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def _download(model: str) -> Path:
    """The folder of a hub model; its name is the commit."""
    try:
        return Path(
            snapshot_download(
                model, allow_patterns=_HUB_FILES, ignore_patterns=_HUB_FILES_NOT_NEEDED
            )
        )
    except (OSError, HFValidationError) as error:  # the hub's errors are OSErrors
        reason = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"{model!r} is no folder here, and cannot be had from the Hugging Face hub: {reason} "
            f"Check the name and the network, or use --model {EMBEDDED}"
        ) from error


def _refuse_pickles(folder: Path, model: str) -> None:
    has_config = (folder / "modules.json").is_file() or (folder / "config.json").is_file()
    if not has_config:
        raise EncoderError(f"{folder} is not a model: it has no modules.json and no config.json")
    folders = {path.parent for path in folder.rglob("*.safetensors")}
    pickled = [p for p in folder.rglob("pytorch_model*.bin") if p.parent not in folders]
    if pickled or not folders:
        raise EncoderError(
            f"{model} has no safetensors weights; pickled weights can run code when they are read, "
            "and are refused. Convert them: AutoModel.from_pretrained(...).save_pretrained(...)"
        )


def _hash_model(folder: Path) -> str:
    """Sixteen hexadecimal digits that stand for weights, tokenizer and configuration."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if _MODEL_FILE.search(path.name)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256-{digest.hexdigest()[:16]}"


def _default_prefix(transformer: SentenceTransformer, model: str, options: EncoderOptions) -> str:
    """The prefix asked for, else the model's own query prompt, else what E5 was trained with.

    Items are compared with items, so both sides get the same one.
    """
    if options.prefix is not None:
        return options.prefix
    prompt: str | None = transformer.prompts.get("query")
    if not prompt and re.search(r"(^|/|-)e5-(?!.*instruct)", model):
        return "query: "  # the E5 models on the hub say so in their description alone
    return prompt or ""


def _dims(transformer: SentenceTransformer, model: str) -> int:
    dims: int | None = transformer.get_embedding_dimension()
    if dims is None:
        raise EncoderError(f"{model} does not say how long its vectors are")
    return dims


def _pooling(transformer: SentenceTransformer) -> str:
    """`mean`, `cls` ..., or the name of the last module for models that do not pool tokens."""
    for module in transformer:
        if isinstance(module, Pooling):
            modes = module.pooling_mode
            return modes if isinstance(modes, str) else "+".join(modes)
    return str(type(transformer[-1]).__name__)
