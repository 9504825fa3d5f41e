"""Models whose transformer is an ONNX file: int8 on a CPU, run by ONNX Runtime.

The folder is laid out as sentence-transformers expects for `backend="onnx"`: the transformer in
`onnx/model.onnx`, tokenizer and modules beside it. Sentence-transformers itself reads it through
Optimum, which does not work with transformers 5, so here it is read without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule, Module
from sentence_transformers.util import import_from_string
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from xlrec_es.errors import EncoderError, MissingExtra

ONNX_FILE = "onnx/model.onnx"

_OURS = "sentence_transformers."


class OnnxTransformer(InputModule):
    """Texts to token vectors, as `sentence_transformers.base.modules.Transformer`, by ONNX Runtime.

    Args:
        folder: Of the model.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtra.named("compress", "Running an ONNX model") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(
            folder / ONNX_FILE, options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True
        )
        config = json.loads((folder / "config.json").read_bytes())
        limits = (self.tokenizer.model_max_length, config.get("max_position_embeddings"))
        self.max_seq_length = min(limit for limit in limits if limit)
        self._inputs = [given.name for given in self.session.get_inputs()]

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        processing_kwargs: Mapping[str, Any] | None = None,
        **_: Any,  # noqa: ANN401 - settings of other modules
    ) -> dict[str, Any]:
        """Token ids and what else the model wants, by name.

        Padded tensors, as `SentenceTransformer.encode` wants them; with `processing_kwargs`, which
        it gives none of, unpadded lists of one entry a text.
        """
        texts = self._prepend_prompt(list(inputs), prompt or "")
        tokens = self.tokenizer(texts, truncation=True, max_length=self.max_seq_length)
        if processing_kwargs is not None:
            return dict(tokens)
        return dict(self.tokenizer.pad(tokens, return_tensors="pt"))

    def forward(self, features: dict[str, torch.Tensor], **_: object) -> dict[str, torch.Tensor]:
        """Add `token_embeddings`, shape (n, tokens, dims)."""
        given = {name: features[name].numpy() for name in self._inputs}
        (tokens,) = self.session.run(None, given)
        return {**features, "token_embeddings": torch.from_numpy(tokens)}

    def save(self, output_path: str, *_: object, **__: object) -> None:
        """Not to be had: what is quantized stays as it is."""
        raise NotImplementedError(f"an ONNX model is not written again to {output_path}")


def is_onnx(folder: Path) -> bool:
    """Whether the folder's transformer is an ONNX file, and no other."""
    return (folder / ONNX_FILE).is_file() and not (folder / "model.safetensors").is_file()


def load(folder: Path) -> SentenceTransformer:
    """Load such a model.

    Raises:
        EncoderError: A module is not one of sentence-transformers.
        MissingExtra: ONNX Runtime is not installed.
        Exception: Whatever a damaged file makes the libraries raise.
    """
    others = json.loads((folder / "modules.json").read_bytes())[1:]
    for entry in others:
        if not entry["type"].startswith(_OURS):
            raise EncoderError(f"the module {entry['type']} would run code of the model's own")
    modules: list[torch.nn.Module] = [OnnxTransformer(folder)]
    for entry in others:
        kind: type[Module] = import_from_string(entry["type"])
        modules.append(kind.load(str(folder), subfolder=entry["path"], local_files_only=True))
    config = json.loads((folder / "config_sentence_transformers.json").read_bytes())
    return SentenceTransformer(
        modules=modules,
        prompts=config.get("prompts"),
        default_prompt_name=config.get("default_prompt_name"),
        truncate_dim=config.get("truncate_dim"),
        device="cpu",
    )
