from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import model_kinds
from ingest.encode.checkpoint.kind import check_kind
from ingest.encode.model_files import find
from ingest.encode.sentence_transformer import load_encoder
from xlrec_es.errors import EncoderError


def plain(backbone: str) -> Callable[[Path], Path]:
    return lambda folder: model_kinds.build_transformer(folder, backbone)


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (model_kinds.build_sparse, r"is a sparse encoder \(SPLADE\).*use a dense encoder"),
        (model_kinds.build_multi_vector, r"is a multi-vector encoder \(ColBERT\).*use a dense"),
        (model_kinds.build_cross_encoder, r"is a cross-encoder \(reranker\).*use a dense encoder"),
        (model_kinds.build_router, r"is an asymmetric model \(Router\).*use a dense encoder"),
        (model_kinds.build_unpooled, r"has no pooling.*use a dense encoder"),
        (model_kinds.build_adapters, r"has LoRA adapters without their base; merge them"),
        (plain("bert"), r"is a plain transformer \(BertModel\).*save it with the pooling"),
        (plain("qwen3"), r"is a plain transformer \(Qwen3Model\).*save it with the pooling"),
        (plain("masked-lm"), r"\(BertForMaskedLM\) is a masked language model or a sparse encoder"),
        (plain("classifier"), r"\(BertForSequenceClassification\) is a cross-encoder"),
    ],
)
def test_what_is_no_dense_encoder_is_refused_by_its_kind(
    tmp_path: Path, build: Callable[[Path], Path], what: str
) -> None:
    folder = build(tmp_path)
    with pytest.raises(EncoderError, match=f"^{folder} {what}"):
        find(str(folder))


@pytest.mark.parametrize("backbone", ["bert", "xlm-roberta", "qwen3", "gemma3"])
def test_dense_encoders_are_let_through(tmp_path: Path, backbone: str) -> None:
    folder = model_kinds.build_encoder(tmp_path, backbone)
    assert find(str(folder)).folder == folder


def test_an_encoder_without_a_transformer_is_let_through(tmp_path: Path) -> None:
    assert find(str(model_kinds.build_static(tmp_path / "static"))).name == "static"


def test_a_colbert_of_another_library_is_known_by_its_class(tmp_path: Path) -> None:
    model_kinds.build_transformer(tmp_path)
    config = json.loads((tmp_path / "config.json").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}))
    with pytest.raises(EncoderError, match=r"\(HF_ColBERT\) is a multi-vector encoder"):
        check_kind(tmp_path, "colbert")


def with_module(folder: Path, kind: str) -> None:
    path = folder / "modules.json"
    modules = json.loads(path.read_bytes())
    modules.append({"idx": 9, "name": "9", "path": "", "type": kind})
    path.write_text(json.dumps(modules), "utf-8")


def test_code_of_its_own_must_be_trusted_by_its_commit(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    with_module(folder, "custom_st.Transformer")
    with pytest.raises(EncoderError, match=r"code of its own \(custom_st\.Transformer\).*--trust"):
        check_kind(folder, "jina", from_hub=True)
    check_kind(folder, "jina", from_hub=True, trusts_code=True)


def with_class(folder: Path, model_type: str) -> None:
    path = folder / "config.json"
    named = {"AutoConfig": "configuration.OwnConfig", "AutoModel": "modeling.OwnModel"}
    config = {**json.loads(path.read_bytes()), "auto_map": named, "model_type": model_type}
    path.write_text(json.dumps(config))


def test_a_class_of_its_own_must_be_trusted_too(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    with_class(folder, "own")
    with pytest.raises(EncoderError, match=r"code of its own \(modeling\.OwnModel\).*--trust"):
        check_kind(folder, "jina", from_hub=True)
    check_kind(folder, "jina", from_hub=True, trusts_code=True)


def with_tokenizer(folder: Path, model_type: str, tokenizer: str) -> None:
    """A tokenizer of the model's own, of a kind that transformers knows or not."""
    for name, more in (
        ("config.json", {"model_type": model_type}),
        (
            "tokenizer_config.json",
            {"tokenizer_class": tokenizer, "auto_map": {"AutoTokenizer": ["own.Slow", None]}},
        ),
    ):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **more}))


def test_a_tokenizer_of_its_own_must_be_trusted_too(tmp_path: Path) -> None:
    """`timm_wrapper` is a kind of model that has no tokenizer in transformers."""
    folder = model_kinds.build_encoder(tmp_path)
    with_tokenizer(folder, "timm_wrapper", "OwnTokenizer")
    with pytest.raises(EncoderError, match=r"would run code of its own \(own\.Slow\).*--trust"):
        check_kind(folder, "jina", from_hub=True)
    check_kind(folder, "jina", from_hub=True, trusts_code=True)
    with pytest.raises(EncoderError, match=f"^{folder} would run code of its own") as told:
        load_encoder(str(folder))
    assert "trust_remote_code" not in str(told.value), "which is the library's sentence"


@pytest.mark.parametrize(
    ("model_type", "tokenizer"), [("bert", "OwnTokenizer"), ("timm_wrapper", "BertTokenizer")]
)
def test_a_tokenizer_that_transformers_has_is_taken(
    tmp_path: Path, model_type: str, tokenizer: str
) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    with_tokenizer(folder, model_type, tokenizer)
    check_kind(folder, "jina")


def test_code_that_transformers_does_not_need_is_not_run_and_not_refused(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    with_class(folder, "bert")
    assert find(str(folder)).folder == folder


@pytest.mark.parametrize("own", [lambda f: with_class(f, "own"), lambda f: with_module(f, "a.B")])
def test_code_of_a_folder_cannot_be_trusted(tmp_path: Path, own: Callable[[Path], None]) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    own(folder)
    with pytest.raises(EncoderError, match=f"^{folder} would run code of its own") as told:
        find(str(folder))
    assert "--trust-code" not in str(told.value)


def test_trusted_code_makes_no_dense_encoder_of_another_kind(tmp_path: Path) -> None:
    folder = model_kinds.build_sparse(tmp_path)
    with_module(folder, "custom_st.Transformer")
    with pytest.raises(EncoderError, match="is a sparse encoder"):
        check_kind(folder, "splade", trusts_code=True)


def test_adapters_beside_a_configuration_are_named(tmp_path: Path) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(EncoderError, match=r"LoRA adapters \(adapter_config\.json\) without the"):
        check_kind(folder, "tuned")


@pytest.mark.parametrize("name", ["config_sentence_transformers.json", "config.json"])
def test_a_configuration_that_is_no_object_is_told(tmp_path: Path, name: str) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    (folder / name).write_text("[1]")
    with pytest.raises(EncoderError, match=f"{name} is damaged.*get the model again"):
        check_kind(folder, "damaged")


@pytest.mark.parametrize("content", ["not json", '{"a": 1}', "[1]"])
def test_a_damaged_configuration_is_told(tmp_path: Path, content: str) -> None:
    folder = model_kinds.build_encoder(tmp_path)
    (folder / "modules.json").write_text(content)
    with pytest.raises(EncoderError, match=r"modules\.json.*get the model again"):
        check_kind(folder, "damaged")
