"""A model's card: what people and this program are told of it, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from ingest.encode import model_record
from ingest.encode.model_files import ModelFiles
from ingest.encode.model_record import ACCEPTED, FORCED
from ingest.encode.options import EMBEDDED
from xlrec_es import __version__

CURVES = "curves.png"
"""Beside the card, where anything was measured while the model was made."""

_EMBEDDED_HUB_ID = "intfloat/multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class Base:
    """What a model was made from.

    Attributes:
        name: Name, for people.
        revision: Commit, or a hash of the files.
        licence: As the Hugging Face hub spells it (`mit`, `apache-2.0`); None if it is not known.
        hub_id: Name on the hub, if it has one.
        learned_from: Likes that it was fine-tuned on, as far as is known; see `Card`.
    """

    name: str
    revision: str
    licence: str | None = None
    hub_id: str | None = None
    learned_from: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, model: str, files: ModelFiles) -> Base:
        """Describe a model that was asked for.

        Args:
            model: As for `ingest.encode.model_files.find`.
            files: What it found.
        """
        if model == EMBEDDED:
            return cls(files.name, files.revision, files.license, _EMBEDDED_HUB_ID)
        hub_id = None if Path(model).expanduser().is_dir() else model
        learned_from = model_record.learned_from(str(files.folder))
        return cls(files.name, files.revision, files.license, hub_id, learned_from)


@dataclass(frozen=True, slots=True)
class Card:
    """What people and this program are told of a model.

    Attributes:
        command: What made it: `xlrec-ingest finetune`.
        summary: A sentence or two on what was done.
        base: What it was made from.
        prefix: What is put before each text.
        languages: Codes of those that it was made for.
        centering: `none` or `center`, as measured best; None: not measured.
        status: `ACCEPTED`, `REJECTED` or `FORCED`.
        reasons: Why it was not accepted, in sentences.
        learned_from: The likes that it learned from beside those of its base; see
            `xlrec_es.evaluate.leakage.training_note`.
        data: What it learned from: counts, by what they count.
        settings: How, by name.
        results: What was measured: rows of a table, all with the same columns.
        details: More tables, by title.
        curves: Points (step, value) by what is drawn.
        onnx: Whether the transformer is an ONNX file.
    """

    command: str
    summary: str
    base: Base
    prefix: str = ""
    languages: tuple[str, ...] = ()
    centering: str | None = None
    status: str = ACCEPTED
    reasons: tuple[str, ...] = ()
    learned_from: tuple[Mapping[str, Any], ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: Sequence[Mapping[str, Any]] = ()
    details: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    onnx: bool = False


def text_of(name: str, revision: str, card: Card) -> str:
    """The model card: YAML front matter for the hub, then Markdown for people.

    Args:
        name: Of the model.
        revision: Hash of its files.
        card: See `Card`.
    """
    base = card.base
    front = ModelCardData(
        language=list(card.languages) or None,
        license=base.licence or "other",
        license_name=None if base.licence else "as-the-base-model",
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=["sentence-transformers", "xlrec-es", card.status],
        base_model=base.hub_id,
    )
    parts = [
        f"---\n{front.to_yaml()}\n---",
        f"# {name}",
        _banner(card),
        card.summary,
        f"Made by `{card.command}` of xlrec-es {__version__} from {base.name} "
        f"(revision {base.revision}); this model's revision is {revision}.",
        f"## Use\n\n```\nxlrec-ingest reencode ALIAS --model {name}\n```\n\n```python\n"
        f'from sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer("'
        f'{name}"{", backend=" + repr("onnx") if card.onnx else ""})\n'
        f"vectors = model.encode(texts)\n```\n\n{_how(card)}",
        _section("Results", _rows(card.results)),
        *(_section(title, _rows(rows)) for title, rows in card.details.items()),
        _section("Curves", f"![What was measured on the way]({CURVES})")
        if any(card.curves.values())
        else "",
        _section("Learned from", _pairs(card.data)),
        _section("Settings", _pairs(card.settings)),
        "## License\n\n" + _licence_text(base),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _banner(card: Card) -> str:
    if card.status == ACCEPTED:
        return ""
    why = " ".join(f"{reason}." for reason in card.reasons)
    if card.status == FORCED:
        return f"> **Forced.** The gate refused this model, and was overruled by --force. {why}"
    return f"> **Rejected.** The gate refused this model; do not serve it. {why}"


def _how(card: Card) -> str:
    onnx = (
        " The latter takes Optimum, which does not work with transformers 5 yet; xlrec-es runs the "
        "model with ONNX Runtime alone."
        if card.onnx
        else ""
    )
    return f"{_prefix_and_centering(card)}{onnx}"


def _prefix_and_centering(card: Card) -> str:
    prefix = f"Each text gets the prefix `{card.prefix}`" if card.prefix else "Texts get no prefix"
    if card.centering is None:
        return f"{prefix}."
    return f"{prefix}; language centering: `{card.centering}`, which measured best."


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pairs(values: Mapping[str, Any]) -> str:
    return _rows([{"what": name, "value": value} for name, value in values.items()])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(own)}" for name, own in value.items())
    return ("" if value is None else str(value)).replace("|", "\\|").replace("\n", " ")


def _licence_text(base: Base) -> str:
    if base.licence:
        return f"That of its base, {base.name}: {base.licence}."
    return (
        f"That of its base, {base.name}, which does not say it where this program looked; ask its "
        "authors before you pass the model on."
    )
