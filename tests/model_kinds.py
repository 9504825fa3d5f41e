"""Tiny models of every kind, with random weights, made by the libraries that make real ones."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import (
    CrossEncoder,
    MultiVectorEncoder,
    SentenceTransformer,
    SparseEncoder,
)
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from tiny_model import DIMS, MAX_TOKENS, train_tokenizer

PROMPTS = {
    "query": "Instruct: find puzzle games\nQuery:",
    "document": "",
    "clustering": "a game: ",
}
"""As those of an LLM encoder: an instruction for what is searched by, nothing for documents."""

_LLM = {
    "hidden_size": DIMS,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "max_position_embeddings": 4 * MAX_TOKENS,
}
_BERT = {
    "hidden_size": DIMS,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 4 * MAX_TOKENS,
}
BACKBONES = {
    "bert": (BertConfig, BertModel, _BERT),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel, _BERT),
    "qwen3": (Qwen3Config, Qwen3Model, _LLM),
    "gemma3": (Gemma3TextConfig, Gemma3TextModel, {**_LLM, "use_bidirectional_attention": True}),
    "masked-lm": (BertConfig, BertForMaskedLM, _BERT),
    "classifier": (BertConfig, BertForSequenceClassification, {**_BERT, "num_labels": 1}),
}
"""Configuration, class and sizes by name."""


def build_transformer(folder: Path, backbone: str = "bert", *, padding_side: str = "right") -> Path:
    """Write a plain transformer, as `transformers` does.

    Returns:
        The folder.
    """
    tokenizer = train_tokenizer()
    tokenizer.padding_side = padding_side
    tokenizer.model_max_length = MAX_TOKENS
    configured, made, sizes = BACKBONES[backbone]
    config = configured(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(0)
        made(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_encoder(
    folder: Path,
    backbone: str = "bert",
    *,
    pooling: str = "mean",
    padding_side: str = "right",
    include_prompt: bool = True,
    head: int | None = None,
    prompts: Mapping[str, str] | None = None,
    default_prompt_name: str | None = None,
    truncate_dim: int | None = None,
) -> Path:
    """Write a dense encoder, as sentence-transformers does.

    Args:
        folder: For it.
        backbone: One of `BACKBONES`.
        pooling: As `Pooling` calls it.
        padding_side: Of the tokenizer.
        include_prompt: Whether tokens of the prompt are pooled.
        head: Dimensions of a dense layer behind the pooling; None: none.
        prompts: By name.
        default_prompt_name: One of them.
        truncate_dim: Dimensions that vectors are cut to, as the folder says.

    Returns:
        The folder.
    """
    plain = build_transformer(folder / "plain", backbone, padding_side=padding_side)
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(1)
        transformer = Transformer(str(plain))
        modules: list[torch.nn.Module] = [
            transformer,
            Pooling(DIMS, pooling, include_prompt=include_prompt),
        ]
        if head:
            modules.append(Dense(modules[-1].get_embedding_dimension(), head))  # type: ignore[operator]
        modules.append(Normalize())
        model = SentenceTransformer(
            modules=modules,
            prompts=dict(prompts or {}),
            default_prompt_name=default_prompt_name,
            truncate_dim=truncate_dim,
            device="cpu",
        )
        model.save(str(folder / "encoder"), create_model_card=False)
    return folder / "encoder"


def build_static(folder: Path, dims: int = 16) -> Path:
    """Write an encoder that runs no transformer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        static = StaticEmbedding(train_tokenizer(), embedding_dim=dims)
    SentenceTransformer(modules=[static], device="cpu").save(str(folder))
    return folder


def build_sparse(folder: Path) -> Path:
    """Write a SPLADE model."""
    plain = build_transformer(folder / "plain", "masked-lm")
    with quiet():
        SparseEncoder(str(plain), device="cpu").save(str(folder / "made"))
    return folder / "made"


def build_sparse_router(folder: Path) -> Path:
    """Write an asymmetric SPLADE model: queries are looked up, documents are read."""
    plain = build_transformer(folder / "plain", "masked-lm")
    tokenizer = train_tokenizer()
    with quiet():
        router = Router.for_query_document(
            query_modules=[SparseStaticEmbedding(tokenizer)],
            document_modules=[
                Transformer(str(plain), transformer_task="fill-mask"),
                SpladePooling(),
            ],
        )
        SparseEncoder(modules=[router], device="cpu").save(str(folder / "made"))
    return folder / "made"


def build_lexical(folder: Path) -> Path:
    """Write a dense encoder with a layer of lexical weights beside it, as bge-m3 is."""
    made = build_encoder(folder, "xlm-roberta", pooling="cls")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        torch.save(torch.nn.Linear(DIMS, 1).state_dict(), made / "sparse_linear.pt")
    return made


def build_multi_vector(folder: Path) -> Path:
    """Write a ColBERT model."""
    plain = build_transformer(folder / "plain")
    with quiet():
        MultiVectorEncoder(str(plain), device="cpu").save(str(folder / "made"))
    return folder / "made"


def build_cross_encoder(folder: Path) -> Path:
    """Write a reranker, with the files that sentence-transformers adds."""
    plain = build_transformer(folder / "plain", "classifier")
    with quiet():
        CrossEncoder(str(plain), device="cpu").save(str(folder / "made"))
    return folder / "made"


def build_router(folder: Path) -> Path:
    """Write a model with a tower for queries, and another for documents."""
    plain = build_transformer(folder / "plain")
    with quiet():
        router = Router.for_query_document(
            query_modules=[StaticEmbedding(train_tokenizer(), embedding_dim=DIMS)],
            document_modules=[Transformer(str(plain)), Pooling(DIMS)],
        )
        SentenceTransformer(modules=[router], device="cpu").save(str(folder / "made"))
    return folder / "made"


def build_unpooled(folder: Path) -> Path:
    """Write an encoder whose pooling is left out."""
    made = build_encoder(folder)
    path = made / "modules.json"
    modules = json.loads(path.read_bytes())
    path.write_text(json.dumps([m for m in modules if "Pooling" not in m["type"]]), "utf-8")
    return made


def build_adapters(folder: Path) -> Path:
    """Write LoRA adapters alone, as `peft` does."""
    plain = build_transformer(folder / "plain")
    config = LoraConfig(r=2, target_modules=["query"])
    with quiet():
        model = get_peft_model(BertModel.from_pretrained(plain), config)
        model.save_pretrained(str(folder / "made"))
    return folder / "made"


def pickle_weights(folder: Path, *, shards: bool = False) -> None:
    """Have a folder's weights in pickles, as models had before safetensors; in place."""
    from safetensors.torch import load_file

    for path in list(folder.rglob("*.safetensors")):
        state: dict[str, Any] = load_file(path)
        path.unlink()
        if not shards:
            torch.save(state, path.with_name("pytorch_model.bin"))
            continue
        names = sorted(state)
        places: dict[str, str] = {}
        for number, part in enumerate((names[::2], names[1::2]), start=1):
            file = f"pytorch_model-0000{number}-of-00002.bin"
            torch.save({name: state[name] for name in part}, path.with_name(file))
            places |= dict.fromkeys(part, file)
        index = {"metadata": {"total_size": 1}, "weight_map": places}
        path.with_name("pytorch_model.bin.index.json").write_text(json.dumps(index), "utf-8")


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the libraries say of weights that are new."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of one library about another
            yield
    finally:
        logging.disable(before)
