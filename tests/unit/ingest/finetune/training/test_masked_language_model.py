"""What is hidden of a text, and the head that tells it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from devices import DEVICES
from ingest.finetune.training.frozen_layers import freeze, layers_of
from ingest.finetune.training.masked_language_model import (
    HEAD,
    MaskedLanguageLoss,
    Masking,
    add_head,
    vocabulary_of,
    word_starts,
)
from tiny_model import TEXTS
from xlrec_es.errors import EncoderError


@pytest.fixture(scope="module")
def tokenizer(masked_model: Path) -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(masked_model)
    return loaded


def test_whole_words_are_hidden_and_never_the_prefix(tokenizer: PreTrainedTokenizerBase) -> None:
    vocabulary = np.arange(10, 50)
    masking = Masking(tokenizer, "query: ", vocabulary)
    texts = [f"query: {text}" for text in TEXTS[:4]] * 200
    ids = tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
    hidden, chosen = masking(ids, generator=torch.Generator().manual_seed(0))
    prefix = len(tokenizer("query: ")["input_ids"]) - 1
    assert not chosen[:, :prefix].any()
    special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    assert not (chosen & special).any()
    assert torch.equal(hidden[~chosen], ids[~chosen])
    starts = torch.from_numpy(word_starts(tokenizer))[ids]
    for row in range(8):  # a word is hidden as a whole, or not at all
        words = (starts[row].cumsum(0) * ~special[row])[prefix:].tolist()
        for word in set(words) - {0}:
            places = [place + prefix for place, own in enumerate(words) if own == word]
            assert len({bool(chosen[row, place]) for place in places}) == 1
    can = ~special
    can[:, :prefix] = False
    assert float(chosen[can].float().mean()) == pytest.approx(0.15, abs=0.01)
    masked = hidden[chosen] == tokenizer.mask_token_id
    kept = hidden[chosen] == ids[chosen]
    assert float(masked.float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float(kept.float().mean()) == pytest.approx(0.1, abs=0.02)
    replaced = hidden[chosen][~masked & ~kept]
    assert set(replaced.tolist()) <= set(vocabulary.tolist())


def test_words_of_languages_without_spaces_are_pieces(tokenizer: PreTrainedTokenizerBase) -> None:
    starts = word_starts(tokenizer)
    japanese = tokenizer(TEXTS[5], add_special_tokens=False)["input_ids"]
    german = tokenizer("Kachelzahlen", add_special_tokens=False)["input_ids"]
    assert len(japanese) > 5
    letters = [tokenizer.convert_ids_to_tokens(token) for token in japanese]
    assert all(starts[t] for t, own in zip(japanese, letters, strict=True) if own.strip("▁。、"))
    assert starts[german].tolist() == [True] + [False] * (len(german) - 1)


def test_without_a_mask_token(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    with pytest.raises(EncoderError, match="has no mask token"):
        Masking(tokenizer, "", np.arange(9))


def test_a_batch_of_which_nothing_is_hidden(masked_model: Path) -> None:
    transformer = SentenceTransformer(str(masked_model), device="cpu")
    freeze(transformer, layers_of(transformer, "tiny"), 0)
    features = transformer.preprocess([""])  # special tokens alone
    vocabulary = vocabulary_of(features["input_ids"].tolist())
    add_head(transformer, vocabulary, seed=0)
    loss = MaskedLanguageLoss(transformer, Masking(transformer.tokenizer, "", vocabulary))
    found = loss([features])
    found.backward()
    assert found.item() == 0


@pytest.mark.parametrize("device", DEVICES)
def test_a_step_is_the_cpus(masked_model: Path, device: str) -> None:
    """The same words are hidden; loss and gradients agree to a thousandth, without dropout."""
    steps = []
    for where in ("cpu", device):
        transformer = SentenceTransformer(str(masked_model), device=where).eval()
        tokens = transformer.tokenizer(list(TEXTS))["input_ids"]
        vocabulary = vocabulary_of(tokens)
        add_head(transformer, vocabulary, seed=0)
        loss = MaskedLanguageLoss(transformer, Masking(transformer.tokenizer, "", vocabulary))
        features = batch_to_device(transformer.preprocess(list(TEXTS)), torch.device(where))
        found = loss([features], generator=torch.Generator().manual_seed(0))
        found.backward()
        gradients = {n: p.grad for n, p in transformer.named_parameters() if p.grad is not None}
        assert any(HEAD in name for name in gradients)
        steps.append({"loss": found.detach(), **gradients})
    torch.testing.assert_close(*steps, rtol=1e-3, atol=1e-5, check_device=False)
