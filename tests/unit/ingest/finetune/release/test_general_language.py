"""Whether general language is forgotten: sentences, and their translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.finetune.release.general_language import GeneralSet, read_general
from xlrec_es.errors import SourceError


def test_general_sentences(tmp_path: Path) -> None:
    general = read_general()
    assert len(general.sentences) == 12
    assert len(set(general.texts)) == len(general.texts)
    n = len(general.sentences["en"])
    perfect = np.tile(np.eye(n, dtype=np.float32), (12, 1))
    assert general.found(perfect).tolist() == [1] * n
    wrong = np.concatenate([np.roll(np.eye(n), k, axis=0) for k in range(12)]).astype(np.float32)
    assert general.found(wrong).mean() == 0
    own = tmp_path / "own.tsv"
    own.write_text("en\tde\nyes\tja\nno\tnein\n", encoding="utf-8")
    assert read_general(own) == GeneralSet({"en": ("yes", "no"), "de": ("ja", "nein")})
    for content, message in (("en\nyes\nno\n", "two languages"), ("en\tde\na\tb\nc\n", "line 3")):
        own.write_text(content, encoding="utf-8")
        with pytest.raises(SourceError, match=message):
            read_general(own)
    with pytest.raises(SourceError, match="cannot read"):
        read_general(tmp_path / "none.tsv")
