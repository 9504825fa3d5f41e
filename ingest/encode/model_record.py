"""What this program says of a model that it made: `xlrec.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xlrec_es.errors import EncoderError
from xlrec_es.vectors.language_centering import current_method, with_current_key

RECORD = "xlrec.json"
"""What this program says of a model that it made; no part of the model, so not of its hash."""


ACCEPTED, REJECTED, FORCED = "accepted", "rejected", "forced"
"""What a gate said of a model; `forced`: it said no, and a user said yes."""


def read_record(folder: Path) -> dict[str, Any] | None:
    """What `xlrec.json` of a model's folder says; None if the model is not of this program.

    Raises:
        EncoderError: It cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EncoderError(f"cannot read {path}: {error}") from error
    return record


def measured_centering(model: str) -> str | None:
    """Return the centering that measured best for a model of ours; None if none was measured.

    Args:
        model: As for `find`.

    Raises:
        EncoderError: As for `read_record`.
    """
    record = read_record(Path(model).expanduser()) or {}
    method: str | None = with_current_key(record).get("centering")
    return method and current_method(method)


def learned_from(model: str) -> tuple[dict[str, Any], ...]:
    """The likes that a model was fine-tuned on, its base's among them.

    Args:
        model: As for `find`. Of one that this program did not make, nothing is known.

    Returns:
        See `xlrec_es.evaluate.leakage.training_note`.

    Raises:
        EncoderError: As for `read_record`.
    """
    record = read_record(Path(model).expanduser()) or {}
    of_base = (record.get("base") or {}).get("learned_from") or ()
    return (*of_base, *(record.get("learned_from") or ()))


def refusal(model: str) -> str | None:
    """What to mind of a model that the gate refused, in a sentence; None if it did not.

    Args:
        model: As for `find`.

    Raises:
        EncoderError: As for `read_record`.
    """
    record = read_record(Path(model).expanduser()) or {}
    if record.get("status") != REJECTED:
        return None
    return f"{model} was refused when it was made: {'; '.join(record['reasons'])}"
