"""An encoder process for each device.

The threads of one Python process share its lock, and one GPU's padding and copying would wait for
another's. So each device gets a process that holds what a single device has, a
`SentenceTransformerEncoder` with its batches by tokens, smaller ones after a lack of memory. A call
goes to one process that is free; whoever calls from several threads keeps all of them busy, and no
process waits for another.

sentence-transformers' own pool (`start_multi_process_pool`) serves one caller at a time, cuts its
texts into chunks and batches of a number of texts, and ends at a lack of memory. The standard
library's executors do the rest: an executor of one process notices when that process ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest.encode import encoder_pool, model_files
from ingest.encode.options import EncoderOptions
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector

try:
    import torch

    from ingest.encode.devices import choose_devices
    from ingest.encode.sentence_transformer import SentenceTransformerEncoder, load_encoder
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

R = TypeVar("R")


@contextlib.contextmanager
def encoder_for(model: str, options: EncoderOptions) -> Iterator[Encoder]:
    """Load a model: here for one device, in a process each for several.

    On a CPU, it computes in streams; see `SentenceTransformerEncoder.start_streams`.

    Args:
        model: A folder, a name on the Hugging Face hub, or `embedded`.
        options: How to run it.

    Raises:
        EncoderError: As for `ingest.encode.sentence_transformer.load_encoder`, or a process ended.
    """
    devices = choose_devices(options.device)
    if len(devices) == 1:
        encoder = load_encoder(model, options=options)
        with contextlib.closing(encoder):
            # ONNX Runtime has threads of its own.
            if encoder.device == "cpu" and encoder.dtype != "int8":
                encoder.start_streams(torch.get_num_threads())
            yield encoder
        return
    # Downloaded or converted once, before all of them look for it.
    model_files.find(model, revision=options.revision, trusted_code=options.trusted_code)
    with contextlib.closing(EncoderPool(model, options, devices)) as pool:
        yield pool


@dataclass(frozen=True, slots=True)
class _Description:
    """What a process says of its encoder."""

    model: str
    revision: str
    license: str | None
    pooling: str
    prefix: str
    text_prefix: str
    max_tokens: int
    dims: int
    cut_from: int | None
    batch_tokens: int
    dtype: str


@dataclass(frozen=True, slots=True)
class _Process:
    """A device and the one process that computes on it."""

    device: str
    executor: ProcessPoolExecutor

    def result(self, function: Callable[..., R], *arguments: object) -> R:
        """Call a function in the process.

        Raises:
            EncoderError: The process ended, by a crash or a signal; or what the function raises.
        """
        try:
            return self.executor.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise EncoderError(
                f"the encoder's process on {self.device} has ended; if it was killed, it was "
                "perhaps the system, for want of memory. What was acknowledged is in the index; "
                "run again with --resume, or with fewer devices (--device)"
            ) from error


class EncoderPool:
    """Several encoders as one `Encoder`, which several threads may call at once.

    Args:
        model: As for `ingest.encode.sentence_transformer.load_encoder`.
        options: How to run it; the device apart.
        devices: One for each process; the same device may come twice.

    Attributes:
        tokens: Encoded so far, for whoever watches.
        parallel: How many calls are worked at at once.

    Raises:
        EncoderError: As for `ingest.encode.sentence_transformer.load_encoder`, or a process ended.
    """

    def __init__(self, model: str, options: EncoderOptions, devices: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")  # CUDA does not outlive a fork
        n_threads = max(1, torch.get_num_threads() // max(1, devices.count("cpu")))
        self._processes = [
            _Process(device, ProcessPoolExecutor(1, context, _begin, (n_threads,)))
            for device in devices
        ]
        self._free: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.tokens = 0
        self.parallel = len(devices)
        self.device = ",".join(devices)
        try:
            self._load(model, options)
        except BaseException:
            self.close()
            raise

    def _load(self, model: str, options: EncoderOptions) -> None:
        """All of them at the same time; it takes seconds."""
        with ThreadPoolExecutor(self.parallel) as threads:
            loading = [
                threads.submit(one.result, _load, model, replace(options, device=one.device))
                for one in self._processes
            ]
            known, *_ = [each.result() for each in loading]
        self.model, self.revision, self.license = known.model, known.revision, known.license
        self.pooling, self.prefix, self.dims = known.pooling, known.prefix, known.dims
        self.text_prefix, self.cut_from = known.text_prefix, known.cut_from
        self.max_tokens, self.batch_tokens = known.max_tokens, known.batch_tokens
        self.dtype = known.dtype
        for process in self._processes:
            self._free.put(process)

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts in one process, the first that is free; see `Encoder.encode`.

        Raises:
            EncoderError: The model failed, or the process ended.
        """
        process = self._free.get()
        try:
            vectors, n_tokens = process.result(_encode, list(texts))
        finally:
            self._free.put(process)
        with self._lock:
            self.tokens += n_tokens
        return vectors

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.executor.shutdown(cancel_futures=True)


# --- in the processes

_encoder: SentenceTransformerEncoder


def _begin(n_threads: int) -> None:
    encoder_pool.begin()
    torch.set_num_threads(n_threads)


def _load(model: str, options: EncoderOptions) -> _Description:
    global _encoder
    _encoder = load_encoder(model, options=options)
    return _Description(
        **{name: getattr(_encoder, name) for name in _Description.__dataclass_fields__}
    )


def _encode(texts: Sequence[str]) -> tuple[Vector, int]:
    """Vectors, and the tokens that it took."""
    before = _encoder.tokens
    return _encoder.encode(texts), _encoder.tokens - before


def begin() -> None:
    """To be called first in the process.

    What a signal means, the run decides: Ctrl-C goes to all processes of a terminal, and SIGTERM to
    all of a service, while what is being computed is still to be written. And a process must not
    outlive a run that is killed, or it would hold a GPU's memory for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
    os._exit(1)
