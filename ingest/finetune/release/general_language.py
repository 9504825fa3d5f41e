"""Whether a model still knows what it knew of languages in general: translations are to be found.

For each sentence, the nearest of another language's sentences should be its translation. The
sentences are everyday ones that come in pairs which are easily mistaken for each other; they were
written for this project, and have nothing to do with any team's texts.

Source of the measure: Artetxe and Schwenk 2019, Tatoeba
(https://doi.org/10.1162/tacl_a_00288).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError
from xlrec_es.vectors.vector import Vector

TOLERANCE = 0.01
"""A model that finds this much less than its base has forgotten."""


@dataclass(frozen=True, slots=True)
class GeneralSet:
    """Sentences, and the same in other languages.

    Attributes:
        sentences: By language; those of one place mean the same.
    """

    sentences: Mapping[str, tuple[str, ...]]

    @property
    def texts(self) -> list[str]:
        """All of them, language by language."""
        return [text for own in self.sentences.values() for text in own]

    def found(self, raw: Vector) -> NDArray[np.float64]:
        """How often each sentence's translation is the nearest, over all pairs of languages.

        Args:
            raw: Of `texts`, shape (n_texts, dims), unit rows, not centered.

        Returns:
            Shape (n_sentences,), 0..1.
        """
        n = len(next(iter(self.sentences.values())))
        rows = raw.reshape(len(self.sentences), n, -1)
        right = [
            np.argmax(rows[one] @ rows[other].T, axis=1) == np.arange(n)
            for one, other in permutations(range(len(rows)), 2)
        ]
        part: NDArray[np.float64] = np.mean(right, axis=0, dtype=np.float64)
        return part


def read_general(path: Path | None = None) -> GeneralSet:
    """Read sentences: a column for each language, named by its code, and a row for each meaning.

    Args:
        path: Of a file with tabs between columns; None: the one that comes with this program.

    Raises:
        SourceError: It cannot be read, or has no two languages or no two rows.
    """
    name = str(path or "the sentences of this program")
    try:
        file = path or resources.files("ingest.finetune.release") / "general.tsv"
        lines = [line.split("\t") for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {name}: {error}") from error
    header, *rows = lines or [[]]
    if len(header) < 2 or len(rows) < 2:
        raise SourceError(f"{name}: needs a column for each of two languages, and two sentences")
    if ragged := next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), 0):
        raise SourceError(f"{name}: line {ragged} has not {len(header)} columns, as the first has")
    columns: Sequence[tuple[str, ...]] = list(zip(*rows, strict=True))
    return GeneralSet(dict(zip(header, columns, strict=True)))
