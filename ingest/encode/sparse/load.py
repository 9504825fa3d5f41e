"""Load a sparse encoder."""

from __future__ import annotations

import threading
from typing import Any

from ingest.encode import model_files
from ingest.encode.checkpoint.kind import LEXICAL_FILE
from ingest.encode.checkpoint.tokenizer import check_vocabulary
from ingest.encode.model_files import ModelFiles
from ingest.encode.options import EncoderOptions, SparseModel
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors import probe

try:
    from sentence_transformers import SentenceTransformer, SparseEncoder
    from transformers.utils import logging as transformers_logging

    from ingest.encode.devices import choose_devices, choose_dtype
    from ingest.encode.sparse.lexical_weights import LexicalWeights, read_linear
    from ingest.encode.sparse.splade import Splade
    from ingest.encode.sparse.weighing import TokenWeights, Weigher
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

# Numbers of one forward pass: SPLADE has one for each token of a text and each of its vocabulary.
# So 250,000 tokens of XLM-R leave room for a few texts on a CPU (1 GiB), and for 32 times as many
# on a GPU.
_CPU_NUMBERS = 1 << 28
_GPU_NUMBERS = 1 << 33
_MOST_BATCH_TOKENS = 32768


def load_sparse(wanted: SparseModel, options: EncoderOptions) -> TokenWeights:
    """Load a sparse encoder, on one device: the first where several were asked for.

    Args:
        wanted: Which.
        options: Of the dense encoder beside it: device, data type, tokens of a text, batch.

    Raises:
        ConfigError: A revision is named of a model that is not of the hub.
        EncoderError: It cannot be had, or is no sparse encoder of texts.
    """
    transformers_logging.disable_progress_bar()
    device = choose_devices(options.device)[0]
    files = model_files.find_sparse(wanted.model, revision=wanted.revision)
    with model_files.loading(f"the sparse model {wanted.model!r}"):
        weigher = _loaded(files, device, options)
        if weigher.tokenizer is not None:
            check_vocabulary(weigher.tokenizer, None, probe.TEXTS, wanted.model)
        numbers = _CPU_NUMBERS if device == "cpu" else _GPU_NUMBERS
        batch = options.batch_tokens or min(_MOST_BATCH_TOKENS, numbers // weigher.numbers)
        encoder = TokenWeights(weigher, files, batch, threading.Lock())
        if not any(encoder.encode(probe.TEXTS)):
            raise EncoderError(
                f"the sparse model {wanted.model!r} gives no token of any text a weight, so its "
                "weights are damaged; get the model again"
            )
    return encoder


def _loaded(files: ModelFiles, device: str, options: EncoderOptions) -> Weigher:
    how: dict[str, Any] = {
        "device": device,
        "local_files_only": True,
        "model_kwargs": {"use_safetensors": True, "dtype": choose_dtype(options.dtype, device)},
    }
    folder, linear = str(files.folder), files.folder / LEXICAL_FILE
    if linear.is_file():
        model = SentenceTransformer(folder, **how)
        return LexicalWeights(model, read_linear(linear, files.name), options.max_tokens)
    return Splade(SparseEncoder(folder, **how), options.max_tokens)
