"""A model that this program made, as a folder: weights, tokenizer, configuration, and a card.

    model.safetensors, modules.json, ...   a sentence-transformers model, prefix included
    README.md                              the card, for people: data, settings, results, licence
    curves.png                             what was measured while it was made, if anything was
    xlrec.json                             the card, for this program: fingerprint, calibration

A folder comes into being at once: it is written beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from huggingface_hub import RepoCard as _RepoCard
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from ingest import models
from ingest.models import ACCEPTED, FORCED, RECORD, ModelFiles, read_record
from ingest.options import EMBEDDED
from xlrec_es import __version__
from xlrec_es.errors import EncoderError, MissingExtra

try:
    from xlrec_es import charts
except ImportError as error:
    raise MissingExtra.named("finetune", "Making a model") from error

CURVES = "curves.png"
_EMBEDDED_HUB_ID, _EMBEDDED_LICENCE = "intfloat/multilingual-e5-small", "mit"


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
            model: As for `ingest.models.find`.
            files: What it found.
        """
        if model == EMBEDDED:
            return cls(files.name, files.revision, _EMBEDDED_LICENCE, _EMBEDDED_HUB_ID)
        hub_id = None if Path(model).expanduser().is_dir() else model
        licence = _licence(files.folder, hub_id)
        learned_from = models.learned_from(str(files.folder))
        return cls(files.name, files.revision, licence, hub_id, learned_from)


def _licence(folder: Path, hub_id: str | None) -> str | None:
    """What the model's card says; None if it cannot be had, or does not say."""
    card = folder / "README.md"
    # Whatever is wrong with somebody's card or the network, the training goes on.
    with contextlib.suppress(Exception):
        data = _RepoCard.load(card if card.is_file() or not hub_id else hub_id).data
        licence = data.get("license")
        return str(licence) if licence else None
    return None


@dataclass(frozen=True, slots=True)
class Card:
    """What people and this program are told of a model.

    Attributes:
        command: What made it: `xlrec-ingest finetune`.
        summary: A sentence or two on what was done.
        base: What it was made from.
        prefix: What is put before each text.
        languages: Codes of those that it was made for.
        calibration: `none` or `centre`, as measured best; None: not measured.
        status: `ACCEPTED`, `REJECTED` or `FORCED`.
        reasons: Why it was not accepted, in sentences.
        learned_from: The likes that it learned from beside those of its base; see
            `xlrec_es.leaks.training_note`.
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
    calibration: str | None = None
    status: str = ACCEPTED
    reasons: tuple[str, ...] = ()
    learned_from: tuple[Mapping[str, Any], ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: Sequence[Mapping[str, Any]] = ()
    details: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    onnx: bool = False


def write_model(folder: Path, model: SentenceTransformer, card: Card) -> ModelFiles:
    """Write a model that sentence-transformers holds, and its card.

    Texts get the card's prefix from plain `SentenceTransformer(folder).encode(texts)`, too.

    Args:
        folder: Takes the place of an earlier model of this program, or of nothing.
        model: Its weights are written as they are.
        card: See `Card`.

    Raises:
        EncoderError: There is something else in the folder, or it cannot be written.
    """
    if card.prefix:
        set_prefix(model, card.prefix)
    dims = model.get_embedding_dimension()

    def write(unfinished: Path) -> None:
        model.save(str(unfinished), create_model_card=False)

    return write_folder(folder, write, card, dims=dims)


def set_prefix(model: SentenceTransformer, prefix: str) -> None:
    """Have each text get the prefix, from plain sentence-transformers, too."""
    model.prompts = {**model.prompts, "query": prefix, "document": prefix}
    model.default_prompt_name = "query"


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """An empty folder on the same disk, for a model that is not yet known to be wanted.

    Raises:
        EncoderError: It cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _not_written(folder, error) from error
    try:
        yield unfinished
    except (OSError, SafetensorError) as error:  # the latter says that the disk is full, too
        raise _not_written(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_folder(
    folder: Path, write: Callable[[Path], None], card: Card, *, dims: int | None = None
) -> ModelFiles:
    """As `write_model`, for what writes its files itself.

    Args:
        folder: See `write_model`.
        write: Is given an empty folder to fill.
        card: See `Card`.
        dims: Length of a vector, for the card.

    Raises:
        EncoderError: As for `write_model`.
    """
    check_free(folder)
    with beside(folder) as unfinished:
        write(unfinished)
        revision = models.hash_folder(unfinished)
        _write_card(unfinished, folder.name, revision, card, dims)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    return ModelFiles(folder, folder.resolve().name, revision)


def _not_written(folder: Path, error: Exception) -> EncoderError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]
    return EncoderError(f"cannot write the model to {folder}: {reason}")


def check_free(folder: Path) -> None:
    """See that a model may be written there, before hours are spent on it.

    Raises:
        EncoderError: There is something else than an earlier model of this program.
    """
    if not folder.exists() or read_record(folder) is not None:
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise EncoderError(
            f"{folder} is there and is no model of this program; choose another place for the "
            "model, or remove it"
        )


def _write_card(folder: Path, name: str, revision: str, card: Card, dims: int | None) -> None:
    record = {
        "fingerprint": {
            "model": name,
            "revision": revision,
            "dims": dims,
            "prefix": card.prefix,
        },
        "program": f"xlrec-es {__version__}",
        **asdict(card),
    }
    text = json.dumps(record, ensure_ascii=False, indent=2, default=str)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    if any(card.curves.values()):
        (folder / CURVES).write_bytes(charts.curves(card.curves))
    (folder / "README.md").write_text(card_text(name, revision, card), encoding="utf-8")


def card_text(name: str, revision: str, card: Card) -> str:
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
        f"## Use\n\n```\nxlrec-ingest reindex ALIAS --model {name}\n```\n\n```python\n"
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
        "## Licence\n\n" + _licence_text(base),
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
    return f"{_prefix_and_calibration(card)}{onnx}"


def _prefix_and_calibration(card: Card) -> str:
    prefix = f"Each text gets the prefix `{card.prefix}`" if card.prefix else "Texts get no prefix"
    if card.calibration is None:
        return f"{prefix}."
    return f"{prefix}; language calibration: `{card.calibration}`, which measured best."


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
