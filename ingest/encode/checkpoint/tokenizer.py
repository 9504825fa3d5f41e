"""Whether a model has the tokenizer that it was trained with.

Where the files of one are missing, transformers makes an empty one, to which each word is unknown:
the vectors look like any others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xlrec_es.errors import EncoderError

# Names of vocabularies among transformers' `VOCAB_FILES_NAMES`. Configurations are none.
_VOCABULARY = re.compile(
    r"tokenizer\.json|.*vocab.*\.(txt|json)|.*\.model"
    r"|.*\.tiktoken|tekken\.json|prophetnet\.tokenizer|byte_maps\.json"
)
_NEEDS_ONE = re.compile(r"\.(Transformer|OnnxTransformer|StaticEmbedding)$")
_BY_CHARACTER = re.compile(r"byt5|canine|perceiver", re.IGNORECASE)
"""Kinds of models that read bytes or characters, and have no vocabulary."""

_MOST_UNKNOWN = 0.5  # of a text's tokens
_FAR = 2.0  # Models round the number of their tokens up, by a few per cent at most.


def check_files(folder: Path, model: str) -> None:
    """See that a folder has the vocabulary of a tokenizer, if its model reads tokens.

    Args:
        folder: Of the model, with a `modules.json`.
        model: Its name, for people.

    Raises:
        EncoderError: It has none.
    """
    entries = json.loads((folder / "modules.json").read_bytes())
    reads_tokens = any(_NEEDS_ONE.search(str(entry.get("type", ""))) for entry in entries)
    if not reads_tokens or any(_VOCABULARY.fullmatch(path.name) for path in folder.rglob("*")):
        return
    configurations = [*folder.rglob("tokenizer_config.json"), *folder.rglob("config.json")]
    if not any(_BY_CHARACTER.search(path.read_text("utf-8", "replace")) for path in configurations):
        raise EncoderError(
            f"{model} has no tokenizer (tokenizer.json, vocab.txt, sentencepiece.bpe.model ...); "
            "get the whole model"
        )


def check_vocabulary(
    tokenizer: Any,  # noqa: ANN401 - of transformers, or of tokenizers
    n_embedded: int | None,
    texts: Iterable[str],
    model: str,
) -> None:
    """See that a tokenizer is the one of its model.

    Args:
        tokenizer: That was loaded.
        n_embedded: Tokens that the model has embeddings of; None where it does not say.
        texts: In several languages, of which the model knows one at least.
        model: Its name, for people.

    Raises:
        EncoderError: It has far fewer or more tokens than the model, or knows hardly a word.
    """
    n_tokens = len(tokenizer) if hasattr(tokenizer, "__len__") else tokenizer.get_vocab_size()
    if n_embedded and not n_embedded / _FAR <= n_tokens <= n_embedded * _FAR:
        raise EncoderError(
            f"{model} has a tokenizer of {n_tokens} tokens, and embeddings of {n_embedded}: it is "
            "that of another model, or files of it are missing; get the whole model"
        )
    unknown = _unknown_id(tokenizer)
    if unknown is None:
        return
    least = min(_share(unknown, _ids(tokenizer, text)) for text in texts)
    if least > _MOST_UNKNOWN:
        raise EncoderError(
            f"{model} has a tokenizer that knows hardly a word: of short texts in several "
            f"languages, {least:.0%} of the tokens or more are unknown; get the whole model"
        )


def _unknown_id(tokenizer: Any) -> int | None:  # noqa: ANN401 - as above
    if hasattr(tokenizer, "unk_token_id"):
        known: int | None = tokenizer.unk_token_id
        return known
    name = getattr(tokenizer.model, "unk_token", None)
    found: int | None = name and tokenizer.token_to_id(name)
    return found


def _ids(tokenizer: Any, text: str) -> Sequence[int]:  # noqa: ANN401 - as above
    # Texts longer than the model reads are no fault here, and transformers would warn of them.
    quiet = {"verbose": False} if hasattr(tokenizer, "unk_token_id") else {}
    encoded = tokenizer.encode(text, add_special_tokens=False, **quiet)
    ids: Sequence[int] = getattr(encoded, "ids", encoded)
    return ids


def _share(wanted: int, ids: Sequence[int]) -> float:
    return sum(one == wanted for one in ids) / max(1, len(ids))
