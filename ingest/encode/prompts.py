"""Which prompt is put before a document, and which before a user's free text.

A prompt is part of how a model was trained: `query: ` and `passage: ` of E5, an instruction of an
LLM encoder (`Instruct: ... Query:`), a task of EmbeddingGemma. A model's folder names its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.encode.options import EncoderOptions
from xlrec_es.errors import EncoderError

QUERY = "query"
"""The name that sentence-transformers gives to the prompt of what is searched by."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before texts.

    Attributes:
        documents: Before each document.
        texts: Before each free text of a user.
    """

    documents: str
    texts: str


def choose_prompts(
    named: Mapping[str, str | None], default: str | None, model: str, options: EncoderOptions
) -> Prompts:
    """The prompts asked for, else the model's own.

    Documents get the model's query prompt unless another is named, for documents are compared with
    documents, and E5's authors advise it for that. A model without one has a default prompt, or the
    one that E5's description tells. Free texts get what documents get; if a document's prompt is
    chosen by its name, the query prompt.

    Args:
        named: Prompts by name, as the model has them.
        default: Name of the model's default prompt.
        model: Its name.
        options: What was asked for.

    Raises:
        EncoderError: The model has no prompt of a name that was asked for.
    """
    query = named.get(QUERY) or _of_e5(model)
    documents = options.prefix
    if options.prompt_name is not None:
        documents = _named(named, options.prompt_name, model, "--prompt-name")
    elif documents is None:
        documents = query or (named.get(default) if default else "") or ""
    texts = options.text_prefix
    if options.text_prompt_name is not None:
        texts = _named(named, options.text_prompt_name, model, "--text-prompt-name")
    elif texts is None:
        texts = query if options.prompt_name is not None and query else documents
    return Prompts(documents, texts)


def _of_e5(model: str) -> str:
    """What the E5 models on the hub say in their description alone."""
    return "query: " if re.search(r"(^|/|-)e5-(?!.*instruct)", model) else ""


def _named(named: Mapping[str, str | None], name: str, model: str, option: str) -> str:
    prompt = named.get(name)
    if prompt is None:
        known = ", ".join(sorted(named)) or "none"
        raise EncoderError(f"{model} has no prompt {name!r} for {option}; it has {known}")
    return prompt
