"""Lexical weights as bge-m3 makes them, against a few lines of plain torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import model_kinds
from ingest.encode.options import EncoderOptions, SparseModel
from ingest.encode.sparse.load import load_sparse
from tiny_model import MAX_TOKENS, TEXTS
from xlrec_es.errors import EncoderError

FLOAT32 = EncoderOptions(device="cpu", dtype="float32")


def plainly(folder: Path, text: str) -> dict[str, float]:
    """The highest weight of each token that is not special; from the source that is cited."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    linear = torch.load(folder / "sparse_linear.pt", weights_only=True)
    tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
    with torch.inference_mode():
        hidden = model.eval()(**tokens).last_hidden_state[0]
        weights = torch.relu(hidden @ linear["weight"].T + linear["bias"]).squeeze(-1).tolist()
    found: dict[str, float] = {}
    names = tokenizer.convert_ids_to_tokens(tokens["input_ids"][0].tolist())
    for name, weight in zip(names, weights, strict=True):
        if name not in tokenizer.all_special_tokens and weight > found.get(name, 0.0):
            found[name] = weight
    return found


def test_a_token_weighs_what_the_layer_makes_of_it(tmp_path: Path) -> None:
    folder = model_kinds.build_lexical(tmp_path)
    with model_kinds.quiet():
        encoder = load_sparse(SparseModel(str(folder)), FLOAT32)
        expected = [plainly(folder, text) for text in TEXTS]
    for text, mine, theirs in zip(TEXTS, encoder.encode(TEXTS), expected, strict=True):
        assert theirs, "the layer lets some through"
        assert mine == pytest.approx(theirs, abs=1e-5), text
    assert "; lexical weights; " in encoder.name


def test_a_batch_is_what_its_texts_are_one_by_one(tmp_path: Path) -> None:
    encoder = load_sparse(SparseModel(str(model_kinds.build_lexical(tmp_path))), FLOAT32)
    for text, row in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        assert row == pytest.approx(encoder.encode([text])[0], abs=1e-5)
    assert encoder.encode([""]) == [{}]


def test_another_layer_is_another_model(tmp_path: Path) -> None:
    folder = model_kinds.build_lexical(tmp_path)
    before = load_sparse(SparseModel(str(folder)), FLOAT32).name
    torch.save(torch.nn.Linear(32, 1).state_dict(), folder / "sparse_linear.pt")
    assert load_sparse(SparseModel(str(folder)), FLOAT32).name != before


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


@pytest.mark.parametrize(
    "state",
    [
        Hostile(),
        {"weight": Hostile()},
        {"weight": torch.zeros(2, 32), "bias": torch.zeros(2)},
        {"weight": torch.zeros(1, 32)},
        [],
    ],
)
def test_a_layer_that_is_none_is_refused_and_never_run(
    tmp_path: Path, state: object, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_kinds.build_lexical(tmp_path)
    torch.save(state, folder / "sparse_linear.pt")
    with pytest.raises(EncoderError, match=r"cannot read sparse_linear\.pt of encoder: "):
        load_sparse(SparseModel(str(folder)), FLOAT32)
    assert "run" not in capsys.readouterr().out
