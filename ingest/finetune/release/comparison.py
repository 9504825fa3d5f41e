"""A model beside the base that it is made from: whom both are measured on, and the base, loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.encode import model_files
from ingest.encode.model_files import ModelFiles
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import SentenceTransformerEncoder, load_encoder
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.release import gate, model_folder
from ingest.finetune.release.gate import Verdict
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.release.model_card import Base
from xlrec_es.vectors.vector import Vector


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a model and its base are compared by.

    Attributes:
        pool: All users, and the documents that both models encode.
        choosing: Half of the users; checkpoints and centerings are chosen by them.
        judging: The other half; the model is judged by them.
        model: The base, as it was asked for.
        files: The base's.
        encoder: The base.
        seed: Of the halves and the intervals.
    """

    pool: Examination
    choosing: Examination
    judging: Examination
    model: str
    files: ModelFiles
    encoder: SentenceTransformerEncoder
    seed: int

    @property
    def origin(self) -> Base:
        """The base, for the model's card."""
        return Base.of(self.model, self.files)

    def judge(self, base: Vector, tuned: Vector) -> Verdict:
        """What the gate says.

        Args:
            base: Shape (n_documents, dims), unit rows of the base for the pool, not centered.
            tuned: Likewise, of the model.
        """
        return gate.judge(self.choosing, self.judging, base, tuned, seed=self.seed)


def open_comparison(
    data: TrainingSet, folder: Path, *, model: str, options: EncoderOptions, seed: int
) -> Comparison:
    """Part the users, see that the model may be written, and load its base.

    Args:
        data: Its cases are measured on.
        folder: For the model.
        model: The base; see `ingest.encode.model_files.find`.
        options: How it is run.
        seed: Of the halves and the intervals.

    Raises:
        SourceError: There are no two users to measure on.
        EncoderError: Something else is in the folder, or the base cannot be had.
    """
    pool = Examination.of(data).limited(seed)
    choosing, judging = pool.halves(seed)
    # Before the base is loaded and hours are spent.
    model_folder.check_free(folder)
    files = model_files.find(model, revision=options.revision, trusted_code=options.trusted_code)
    encoder = load_encoder(model, options=options)
    return Comparison(pool, choosing, judging, model, files, encoder, seed)
