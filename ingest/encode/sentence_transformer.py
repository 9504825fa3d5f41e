"""Sentence-transformers models behind this project's `Encoder` protocol."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.encode import long_texts, model_files
from ingest.encode.checkpoint.tokenizer import check_vocabulary
from ingest.encode.devices import choose_devices, choose_dtype, lacks_memory
from ingest.encode.dimensions import choose_dims
from ingest.encode.options import CHUNK, DEFAULTS, EMBEDDED, EncoderOptions
from ingest.encode.prompts import choose_prompts
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors import probe
from xlrec_es.vectors.vector import Vector

try:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
    from transformers.utils import logging as transformers_logging

    from ingest.encode import onnx_model
    from ingest.encode.attention import attention_settings, check_attention
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

logger = logging.getLogger(__name__)

# Padded tokens in one forward pass. Measured on the CPU (2 cores, 12 layers of 384): 512 to 1,024
# is best, 4,096 takes 20% longer. A GPU needs far more to be busy.
_CPU_BATCH_TOKENS = 1024
_GPU_BATCH_TOKENS = 32768

_LIKE_TEXTS = ("A puzzle game", "Ein Kriminalroman, der im winterlichen Hamburg spielt", "数")
_LIKE = 0.99  # cosine; 16 bits keep 0.999, and another pooling 0.9

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
        license_: str | None = None,
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
        self.license = license_
        self.long_texts = options.long_texts
        prompts = choose_prompts(
            transformer.prompts, transformer.default_prompt_name, model, options
        )
        self.prefix, self.text_prefix = prompts.documents, prompts.texts
        self.max_tokens = min(options.max_tokens, transformer.max_seq_length or options.max_tokens)
        # Models of word vectors read all of a text, and have no limit to set.
        self._has_tokens = isinstance(transformer[0], Transformer | onnx_model.OnnxTransformer)
        if self._has_tokens:
            transformer.max_seq_length = self.max_tokens
        self.dims, self.cut_from = choose_dims(transformer, model, options.dims)
        self.pooling = _pooling(transformer)
        self._windows = {
            prompt: self._window_size(prompt) if options.long_texts == CHUNK else None
            for prompt in (self.prefix, self.text_prefix)
        }
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
        """What it computes in: a key of `ingest.encode.devices.DTYPES`, or `int8`."""
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
        return self._encode(texts, self.prefix, self._encode_each)

    def encode_query(self, texts: Sequence[str]) -> Vector:
        """As `encode`, for free texts of users, which get `text_prefix`."""
        return self._encode(texts, self.text_prefix, self._encode_each)

    def encode_by_library(self, texts: Sequence[str]) -> Vector:
        """As `encode`, by sentence-transformers' own `encode`: slower, and what ours must equal."""

        def encode(texts: Sequence[str], prompt: str) -> Vector:
            made = self._transformer.encode(
                list(texts),
                prompt=prompt,
                truncate_dim=self.dims,
                normalize_embeddings=True,
                convert_to_tensor=True,
            )
            vectors: Vector = made.float().cpu().numpy().reshape(len(texts), self.dims)
            return vectors

        return self._encode(texts, self.prefix, encode)

    def check_like_library(self, asked: str | None = None) -> None:
        """See that a few texts get the vectors that sentence-transformers gives them.

        Args:
            asked: The model as it was asked for, for people; None for its name.

        Raises:
            EncoderError: They do not, so this program does not know the model; or none of them gets
                a vector with a direction, so its weights are damaged.
        """
        texts = list(_LIKE_TEXTS)
        mine, theirs = self.encode(texts), self.encode_by_library(texts)
        cosines = np.sum(mine * theirs, axis=1)  # (n_texts,)
        self.tokens = 0
        usable = np.linalg.norm(theirs, axis=1) > 0  # neither zeros nor NaN
        if not usable.any():
            raise EncoderError(
                f"the model {asked or self.model!r} makes vectors of zeros or NaN of all texts, so "
                "its weights are damaged or beyond what 16 bits hold; get the model again, or use "
                "--dtype float32"
            )
        if (cosines[usable] < _LIKE).any():
            raise EncoderError(
                f"the vectors of {self.model} are not those that sentence-transformers makes "
                f"(cosine {cosines[usable].min():.3f}); use another model, or --dtype float32"
            )

    def _encode(
        self, texts: Sequence[str], prompt: str, encode: Callable[[Sequence[str], str], Vector]
    ) -> Vector:
        window = self._windows[prompt]
        if not (window and texts):
            return encode(texts, prompt)
        pieces = [long_texts.split(text, self._transformer.tokenizer, window) for text in texts]
        vectors = encode([piece for of_text in pieces for piece in of_text], prompt)
        return long_texts.pool(vectors, [len(of_text) for of_text in pieces])

    def count_tokens(self, texts: Sequence[str]) -> int | None:
        """How many tokens `encode` reads of texts, prefix included; None if it knows none.

        Raises:
            EncoderError: As for `encode`.
        """
        if not self._has_tokens:
            return None
        if window := self._windows[self.prefix]:
            tokenizer = self._transformer.tokenizer
            pieces = [long_texts.split(text, tokenizer, window) for text in texts]
            texts = [piece for of_text in pieces for piece in of_text]
        return sum(map(len, self._tokenize(texts, self.prefix)["input_ids"]))

    def _encode_each(self, texts: Sequence[str], prompt: str) -> Vector:
        vectors = np.zeros((len(texts), self.dims), np.float32)
        if texts and self._has_tokens:
            for rows, encoded in self._encode_batches(self._tokenize(texts, prompt)):
                vectors[rows] = encoded
        elif texts:
            vectors[:] = self._transformer.encode(
                list(texts), prompt=prompt, truncate_dim=self.dims
            )
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, length, out=vectors, where=length > 0)
        return vectors

    def _window_size(self, prompt: str) -> int | None:
        """Tokens of a text that fit beside a prompt; None where nothing is cut off.

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
        size = self.max_tokens - len(self._tokenize([""], prompt)["input_ids"][0])
        if size < long_texts.MIN_SIZE:
            raise EncoderError(
                f"the prefix leaves room for {size} of {self.max_tokens} tokens; raise --max-tokens"
            )
        return size

    def _tokenize(self, texts: Sequence[str], prompt: str) -> dict[str, Any]:
        """Token ids and what else the model wants, by name; lists of one entry a text, unpadded."""
        tokens: dict[str, Any] = self._transformer.preprocess(
            list(texts),
            prompt=prompt,
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
                except (RuntimeError, IndexError) as error:  # a token without an embedding
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
        vectors: Vector = encoded[:, : self.dims].float().cpu().numpy()
        return vectors

    def _halve_batches(self, error: Exception, *, n_texts: int, longest: int) -> None:
        """Go on with smaller batches after a lack of memory.

        Raises:
            EncoderError: Any other error, or a lack of memory for one text.
        """
        reason = str(error).partition("\n")[0]
        if not lacks_memory(error):
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
        ConfigError: An option is not for this model.
        EncoderError: It cannot be had, or is no dense encoder of texts; or several devices are
            named, which are for `ingest.encode.encoder_pool`.
        MissingExtra: The embedded model's package is not installed.
    """
    transformers_logging.disable_progress_bar()
    device, *more = choose_devices(options.device)
    if more and "," in options.device:
        raise EncoderError(f"one device is enough here; name one of {options.device}")
    found = model_files.find(model, revision=options.revision, trusted_code=options.trusted_code)
    with model_files.loading(f"the model {model!r}"):
        if onnx_model.is_onnx(found.folder):
            transformer = onnx_model.load(found.folder)
        else:
            dtype = choose_dtype(options.dtype, device)
            transformer = SentenceTransformer(
                str(found.folder),
                device=device,
                trust_remote_code=options.trusted_code is not None,
                local_files_only=True,
                model_kwargs={
                    "use_safetensors": True,
                    "dtype": dtype,
                    **attention_settings(options.attention, device, dtype),
                },
            )
        encoder = SentenceTransformerEncoder(
            transformer,
            model=found.name,
            revision=found.revision,
            license_=found.license,
            options=options,
        )
        _check_tokenizer(transformer, model)
        check_attention(transformer, found.name, options.attention, encoder.encode)
        encoder.check_like_library(model)
    return encoder


def _check_tokenizer(transformer: SentenceTransformer, model: str) -> None:
    """See `check_vocabulary`."""
    first = transformer[0]
    if isinstance(first, StaticEmbedding):
        check_vocabulary(first.tokenizer, first.embedding.num_embeddings, probe.TEXTS, model)
    elif isinstance(first, Transformer) and first.tokenizer is not None:
        n_embedded = getattr(first.config.get_text_config(), "vocab_size", None)
        check_vocabulary(first.tokenizer, n_embedded, probe.TEXTS, model)
    elif isinstance(first, onnx_model.OnnxTransformer):
        check_vocabulary(first.tokenizer, None, probe.TEXTS, model)


def _pooling(transformer: SentenceTransformer) -> str:
    """`mean`, `cls` ..., or the name of the last module for models that do not pool tokens."""
    for module in transformer:
        if isinstance(module, Pooling):
            modes = module.pooling_mode
            return modes if isinstance(modes, str) else "+".join(modes)
    return str(type(transformer[-1]).__name__)
