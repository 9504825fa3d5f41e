"""What kind of model a folder holds, by its configuration; nothing is loaded.

sentence-transformers loads nearly any transformer as an encoder with mean pooling: a reranker, a
SPLADE model and a ColBERT model too. Their vectors look like any others and rank like noise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xlrec_es.errors import EncoderError

LEXICAL_FILE = "sparse_linear.pt"
"""Beside a dense encoder: the layer that makes its lexical weights, as bge-m3 has one."""

_INSTEAD = "use a dense encoder, such as intfloat/multilingual-e5-small"
_SPARSE = "a sparse encoder (SPLADE), which weighs words and makes no dense vectors"
_MULTI = "a multi-vector encoder (ColBERT), which makes a vector of each token"
_CROSS = "a cross-encoder (reranker), which scores pairs of texts and makes no vectors"
_ROUTER = "an asymmetric model (Router), which encodes queries and documents by different modules"

_BY_MODEL_TYPE = {
    "SparseEncoder": _SPARSE,
    "MultiVectorEncoder": _MULTI,
    "ColBERT": _MULTI,
    "CrossEncoder": _CROSS,
}
# By a part of the class that modules.json names. The first that is found counts.
_BY_MODULE = {
    "sparse_encoder": _SPARSE,
    "SpladePooling": _SPARSE,
    "MLMTransformer": _SPARSE,
    "multi_vector_encoder": _MULTI,
    "pylate": _MULTI,
    "cross_encoder": _CROSS,
    "LogitScore": _CROSS,
    "Router": _ROUTER,
    "Asym": _ROUTER,
}
_BY_TASK = {
    "fill-mask": _SPARSE,
    "sequence-classification": _CROSS,
    "text-generation": "a model that generates texts",
}
_OWN = "sentence_transformers."
_TRANSFORMER = re.compile(r"\.(Transformer|OnnxTransformer)$")
_POOLING = re.compile(r"\.Pooling$")
_TOKENS = ("token_embeddings", None)


def check_kind(
    folder: Path, model: str, *, trusts_code: bool = False, from_hub: bool = False
) -> None:
    """See that a folder holds a dense encoder of texts.

    Args:
        folder: Of the model; has a `modules.json` or a `config.json`.
        model: Its name, for people.
        trusts_code: Whether code of the model's own is allowed.
        from_hub: Whether the model is one of the Hugging Face hub, whose code can be allowed.

    Raises:
        EncoderError: It holds something else; or a configuration is damaged.
    """
    if not (folder / "modules.json").is_file():
        raise EncoderError(_without_modules(folder, model))
    entries = _entries(folder, model)
    modules = [str(entry.get("type", "")) for entry in entries]
    configured = [_of_transformer(folder / str(entry.get("path", ""))) for entry in entries]
    if what := _other_than_dense(folder, modules, configured):
        beside = ", and name this one with --sparse-model beside it" if what == _SPARSE else ""
        raise EncoderError(f"{model} is {what}; {_INSTEAD}{beside}")
    foreign = [name for name in modules if not name.startswith(_OWN)]
    if not trusts_code and (code := [*foreign, *_own_classes(folder, entries)]):
        trust = ", or read that code and name its commit with --trust-code" if from_hub else ""
        raise EncoderError(f"{model} would run code of its own ({code[0]}); {_INSTEAD}{trust}")
    if foreign:
        return
    if lone := list(_lone_adapters(folder)):
        raise EncoderError(
            f"{model} has LoRA adapters ({lone[0]}) without the weights of their base; merge them "
            "(PeftModel.merge_and_unload), and save the whole model"
        )
    if (
        any(map(_TRANSFORMER.search, modules))
        and not any(map(_POOLING.search, modules))
        and all(c.get("module_output_name") in _TOKENS for c in configured)
    ):
        raise EncoderError(
            f"{model} has no pooling, so it makes a vector of each token and none of a text; "
            f"{_INSTEAD}"
        )


def check_sparse_kind(folder: Path, model: str) -> None:
    """See that a folder holds a model that weighs tokens.

    Args:
        folder: Of the model.
        model: Its name, for people.

    Raises:
        EncoderError: It holds something else; or a configuration is damaged.
    """
    instead = f"--sparse-model takes a SPLADE model, or one with {LEXICAL_FILE}, as bge-m3 has it"
    if not (folder / "modules.json").is_file():
        raise EncoderError(
            f"{model} has no modules.json, which says how the weights of tokens are made; "
            f"{instead}. If it was trained as a SPLADE model, save it as one: "
            "SparseEncoder(FOLDER).save(OUTPUT)"
        )
    entries = _entries(folder, model)
    modules = [str(entry.get("type", "")) for entry in entries]
    configured = [_of_transformer(folder / str(entry.get("path", ""))) for entry in entries]
    what = _other_than_dense(folder, modules, configured)
    if what != _SPARSE and not (what is None and (folder / LEXICAL_FILE).is_file()):
        own = "; give it as --model" if what is None else ""
        raise EncoderError(f"{model} is {what or 'a dense encoder'}{own}; {instead}")
    if code := [
        *(name for name in modules if not name.startswith(_OWN)),
        *_own_classes(folder, entries),
    ]:
        raise EncoderError(f"{model} would run code of its own ({code[0]}); use another model")


def _entries(folder: Path, model: str) -> list[dict[str, Any]]:
    """What `modules.json` has.

    Raises:
        EncoderError: It is damaged.
    """
    entries = _read(folder / "modules.json")
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise EncoderError(f"{model}: modules.json is damaged; get the model again")
    return entries


def _other_than_dense(
    folder: Path, modules: list[str], configured: list[dict[str, Any]]
) -> str | None:
    """What the model is, if it is known to be no dense encoder."""
    settings = _read_object(folder / "config_sentence_transformers.json")
    if settings.get("similarity_fn_name") == "maxsim":
        return _MULTI
    what = _BY_MODEL_TYPE.get(settings.get("model_type", ""))
    what = what or next((w for part, w in _BY_MODULE.items() if part in " ".join(modules)), None)
    return what or next((_BY_TASK[t] for c in configured if (t := _task(c)) in _BY_TASK), None)


def _without_modules(folder: Path, model: str) -> str:
    """What a folder without `modules.json` holds, and what to do about it."""
    if not (folder / "config.json").is_file():
        return (
            f"{model} has LoRA adapters without their base; merge them "
            "(PeftModel.merge_and_unload), and save the whole model"
        )
    config = _read_object(folder / "config.json")
    named = config.get("architectures") or [config.get("model_type") or "no architecture"]
    architecture = str(named[0])
    if "ForSequenceClassification" in architecture:
        return f"{model} ({architecture}) is {_CROSS}, or a classifier; {_INSTEAD}"
    if "ColBERT" in architecture or (folder / "artifact.metadata").is_file():
        return f"{model} ({architecture}) is {_MULTI}; {_INSTEAD}"
    if "ForMaskedLM" in architecture:
        return (
            f"{model} ({architecture}) is a masked language model or {_SPARSE}; {_INSTEAD}, or "
            "train one from it"
        )
    return (
        f"{model} is a plain transformer ({architecture}): it has no modules.json, which says how "
        f"token vectors become the vector of a text; {_INSTEAD}, or save it with the pooling that "
        "it was trained with: SentenceTransformer(modules=[Transformer(FOLDER), Pooling(DIMS, "
        "MODE)]).save(OUTPUT)"
    )


def _own_classes(folder: Path, entries: list[dict[str, Any]]) -> Iterator[str]:
    """Classes in the model's own code that transformers has none of its own for.

    Many models name the code that they had before transformers knew their kind; that is not run.
    """
    for entry in entries:
        own = folder / str(entry.get("path", ""))
        config = _read_object(own / "config.json")
        named = config.get("auto_map")
        if isinstance(named, dict) and named:
            from transformers import CONFIG_MAPPING  # slow to import

            if config.get("model_type") not in CONFIG_MAPPING:
                yield str(named.get("AutoModel") or next(iter(named.values())))
        yield from _own_tokenizer(config, _read_object(own / "tokenizer_config.json"))


def _own_tokenizer(config: dict[str, Any], settings: dict[str, Any]) -> Iterator[str]:
    """The class of a tokenizer in the model's own code, if transformers has none for it.

    Args:
        config: The model's `config.json`.
        settings: Its `tokenizer_config.json`.
    """
    named = settings.get("auto_map") or config.get("auto_map")
    if isinstance(named, dict):  # a list is of models before transformers 4.11
        named = named.get("AutoTokenizer")
    classes = [str(name) for name in named if name] if isinstance(named, list) else []
    if not classes:
        return
    from transformers import CONFIG_MAPPING, TOKENIZER_MAPPING
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    kind = str(config.get("model_type"))
    if kind in CONFIG_MAPPING and CONFIG_MAPPING[kind] in TOKENIZER_MAPPING:
        return
    told = str(settings.get("tokenizer_class") or config.get("tokenizer_class") or "")
    known = (told, f"{told}Fast", told.removesuffix("Fast"))
    if not (told and any(map(tokenizer_class_from_name, known))):
        yield classes[-1]


def _of_transformer(folder: Path) -> dict[str, Any]:
    """What sentence-transformers says of a module that is a transformer; empty of others."""
    return _read_object(folder / "sentence_bert_config.json")


def _task(configured: dict[str, Any]) -> str:
    return str(configured.get("transformer_task") or "")


def _lone_adapters(folder: Path) -> Iterator[str]:
    for path in folder.rglob("adapter_config.json"):
        if not any(path.parent.glob("model*.safetensors")):
            yield path.relative_to(folder).as_posix()


def _read_object(path: Path) -> dict[str, Any]:
    """A configuration that is an object; empty where there is none.

    Raises:
        EncoderError: It is damaged, or something else.
    """
    found = _read(path)
    if not isinstance(found, dict):
        raise EncoderError(f"{path} is damaged: it is no JSON object; get the model again")
    return found


def _read(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A configuration; empty where there is none.

    Raises:
        EncoderError: It is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EncoderError(f"cannot read {path}: {error}; get the model again") from error
