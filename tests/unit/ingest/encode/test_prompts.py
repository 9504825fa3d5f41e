from __future__ import annotations

import pytest

from ingest.encode.options import EncoderOptions
from ingest.encode.prompts import choose_prompts
from xlrec_es.errors import EncoderError

E5 = {"query": "query: ", "document": "passage: "}
QWEN = {"query": "Instruct: find\nQuery:", "document": ""}


@pytest.mark.parametrize(
    ("named", "default", "model", "documents", "texts"),
    [
        (E5, None, "any", "query: ", "query: "),
        (E5, "document", "any", "query: ", "query: "),
        (QWEN, None, "Qwen/Qwen3-Embedding-0.6B", QWEN["query"], QWEN["query"]),
        ({"query": "", "document": ""}, None, "intfloat/multilingual-e5-small", *["query: "] * 2),
        ({}, None, "intfloat/multilingual-e5-large-instruct", "", ""),
        ({"retrieval": "r: "}, "retrieval", "any", "r: ", "r: "),
        ({"query": "", "retrieval": "r: "}, "retrieval", "any", "r: ", "r: "),
        ({"retrieval": "r: "}, None, "any", "", ""),
    ],
)
def test_without_options_the_models_own_prompt_is_for_both(
    named: dict[str, str | None], default: str | None, model: str, documents: str, texts: str
) -> None:
    found = choose_prompts(named, default, model, EncoderOptions())
    assert (found.documents, found.texts) == (documents, texts)


@pytest.mark.parametrize(
    ("options", "documents", "texts"),
    [
        (EncoderOptions(prefix="p: "), "p: ", "p: "),
        (EncoderOptions(prefix=""), "", ""),
        (EncoderOptions(text_prefix="t: "), "query: ", "t: "),
        (EncoderOptions(text_prefix=""), "query: ", ""),
        (EncoderOptions(prompt_name="document"), "passage: ", "query: "),
        (EncoderOptions(prompt_name="document", text_prefix="t: "), "passage: ", "t: "),
        (EncoderOptions(prefix="p: ", text_prompt_name="query"), "p: ", "query: "),
        (EncoderOptions(text_prompt_name="document"), "query: ", "passage: "),
    ],
)
def test_what_is_asked_for_wins(options: EncoderOptions, documents: str, texts: str) -> None:
    found = choose_prompts(E5, None, "any", options)
    assert (found.documents, found.texts) == (documents, texts)


def test_a_named_prompt_of_nothing_is_nothing() -> None:
    found = choose_prompts(QWEN, None, "qwen", EncoderOptions(prompt_name="document"))
    assert (found.documents, found.texts) == ("", QWEN["query"])


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (EncoderOptions(prompt_name="passage"), "--prompt-name"),
        (EncoderOptions(text_prompt_name="passage"), "--text-prompt-name"),
    ],
)
def test_a_prompt_that_the_model_lacks_is_an_error(options: EncoderOptions, option: str) -> None:
    with pytest.raises(
        EncoderError, match=f"qwen has no prompt 'passage' for {option}; it has document, query"
    ):
        choose_prompts(QWEN, None, "qwen", options)
