"""An encoder for CPUs: the transformer's weights in 8 bits, as an ONNX file.

Weights are quantized per channel, activations as they come (dynamic quantisation), so nothing is
calibrated on data. Token vectors are looked up in 8 bits, too: they are most of a multilingual
model.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer

from ingest.encode.onnx_model import ONNX_FILE
from xlrec_es.errors import EncoderError, MissingExtra


class _TokenVectors(torch.nn.Module):
    """The transformer with its inputs in order, and one output."""

    def __init__(self, transformer: torch.nn.Module, names: list[str]) -> None:
        super().__init__()
        self._transformer = transformer
        self._names = names

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Shape (n, tokens) each -> (n, tokens, dims)."""
        found: torch.Tensor = self._transformer(
            **dict(zip(self._names, inputs, strict=True))
        ).last_hidden_state
        return found


def write_int8(model: SentenceTransformer, folder: Path) -> None:
    """Write the model with its transformer in 8 bits.

    Args:
        model: On the CPU, in float32; its first module is a transformer.
        folder: Exists, and is empty.

    Raises:
        EncoderError: The first module is another.
        MissingExtra: `onnx`, `onnxruntime` or `onnxscript` are not installed.
    """
    try:
        import onnxscript  # noqa: F401 - torch.onnx.export needs it
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingExtra.named("compress", "Writing an ONNX model") from error
    first = model[0]
    if not isinstance(first, Transformer):
        raise EncoderError(f"the model begins with {type(first).__name__}, which has no 8-bit form")
    model.save(str(folder), create_model_card=False)
    for weights in folder.glob("model*.safetensors*"):  # the transformer's; others' stay
        weights.unlink()
    (folder / ONNX_FILE).parent.mkdir()
    with tempfile.TemporaryDirectory(dir=folder) as scratch, _quiet():
        exact = Path(scratch) / "model.onnx"
        _export(first, exact)
        quantize_dynamic(exact, folder / ONNX_FILE, weight_type=QuantType.QInt8, per_channel=True)


def _export(first: Transformer, path: Path) -> None:
    """Write the transformer as an ONNX file, for any number of texts and tokens."""
    tokenizer, transformer = first.tokenizer, first.model.eval()
    assert callable(tokenizer)
    example = tokenizer(["one text", "another, longer text"], padding=True, return_tensors="pt")
    names = list(example)
    shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        _TokenVectors(transformer, names).eval(),
        tuple(example.values()),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_shapes={"inputs": tuple(shape for _ in names)},
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is None for the older exporter alone
    program.save(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the libraries say of themselves while a model is exported."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
