"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ingest.fields import FieldMap
from ingest.options import DEFAULTS, EMBEDDED, KEEP, Duplicates, EncoderOptions
from ingest.recipe import Recipe

DEFAULT_CALIBRATION = "centre"


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is asked to do.

    Attributes:
        source: Path of the input; `-` is standard input, `index:NAME` an index.
        index: Name of the index: an alias, made if it is not there.
        fields: Which field is what.
        query: Chooses a part of an index; see `ingest.source.open_source`.
        duplicates: What is done with texts that come more than once.
        calibration: `none` or `centre`; None for the index's own, `centre` if it is new.
        model: A folder, a name on the Hugging Face hub, or `embedded`.
        encoder: How the model is run.
        rejects: File for what cannot be indexed; None for the one beside the input.
        seed: Of the calibration sample.
    """

    source: str
    index: str
    fields: FieldMap = field(default_factory=FieldMap)
    query: str = ""
    duplicates: Duplicates = KEEP
    calibration: str | None = None
    model: str = EMBEDDED
    encoder: EncoderOptions = DEFAULTS
    rejects: Path | None = None
    seed: int = 0

    @property
    def recipe(self) -> Recipe:
        """How texts are made."""
        return Recipe(self.fields.texts, self.encoder.long_texts)

    @property
    def method(self) -> str:
        """How a new index is calibrated."""
        return self.calibration or DEFAULT_CALIBRATION
