from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import AutoTokenizer

from devices import DEVICES
from ingest.encode.options import EncoderOptions, check_device
from ingest.encode.sentence_transformer import (
    SentenceTransformerEncoder,
    choose_devices,
    choose_dtype,
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


def test_pickled_weights_are_refused(model_copy: Path) -> None:
    (model_copy / "model.safetensors").rename(model_copy / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="no safetensors weights"):
        load_encoder(str(model_copy))


def test_pickled_weights_of_one_module_are_refused(model_copy: Path) -> None:
    (model_copy / "3_Dense").mkdir()
    (model_copy / "3_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EncoderError, match="no safetensors weights"):
        load_encoder(str(model_copy))


def test_pickled_weights_beside_others_do_no_harm(model_copy: Path) -> None:
    (model_copy / "pytorch_model.bin").write_bytes(b"not a pickle")
    assert load_encoder(str(model_copy), options=FLOAT32).encode(["x"]).shape == (1, DIMS)


def test_code_of_the_model_is_not_run(model_copy: Path) -> None:
    (model_copy / "evil.py").write_text("raise SystemExit('I ran')", "utf-8")
    modules = json.loads((model_copy / "modules.json").read_text("utf-8"))
    modules.append({"idx": 3, "name": "3", "path": "", "type": "evil.Evil"})
    (model_copy / "modules.json").write_text(json.dumps(modules), "utf-8")
    with pytest.raises(EncoderError, match="cannot load the model"):
        load_encoder(str(model_copy))


def test_damaged_weights_are_an_error(model_copy: Path) -> None:
    (model_copy / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EncoderError, match="cannot load the model"):
        load_encoder(str(model_copy))


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no modules\.json and no config\.json"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("name", ["no/such/folder", "no spaces allowed"])
def test_a_name_that_cannot_be_is_an_error(name: str) -> None:
    with pytest.raises(EncoderError, match="is no folder here"):
        load_encoder(name)


def machine_with(monkeypatch: pytest.MonkeyPatch, *, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("gpus", "wanted", "expected"),
    [
        (0, "auto", ["cpu"]),
        (0, "cpu,cpu", ["cpu", "cpu"]),
        (1, "auto", ["cuda:0"]),
        (3, "auto", ["cuda:0", "cuda:1", "cuda:2"]),
        (3, "cuda", ["cuda:0", "cuda:1", "cuda:2"]),
        (3, "cuda:2,cuda:0", ["cuda:2", "cuda:0"]),
        (3, "cuda:1,cpu", ["cuda:1", "cpu"]),
        (3, "cpu", ["cpu"]),
    ],
)
def test_every_visible_gpu_is_used(
    monkeypatch: pytest.MonkeyPatch, gpus: int, wanted: str, expected: list[str]
) -> None:
    machine_with(monkeypatch, gpus=gpus)
    assert list(choose_devices(check_device(wanted))) == expected


@pytest.mark.parametrize(("gpus", "wanted"), [(0, "cuda"), (0, "mps"), (2, "cuda:1,cuda:2")])
def test_a_device_asked_for_must_be_there(
    monkeypatch: pytest.MonkeyPatch, gpus: int, wanted: str
) -> None:
    machine_with(monkeypatch, gpus=gpus)
    with pytest.raises(EncoderError, match=f"finds no {wanted.split(',')[-1]} device here"):
        choose_devices(check_device(wanted))


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_f": True, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.float32),
        ({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_bfloat16_where_the_cpu_is_faster_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto", "cpu") == expected
    assert choose_dtype("float16", "cpu") == torch.float16
