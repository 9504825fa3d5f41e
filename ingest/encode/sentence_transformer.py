"""Sentence-transformers models behind this project's `Encoder` protocol."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.encode import long_texts, model_files
from ingest.encode.options import CHUNK, DEFAULTS, EMBEDDED, EncoderOptions
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors.vector import Vector

try:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers.utils import logging as transformers_logging

    from ingest.encode import onnx_model
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

logger = logging.getLogger(__name__)

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# Padded tokens in one forward pass. Measured on the CPU (2 cores, 12 layers of 384): 512 to 1,024
# is best, 4,096 takes 20% longer. A GPU needs far more to be busy.
_CPU_BATCH_TOKENS = 1024
_GPU_BATCH_TOKENS = 32768

MAX_STREAMS = 8
"""Steps are started from Python, one at a time: more streams would wait for its lock."""


class SentenceTransformerEncoder:
    """A sentence-transformers model as an `xlrec_es.vectors.encoder.Encoder`.

    Make one with `load_encoder`.
    """

    def __init__(
        self,
        transformer: SentenceTransformer,
        *,
        model: str,
        revision: str,
        options: EncoderOptions = DEFAULTS,
    ) -> None:
        self._transformer = transformer
        self.tokens = 0  # so far, for whoever watches
        self._counting = threading.Lock()  # several threads may encode at once
        self.parallel = 1
        self._streams: ThreadPoolExecutor | None = None
        self._map: Callable[..., Iterable[Vector]] = map
        self.model = model
        self.revision = revision
        self.long_texts = options.long_texts
        self.prefix = _default_prefix(transformer, model, options)
        self.max_tokens = min(options.max_tokens, transformer.max_seq_length or options.max_tokens)
        # Models of word vectors read all of a text, and have no limit to set.
        self._has_tokens = isinstance(transformer[0], Transformer | onnx_model.OnnxTransformer)
        if self._has_tokens:
            transformer.max_seq_length = self.max_tokens
        self.dims = _dims(transformer, model)
        self.pooling = _pooling(transformer)
        self._window = self._window_size() if options.long_texts == CHUNK else None
        on_cpu = transformer.device.type == "cpu"
        self.batch_tokens = options.batch_tokens or (
            _CPU_BATCH_TOKENS if on_cpu else _GPU_BATCH_TOKENS
        )

    @property
    def transformer(self) -> SentenceTransformer:
        """The model itself, for what trains it."""
        return self._transformer

    @property
    def device(self) -> str:
        """Where it runs: `cuda:0`, `mps`, `cpu`."""
        return str(self._transformer.device)

    @property
    def dtype(self) -> str:
        """What it computes in: a key of `DTYPES`, or `int8`."""
        if isinstance(self._transformer[0], onnx_model.OnnxTransformer):
            return "int8"
        return str(self._transformer.dtype).removeprefix("torch.")

    def start_streams(self, n_threads: int) -> None:
        """Compute several batches at once, each with a part of the CPU's threads.

        A pass is some hundred small steps, and after each of them all threads wait for the last
        one; batches by themselves do not wait for each other. `parallel` threads may call `encode`
        then, so that no stream waits for a window to end. OpenVINO calls this its throughput hint
        (https://docs.openvino.ai/2024/openvino-workflow/running-inference/optimize-inference.html).

        Args:
            n_threads: Of all streams together.
        """
        self.parallel = min(n_threads, MAX_STREAMS)
        self._streams = ThreadPoolExecutor(
            self.parallel, "encode", torch.set_num_threads, (n_threads // self.parallel,)
        )
        self._map = self._streams.map

    def close(self) -> None:
        """End the streams."""
        if self._streams:
            self._streams.shutdown(cancel_futures=True)

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts; the more at once, the less padding.

        What is beyond `max_tokens` is cut off, or encoded in windows whose vectors are averaged.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1; a row of which the model made
            zeros or NaN stays as it is, for the caller to refuse.

        Raises:
            EncoderError: The model failed, or the memory does not hold a single text.
        """
        if self._window and texts:
            return self._encode_in_windows(texts, self._window)
        return self._encode_each(texts)

    def count_tokens(self, texts: Sequence[str]) -> int | None:
        """How many tokens `encode` reads of texts, prefix included; None if it knows none.

        Raises:
            EncoderError: As for `encode`.
        """
        if not self._has_tokens:
            return None
        if self._window:
            tokenizer = self._transformer.tokenizer
            pieces = [long_texts.split(text, tokenizer, self._window) for text in texts]
            texts = [piece for of_text in pieces for piece in of_text]
        return sum(map(len, self._tokenize(texts)["input_ids"]))

    def _encode_each(self, texts: Sequence[str]) -> Vector:
        vectors = np.zeros((len(texts), self.dims), np.float32)
        if texts and self._has_tokens:
            for rows, encoded in self._encode_batches(self._tokenize(texts)):
                vectors[rows] = encoded
        elif texts:
            vectors[:] = self._transformer.encode(list(texts), prompt=self.prefix)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, length, out=vectors, where=length > 0)
        return vectors

    def _window_size(self) -> int | None:
        """Tokens of a text that fit beside the prefix; None where nothing is cut off.

        Raises:
            EncoderError: There is no room for any, or no telling where a token stands in a text.
        """
        if not self._has_tokens:
            return None
        if not self._transformer.tokenizer.is_fast:
            raise EncoderError(
                f"{self.model} has a tokenizer that does not say where its tokens are in a text; "
                "use --long-texts truncate"
            )
        size = self.max_tokens - len(self._tokenize([""])["input_ids"][0])
        if size < long_texts.MIN_SIZE:
            raise EncoderError(
                f"the prefix leaves room for {size} of {self.max_tokens} tokens; raise --max-tokens"
            )
        return size

    def _encode_in_windows(self, texts: Sequence[str], size: int) -> Vector:
        pieces = [long_texts.split(text, self._transformer.tokenizer, size) for text in texts]
        vectors = self._encode_each([piece for of_text in pieces for piece in of_text])
        return long_texts.pool(vectors, [len(of_text) for of_text in pieces])

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
        with self._counting:
            self.tokens += int(lengths.sum())
        left = np.argsort(-lengths, kind="stable")
        while len(left):
            batches = self._cut(left, lengths)
            encoded = iter(self._map(lambda rows: self._forward(tokens, rows), batches))
            for number, rows in enumerate(batches):
                try:
                    vectors = next(encoded)
                except RuntimeError as error:
                    self._halve_batches(error, n_texts=len(rows), longest=int(lengths[rows[0]]))
                    left = np.concatenate(batches[number:])
                    break
                yield rows, vectors
            else:
                return

    def _cut(self, order: NDArray[np.intp], lengths: NDArray[np.int64]) -> list[NDArray[np.intp]]:
        """Texts, the longest first, in batches of so many padded tokens."""
        batches = []
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            batches.append(order[start : start + max(1, self.batch_tokens // longest)])
            start += len(batches[-1])
        return batches

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
        about = {"device": self.device, "batch_tokens": self.batch_tokens}
        logger.warning("out of memory; going on with smaller batches", extra=about)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # give back what the failed pass left in pieces


def load_encoder(
    model: str = EMBEDDED,
    *,
    options: EncoderOptions = DEFAULTS,
) -> SentenceTransformerEncoder:
    """Load a model, on one device: the first GPU where all of them were asked for.

    Args:
        model: A folder, a name on the Hugging Face hub, or `embedded`.
        options: How to run it.

    Raises:
        EncoderError: It cannot be had, is not a model, or has pickled weights alone; or several
            devices are named, which are for `ingest.encode.encoder_pool`.
        MissingExtra: The embedded model's package is not installed.
    """
    transformers_logging.disable_progress_bar()
    device, *more = choose_devices(options.device)
    if more and "," in options.device:
        raise EncoderError(f"one device is enough here; name one of {options.device}")
    found = model_files.find(model)
    try:
        if onnx_model.is_onnx(found.folder):
            transformer = onnx_model.load(found.folder)
        else:
            dtype = choose_dtype(options.dtype, device)
            transformer = SentenceTransformer(
                str(found.folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": dtype},
            )
    except MissingExtra:
        raise
    except Exception as error:  # whatever a damaged or unknown model makes three libraries raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise EncoderError(f"cannot load the model {model!r}: {reason}") from error
    return SentenceTransformerEncoder(
        transformer, model=found.name, revision=found.revision, options=options
    )


def choose_devices(wanted: str) -> tuple[str, ...]:
    """The devices to run on, each as PyTorch names it.

    Args:
        wanted: See `ingest.encode.options.check_device`.

    Raises:
        EncoderError: One was asked for by name and is not there.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = tuple(f"cuda:{number}" for number in range(n_gpus))
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    if wanted == "auto":
        return gpus or mps or ("cpu",)
    devices = gpus or ("cuda",) if wanted == "cuda" else tuple(wanted.split(","))
    there = (*gpus, *mps, "cpu")
    for device in devices:
        if device not in there:
            raise EncoderError(
                f"PyTorch finds no {device} device here; --device can be auto or {', '.join(there)}"
            )
    return devices


def choose_dtype(wanted: str, device: str) -> torch.dtype:
    """What to compute in.

    bfloat16 keeps float32's range, so that no model overflows in it. On a CPU it is chosen with
    AMX alone, where it was 3 times as fast as float32 (measured). AVX512-BF16 does not tell: on one
    processor with it, bfloat16 was 1.8 times as fast, on another 1.5 times as slow. Without either
    it is emulated and slower. Vectors agree to a cosine of 0.9999.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    if device.startswith("cuda"):
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device == "cpu":
        fast = bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


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
