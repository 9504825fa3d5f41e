"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.documents.duplicate_policy import KEEP, Duplicates
from ingest.documents.inline_pictures import PictureField
from ingest.documents.text_recipe import Recipe
from ingest.encode.model_record import learned_from, measured_centering
from ingest.encode.options import DEFAULTS, EMBEDDED, EncoderOptions
from ingest.images.options import ImageOptions
from ingest.shard import Shard
from ingest.sources.rejects import SCHEME
from ingest.write.modes import VERSION, Mode
from xlrec_es.cluster.retry import Patience
from xlrec_es.errors import ConfigError
from xlrec_es.records.field_map import FieldMap

DEFAULT_CENTERING = "center"


@dataclass(frozen=True, slots=True)
class RunJob:
    """What a run is asked to do.

    Attributes:
        source: Path of the input; `-` is standard input, `index:NAME` an index.
        index: Name of the index: an alias, made if it is not there.
        mode: `VERSION`, `IN_PLACE` or `COMPANION` of `ingest.write.modes`.
        keep: The user's fields that the documents of a companion have besides the title; None for
            those that it has.
        fields: Which field is what.
        language_map: Tag by what the records have for a language; see
            `xlrec_es.records.language_values`.
        query: Chooses a part of an index; see `ingest.sources.source.open_source`.
        slices: Parts of an index that are read at the same time.
        duplicates: What is done with texts that come more than once.
        centering: `none` or `center`; None for the index's own, and if it is new for what
            measured best for the model, else `center`.
        model: A folder, a name on the Hugging Face hub, `embedded`, or the address of an encoder
            that runs elsewhere.
        encoder: How the model is run.
        rejects: File for what cannot be indexed; None for the one beside the input.
        resume: Whether to go on from the checkpoint of a run that did not come to its end.
        checkpoint: Its file; None for the one beside the reject file.
        max_rejects: The run fails when more is set aside; None for any number, if not all of the
            first records fail.
        shard: Only the records of this part are indexed, by their ids.
        follow: Whether to wait for more at the end of the source.
        metrics_port: Port of the localhost for Prometheus; None for none, 0 for any.
        wait_s: Seconds to wait for Elasticsearch where it does not answer at the start.
        seed: Of the centering sample.
        vectors: How vectors are indexed, by attribute of `VectorIndex`; empty for the index's own,
            and if it is new for the default.
        images: Where pictures are and what encodes them; None: nobody asks for pictures.
        pictured: Field whose pictures the index has, asked for or not: what stands in it is not
            stored. None for an index without pictures.

    Raises:
        ConfigError: The index has no name.
    """

    source: str
    index: str
    fields: FieldMap = field(default_factory=FieldMap)
    mode: Mode = VERSION
    keep: tuple[str, ...] | None = None
    language_map: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    slices: int = 1
    duplicates: Duplicates = KEEP
    centering: str | None = None
    model: str = EMBEDDED
    encoder: EncoderOptions = DEFAULTS
    rejects: Path | None = None
    resume: bool = False
    checkpoint: Path | None = None
    max_rejects: int | None = None
    shard: Shard = field(default_factory=Shard)
    follow: bool = False
    metrics_port: int | None = None
    wait_s: float = 0.0
    seed: int = 0
    vectors: Mapping[str, Any] = field(default_factory=dict)
    images: ImageOptions | None = None
    pictured: str | None = None

    def __post_init__(self) -> None:
        if not self.index:
            raise ConfigError("the name of the index is empty")

    @property
    def tries(self) -> bool:
        """Whether the run ends where all of its first records fail.

        What was set aside once is tried to the last, and so is what a user allows.
        """
        return self.max_rejects is None and not self.source.startswith(SCHEME)

    @property
    def patience(self) -> Patience:
        """How long a request is sent again that does not get through, by `wait_s`."""
        return Patience(retry_s=self.wait_s, max_wait_s=5.0)

    @property
    def recipe(self) -> Recipe:
        """How texts are made."""
        return Recipe(self.fields.texts, self.encoder.long_texts)

    @property
    def picture_field(self) -> PictureField | None:
        """The field of pictures; None if neither the job nor the index has any."""
        if self.images is not None:
            return PictureField(self.images.field)
        return None if self.pictured is None else PictureField(self.pictured, asked=False)

    @property
    def kept(self) -> tuple[str, ...] | None:
        """The user's fields that documents are written with; None for all."""
        return self.mode.kept(self.fields.title, self.keep or ())

    @property
    def method(self) -> str:
        """How a new index is centered.

        Raises:
            EncoderError: As for `ingest.encode.model_record.read_record`.
        """
        return self.centering or measured_centering(self.model) or DEFAULT_CENTERING

    @property
    def encoder_note(self) -> dict[str, Any]:
        """What a new index remembers of the model; see `IndexMeta.encoder`.

        Raises:
            EncoderError: As for `ingest.encode.model_record.read_record`.
        """
        known = learned_from(self.model)
        return {"learned_from": known} if known else {}
