"""Masked language modelling: words of a text are hidden, and the model learns to tell them.

Whole words are hidden, not pieces of words, which could be guessed from their other pieces. In
languages written without spaces, what stands between two spaces is a sentence, and a piece is about
a word, so pieces are hidden there.

Sources: Devlin et al. 2019, "BERT" (https://aclanthology.org/N19-1423): 15%, of which 80% are
masked, 10% replaced and 10% left; whole words, Cui et al. 2021
(https://doi.org/10.1109/TASLP.2021.3124365).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from xlrec_es.errors import EncoderError

RATE = 0.15
HEAD = "masked_language_head"
_MASKED, _REPLACED = 0.8, 0.1

_SPACES = ("▁", "Ġ")  # what SentencePiece and byte-level BPE write for a space
_CONTINUES = "##"  # WordPiece, within a word
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


def word_starts(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.bool_]:
    """Which tokens begin a word, shape (n_tokens,)."""
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    pieces = any(token.startswith(_CONTINUES) for token in tokens)
    return np.array(
        [
            _without_spaces(token)
            or (not token.startswith(_CONTINUES) if pieces else token.startswith(_SPACES))
            for token in tokens
        ]
    )


def _without_spaces(token: str) -> bool:
    return any(unicodedata.name(letter, "").startswith(_WITHOUT_SPACES) for letter in token)


class Masking:
    """Hides words of texts.

    Args:
        tokenizer: Of the model.
        prefix: What stands before each text; it is never hidden.
        vocabulary: Token ids that a replaced one is drawn from.

    Raises:
        EncoderError: The tokenizer has no mask token.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, prefix: str, vocabulary: NDArray[np.int64]
    ) -> None:
        if tokenizer.mask_token_id is None:
            raise EncoderError(
                "the model's tokenizer has no mask token, so it was never trained to tell hidden "
                "words; adapt a model that was, such as intfloat/multilingual-e5-small"
            )
        self._mask_id = int(tokenizer.mask_token_id)
        self._starts = torch.from_numpy(word_starts(tokenizer))
        self._special = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._special[list(tokenizer.all_special_ids)] = True
        self._vocabulary = torch.from_numpy(vocabulary)
        # Special tokens before the text, and those of the prefix.
        self._kept = len(tokenizer(prefix)["input_ids"]) - 1 if prefix else 0

    def __call__(
        self, ids: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Hide words.

        Args:
            ids: Shape (n_texts, n_tokens), on the CPU.
            generator: Of the draw; None: torch's own.

        Returns:
            The ids with words hidden, and which places are to be told; both of the same shape.
        """
        fixed = self._special[ids]
        fixed[:, : self._kept] = True
        # The first token after a fixed one begins a word, whatever it is.
        before = torch.ones_like(fixed)
        before[:, 1:] = fixed[:, :-1]
        words = (self._starts[ids] | before).cumsum(dim=1)  # number of each token's word
        drawn = torch.rand(ids.shape, generator=generator)
        chosen = (drawn < RATE).gather(1, words - 1) & ~fixed
        fate = torch.rand(ids.shape, generator=generator).gather(1, words - 1)
        others = self._vocabulary[
            torch.randint(len(self._vocabulary), ids.shape, generator=generator)
        ]
        hidden = torch.where(chosen & (fate < _MASKED), self._mask_id, ids)
        replaced = chosen & (fate >= _MASKED) & (fate < _MASKED + _REPLACED)
        return torch.where(replaced, others, hidden), chosen


class Head(nn.Module):
    """From a hidden state to a token: BERT's head, over the tokens that the texts have.

    Encoders come without one: it was dropped when they were trained to compare texts. The tokens'
    vectors are the model's own, and rest.

    Args:
        embeddings: Shape (n_tokens, dims).
        vocabulary: Ids of the tokens that can be told.
    """

    def __init__(self, embeddings: Tensor, vocabulary: NDArray[np.int64]) -> None:
        super().__init__()
        dims = embeddings.shape[1]
        self.dense = nn.Linear(dims, dims)
        self.norm = nn.LayerNorm(dims)
        self.bias = nn.Parameter(torch.zeros(len(vocabulary)))
        rows = torch.from_numpy(vocabulary)
        self.register_buffer("tokens", embeddings.detach()[rows].clone(), persistent=False)
        places = torch.zeros(len(embeddings), dtype=torch.int64)
        places[rows] = torch.arange(len(vocabulary))
        self.register_buffer("places", places, persistent=False)

    def forward(self, states: Tensor, ids: Tensor) -> Tensor:
        """The cross entropy of telling tokens.

        Args:
            states: Shape (n, dims).
            ids: Shape (n,): the tokens that stand there.
        """
        tokens, places = self.get_buffer("tokens"), self.get_buffer("places")
        states = self.norm(nn.functional.gelu(self.dense(states)))
        logits = states @ tokens.T + self.bias  # (n, n_vocabulary)
        return nn.functional.cross_entropy(logits.float(), places[ids])


class MaskedLanguageLoss(nn.Module):
    """The loss of a batch of texts, for sentence-transformers' trainer.

    The head is a part of the model's first module while it is trained, so that checkpoints have it.

    Args:
        model: Has `HEAD` in its first module; see `add_head`.
        masking: Hides words.
    """

    def __init__(self, model: SentenceTransformer, masking: Masking) -> None:
        super().__init__()
        self.model = model
        self._masking = masking

    def forward(
        self,
        sentence_features: Iterable[dict[str, Tensor]],
        labels: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The mean over what was hidden; of nothing hidden, 0."""
        (features,) = sentence_features
        ids = features["input_ids"]
        hidden, chosen = self._masking(ids.cpu(), generator=generator)
        chosen = chosen.to(ids.device)
        head: Head = getattr(self.model[0], HEAD)
        states = backbone(self.model)(
            input_ids=hidden.to(ids.device), attention_mask=features["attention_mask"]
        ).last_hidden_state
        if not chosen.any():  # the trainer wants a gradient all the same
            nothing: Tensor = 0.0 * head(states[:, 0], ids[:, 0])
            return nothing
        loss: Tensor = head(states[chosen], ids[chosen])
        return loss


def backbone(model: SentenceTransformer) -> Any:  # noqa: ANN401 - of whatever architecture
    """The transformers model within."""
    return model[0].auto_model


def add_head(model: SentenceTransformer, vocabulary: NDArray[np.int64], *, seed: int) -> None:
    """Give the model a head, for as long as it is trained.

    Args:
        model: Its first module is a transformer.
        vocabulary: Ids of the tokens that can be told.
        seed: Of the head's first weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        embeddings = backbone(model).get_input_embeddings().weight
        model[0].add_module(HEAD, Head(embeddings.cpu(), vocabulary).to(model.device))


def remove_head(model: SentenceTransformer) -> None:
    """The inverse of `add_head`."""
    delattr(model[0], HEAD)


def vocabulary_of(tokens: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Ids of the tokens that texts have, sorted."""
    found: NDArray[np.int64] = np.unique(
        np.concatenate([np.asarray(own, np.int64) for own in tokens])
    )
    return found


def held_out_loss(
    loss: MaskedLanguageLoss, batches: Sequence[dict[str, Any]], *, seed: int
) -> float:
    """The loss of texts that are not trained on; the same words are hidden each time.

    Args:
        loss: See `MaskedLanguageLoss`.
        batches: Features of some texts each.
        seed: Of what is hidden.
    """
    generator = torch.Generator().manual_seed(seed)
    was_training = loss.training
    loss.eval()
    with torch.no_grad():
        values = [
            (float(loss([features], generator=generator)), len(features["input_ids"]))
            for features in batches
        ]
    loss.train(was_training)
    total = sum(count for _, count in values)
    return sum(value * count for value, count in values) / total
