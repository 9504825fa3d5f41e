from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import AutoTokenizer

import model_kinds
from devices import DEVICES
from ingest.encode import long_texts
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import (
    SentenceTransformerEncoder,
    load_encoder,
)
from tiny_model import DIMS, MAX_TOKENS, TEXTS
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.encoder import Encoder

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")
MIXED_LENGTHS = [text[: 1 + 7 * n % 60] for n, text in enumerate(TEXTS * 8)]


@pytest.fixture
def model_copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


@pytest.fixture
def encoder(tiny_model: Path) -> SentenceTransformerEncoder:
    return load_encoder(str(tiny_model), options=FLOAT32)


def test_says_what_it_is(encoder: SentenceTransformerEncoder) -> None:
    known: Encoder = encoder
    assert (known.model, known.dims, known.pooling) == ("tiny", DIMS, "mean")
    assert (known.prefix, known.max_tokens) == ("query: ", MAX_TOKENS)
    assert encoder.device == "cpu"
    assert encoder.dtype == "float32"


def test_agrees_with_the_library(encoder: SentenceTransformerEncoder, tiny_model: Path) -> None:
    expected = SentenceTransformer(str(tiny_model), device="cpu").encode(
        MIXED_LENGTHS, prompt="query: ", normalize_embeddings=True
    )
    encoded = encoder.encode(MIXED_LENGTHS)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, atol=1e-5)


def test_rows_have_length_one_and_do_not_depend_on_the_batch(
    encoder: SentenceTransformerEncoder,
) -> None:
    together = encoder.encode(MIXED_LENGTHS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    encoder.batch_tokens = 1
    np.testing.assert_allclose(encoder.encode(MIXED_LENGTHS), together, atol=1e-5)


def test_no_texts_make_no_vectors(encoder: SentenceTransformerEncoder) -> None:
    assert encoder.encode([]).shape == (0, DIMS)


def test_the_empty_text_has_a_vector(encoder: SentenceTransformerEncoder) -> None:
    assert np.isfinite(encoder.encode([""])).all()


def test_bfloat16_agrees_with_float32(
    encoder: SentenceTransformerEncoder, tiny_model: Path
) -> None:
    half = load_encoder(str(tiny_model), options=EncoderOptions(device="cpu", dtype="bfloat16"))
    assert half.dtype == "bfloat16"
    cosines = (half.encode(MIXED_LENGTHS) * encoder.encode(MIXED_LENGTHS)).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.parametrize("device", DEVICES)
def test_devices_agree(encoder: SentenceTransformerEncoder, tiny_model: Path, device: str) -> None:
    """In float32 to 1e-4 of a unit vector; in what the device computes in best, to a cosine."""
    expected = encoder.encode(MIXED_LENGTHS)
    exact, fast = (
        load_encoder(str(tiny_model), options=EncoderOptions(device=device, dtype=dtype))
        for dtype in ("float32", "auto")
    )
    assert exact.device.partition(":")[0] == device
    np.testing.assert_allclose(exact.encode(MIXED_LENGTHS), expected, atol=1e-4)
    assert (fast.encode(MIXED_LENGTHS) * expected).sum(axis=1).min() > 0.999


def test_the_prefix_can_be_chosen(encoder: SentenceTransformerEncoder, tiny_model: Path) -> None:
    bare = load_encoder(
        str(tiny_model), options=EncoderOptions(prefix="", device="cpu", dtype="float32")
    )
    assert bare.prefix == ""
    np.testing.assert_allclose(
        bare.encode(["query: a puzzle"]), encoder.encode(["a puzzle"]), atol=1e-5
    )


def test_what_is_beyond_max_tokens_is_cut_off(tiny_model: Path) -> None:
    short = load_encoder(
        str(tiny_model), options=EncoderOptions(max_tokens=8, device="cpu", dtype="float32")
    )
    assert short.max_tokens == 8
    text = TEXTS[0]
    np.testing.assert_array_equal(short.encode([text]), short.encode([text + TEXTS[1]]))


def test_revision_follows_the_weights_and_not_the_place(
    encoder: SentenceTransformerEncoder, model_copy: Path
) -> None:
    assert load_encoder(str(model_copy), options=FLOAT32).revision == encoder.revision
    (model_copy / "README.md").write_text("what it is", "utf-8")
    assert load_encoder(str(model_copy), options=FLOAT32).revision == encoder.revision
    prompts = model_copy / "config_sentence_transformers.json"
    prompts.write_text(json.dumps({**json.loads(prompts.read_text("utf-8")), "more": 1}), "utf-8")
    assert load_encoder(str(model_copy), options=FLOAT32).revision != encoder.revision


def out_of_memory_above(
    encoder: SentenceTransformerEncoder, limit: int, *, error: type[RuntimeError], message: str
) -> list[int]:
    """Make the model fail on batches of more than `limit` padded tokens; returns those tried."""
    tried: list[int] = []

    def check(_module: torch.nn.Module, arguments: tuple[dict[str, torch.Tensor], ...]) -> None:
        tried.append(arguments[0]["input_ids"].numel())
        if tried[-1] > limit:
            raise error(message)

    encoder._transformer.register_forward_pre_hook(check)
    return tried


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2 GiB"),
        (RuntimeError, "MPS backend out of memory (MPS allocated: 8 GB)"),
        (RuntimeError, "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_a_lack_of_memory_halves_the_batches(
    encoder: SentenceTransformerEncoder, error: type[RuntimeError], message: str
) -> None:
    expected = encoder.encode(MIXED_LENGTHS)
    tried = out_of_memory_above(encoder, 150, error=error, message=message)
    np.testing.assert_allclose(encoder.encode(MIXED_LENGTHS), expected, atol=1e-5)
    assert sum(size > 150 for size in tried) == 3  # 1,024 tokens, 512, 256; then it fits
    assert encoder.batch_tokens <= 150


def test_a_text_that_does_not_fit_is_an_error(encoder: SentenceTransformerEncoder) -> None:
    out_of_memory_above(encoder, 5, error=torch.OutOfMemoryError, message="CUDA out of memory")
    with pytest.raises(EncoderError, match=r"no memory for one text of \d+ tokens on cpu"):
        encoder.encode(TEXTS)


def test_another_failure_is_an_error(encoder: SentenceTransformerEncoder) -> None:
    out_of_memory_above(encoder, 5, error=RuntimeError, message="shapes do not match\nmore")
    with pytest.raises(
        EncoderError, match=r"tiny failed on a batch of texts: shapes do not match$"
    ):
        encoder.encode(TEXTS)


def test_models_without_a_transformer_work(tiny_model: Path, tmp_path: Path) -> None:

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    static = StaticEmbedding(tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    encoder = load_encoder(str(tmp_path / "static"), options=FLOAT32)
    assert (encoder.dims, encoder.pooling, encoder.prefix) == (16, "StaticEmbedding", "")
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(TEXTS), axis=1), 1, atol=1e-6)


def test_pickled_weights_beside_others_do_no_harm(model_copy: Path) -> None:
    (model_copy / "pytorch_model.bin").write_bytes(b"not a pickle")
    assert load_encoder(str(model_copy), options=FLOAT32).encode(["x"]).shape == (1, DIMS)


def test_code_of_the_model_is_not_run(model_copy: Path) -> None:
    (model_copy / "evil.py").write_text("raise SystemExit('I ran')", "utf-8")
    modules = json.loads((model_copy / "modules.json").read_text("utf-8"))
    modules.append({"idx": 3, "name": "3", "path": "", "type": "evil.Evil"})
    (model_copy / "modules.json").write_text(json.dumps(modules), "utf-8")
    with pytest.raises(EncoderError, match=r"would run code of its own \(evil\.Evil\)"):
        load_encoder(str(model_copy))


def test_damaged_weights_are_an_error(model_copy: Path) -> None:
    (model_copy / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EncoderError, match=r"are damaged: model\.safetensors is not whole"):
        load_encoder(str(model_copy))


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no modules\.json and no config\.json"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("name", ["no/such/folder", "no spaces allowed"])
def test_a_name_that_cannot_be_is_an_error(name: str) -> None:
    with pytest.raises(EncoderError, match="is no folder here"):
        load_encoder(name)


MATRIX = [
    # backbone, pooling, padding, include_prompt, head, truncate_dim, what is asked for
    ("bert", "mean", "right", True, None, None, {}),
    ("bert", "mean", "left", False, None, None, {"prompt_name": "clustering"}),
    ("bert", "cls", "left", True, 8, None, {"dims": 4}),
    ("bert", "max", "right", False, None, 16, {"dtype": "bfloat16"}),
    ("bert", "lasttoken", "right", True, None, None, {"long_texts": "chunk", "max_tokens": 48}),
    ("xlm-roberta", "cls", "right", True, None, None, {"prefix": ""}),
    ("xlm-roberta", "mean", "left", True, None, 8, {"long_texts": "chunk", "max_tokens": 48}),
    ("xlm-roberta", "weightedmean", "right", True, None, None, {"max_tokens": 16}),
    ("xlm-roberta", "mean_sqrt_len_tokens", "left", True, 24, 12, {"dims": 20}),
    ("qwen3", "lasttoken", "left", True, None, None, {}),
    ("qwen3", "lasttoken", "left", False, None, None, {"prompt_name": "document", "dims": 8}),
    ("qwen3", "lasttoken", "right", True, None, 16, {"max_tokens": 20}),
    ("qwen3", "mean", "left", False, None, None, {"prefix": "a: ", "dtype": "bfloat16"}),
    ("qwen3", "lasttoken", "left", True, None, None, {"long_texts": "chunk", "max_tokens": 48}),
    ("gemma3", "mean", "right", True, 16, None, {}),
    ("gemma3", "mean", "left", False, 16, None, {"dims": 8, "prompt_name": "clustering"}),
    ("gemma3", "cls", "right", True, None, 8, {"long_texts": "chunk", "max_tokens": 48}),
    ("gemma3", "lasttoken", "left", True, None, None, {"dtype": "float16"}),
]


@pytest.mark.parametrize(
    ("backbone", "pooling", "side", "include_prompt", "head", "truncate_dim", "asked"), MATRIX
)
def test_every_kind_agrees_with_the_library(
    tmp_path: Path,
    backbone: str,
    pooling: str,
    side: str,
    *,
    include_prompt: bool,
    head: int | None,
    truncate_dim: int | None,
    asked: dict[str, Any],
) -> None:
    """Documents and free texts, in a batch and alone: the library is loaded apart from ours."""
    folder = model_kinds.build_encoder(
        tmp_path,
        backbone,
        pooling=pooling,
        padding_side=side,
        include_prompt=include_prompt,
        head=head,
        truncate_dim=truncate_dim,
        prompts=model_kinds.PROMPTS,
    )
    options = EncoderOptions(device="cpu", **{"dtype": "float32", **asked})
    encoder = load_encoder(str(folder), options=options)
    exact = encoder.dtype == "float32"
    library = SentenceTransformer(
        str(folder), device="cpu", model_kwargs={"dtype": getattr(torch, encoder.dtype)}
    )
    library.max_seq_length = encoder.max_tokens
    assert encoder.dims == (asked.get("dims") or truncate_dim or head or DIMS)
    texts = [*MIXED_LENGTHS[::4], TEXTS[0] * 3, ""]
    for encode, prompt in (
        (encoder.encode, encoder.prefix),
        (encoder.encode_query, encoder.text_prefix),
    ):
        whole = options.long_texts == "truncate"
        pieces = [[text] if whole else windows_of(encoder, library, prompt, text) for text in texts]
        expected = np.stack([mean_vector(library, prompt, of, encoder.dims) for of in pieces])
        encoded = encode(texts)
        np.testing.assert_allclose(encoded, expected, atol=1e-5 if exact else 0.02)
        alone = np.concatenate([encode([text]) for text in texts])
        np.testing.assert_allclose(encoded, alone, atol=1e-5 if exact else 0.02)


def windows_of(
    encoder: SentenceTransformerEncoder, library: SentenceTransformer, prompt: str, text: str
) -> list[str]:
    empty = library.preprocess([""], prompt=prompt)["input_ids"].shape[1]
    return long_texts.split(text, library.tokenizer, encoder.max_tokens - empty)


def mean_vector(
    library: SentenceTransformer, prompt: str, pieces: list[str], dims: int
) -> NDArray[np.float32]:
    vectors = library.encode(
        pieces, prompt=prompt, truncate_dim=dims, normalize_embeddings=True, convert_to_tensor=True
    )
    mean: NDArray[np.float32] = vectors.float().numpy().mean(axis=0)
    length = np.linalg.norm(mean)
    return mean / length if length else mean


def test_a_model_that_this_program_encodes_otherwise_is_refused(
    encoder: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder.check_like_library()
    monkeypatch.setattr(encoder.transformer, "encode", lambda *_, **__: -torch.ones(3, DIMS))
    with pytest.raises(EncoderError, match="are not those that sentence-transformers makes"):
        encoder.check_like_library()


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_weights_that_make_no_vectors_are_refused(model_copy: Path, value: float) -> None:
    model = SentenceTransformer(str(model_copy), device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    model.save(str(model_copy), create_model_card=False)
    with pytest.raises(
        EncoderError, match=f"^the model '{model_copy}' makes vectors of zeros or NaN"
    ):
        load_encoder(str(model_copy), options=FLOAT32)


def test_a_prompt_that_is_no_text_is_told(model_copy: Path) -> None:
    path = model_copy / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "prompts": {"query": 5}}))
    with pytest.raises(EncoderError, match=f"cannot load the model '{model_copy}'"):
        load_encoder(str(model_copy), options=FLOAT32)


def test_a_token_without_an_embedding_is_told(encoder: SentenceTransformerEncoder) -> None:
    def fail(*_: object) -> None:
        raise IndexError("index out of range in self")

    encoder._transformer.register_forward_pre_hook(fail)
    with pytest.raises(EncoderError, match="tiny failed on a batch of texts: index out of range"):
        encoder.encode(["a puzzle"])
