"""A sentence-transformers checkpoint of 350 KB, made in a moment; its weights are random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TEXTS = (
    "The quick brown fox jumps over the lazy dog. A puzzle game with sliding tiles and numbers.",
    "Der schnelle braune Fuchs springt über den faulen Hund. Ein Puzzle mit Kacheln und Zahlen.",
    "Le rapide renard brun saute par-dessus le chien paresseux. Un puzzle avec des tuiles.",
    "El veloz zorro marrón salta sobre el perro perezoso. Un juego de rompecabezas con números.",
    "Быстрая коричневая лиса прыгает через ленивую собаку. Игра-головоломка с плитками и числами.",
    "素早い茶色の狐がのろまな犬を飛び越える。数字のタイルを動かすパズルゲーム。",
    "敏捷的棕色狐狸跳过懒狗。移动数字方块的益智游戏。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다. 숫자 타일을 움직이는 퍼즐 게임.",
)
DIMS = 32
MAX_TOKENS = 64


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model; not to be changed, for it is made once a session."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    build_tiny_model(folder)
    return folder


def build_tiny_model(folder: Path) -> None:
    """Write the checkpoint: BERT of 2 layers and 32 dimensions, mean pooling, `query: ` prompt."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel

    tokenizer = train_tokenizer()
    config = BertConfig(
        hidden_size=DIMS,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=len(tokenizer),
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    modules = [Transformer(str(folder)), Pooling(DIMS), Normalize()]
    model = SentenceTransformer(modules=modules, prompts={"query": "query: "}, device="cpu")
    model.save(str(folder), create_model_card=False)


def train_tokenizer() -> Any:  # noqa: ANN401 - transformers is imported where it is used
    """A fast tokenizer of the eight languages of `TEXTS`, which puts `<s>` and `</s>` around."""
    from tokenizers import Tokenizer, normalizers, processors
    from tokenizers.models import Unigram
    from tokenizers.pre_tokenizers import Metaspace
    from tokenizers.trainers import UnigramTrainer
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = Metaspace()
    trainer = UnigramTrainer(
        vocab_size=2000, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=MAX_TOKENS,
    )
