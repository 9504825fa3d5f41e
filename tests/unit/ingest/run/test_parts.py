"""The small parts of the worker: recipe, sample, tally, reject file, progress bar, vectors."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fakes import HashEncoder
from ingest.documents.document import Document
from ingest.documents.text_recipe import Recipe
from ingest.encode import raw_vectors
from ingest.run.counts import Tally
from ingest.run.observe import progress_bar
from ingest.run.observe.progress_bar import ProgressBar
from ingest.run.pipeline import Fill
from ingest.run.reject_file import RejectFile, default_path
from ingest.sources.record import Record, Rejection
from ingest.write import calibration_sample
from xlrec_es.errors import ConfigError, EncoderError
from xlrec_es.vectors.calibration import Calibration
from xlrec_es.vectors.vector import Vector


def document(id_: str, language: str = "en") -> Document:
    record = Record({"id": id_}, 1)
    return Document(
        id_, id_, language, "declared", f"text {id_}", None, {}, f"hash-{id_}", record, 1
    )


def test_a_recipe_joins_clean_texts() -> None:
    assert Recipe(("a", "b")).text([" <b>x</b> ", "", "\x00", "y  z"]) == "x\ny z"


def test_everything_that_makes_a_vector_is_in_the_fingerprint() -> None:
    encoder = HashEncoder()
    print_ = Recipe(("title", "text")).fingerprint(encoder, Calibration.none())
    assert print_.recipe == "title, text; cleaning 1; first 512 tokens"
    chunked = Recipe(("title", "text"), "chunk").fingerprint(encoder, Calibration.none())
    assert chunked.recipe == "title, text; cleaning 1; mean of windows of 512 tokens"
    assert (print_.model, print_.dims, print_.calibration) == (encoder.model, encoder.dims, "none")
    assert (
        print_.digest != Recipe(("text", "title")).fingerprint(encoder, Calibration.none()).digest
    )


@given(st.permutations([f"{n}" for n in range(40)]), st.integers(1, 50))
def test_the_sample_does_not_depend_on_the_order(ids: list[str], limit: int) -> None:
    drawn = calibration_sample.draw([document(id_) for id_ in ids], per_language=limit)
    in_order = calibration_sample.draw([document(f"{n}") for n in range(40)], per_language=limit)
    assert drawn == in_order
    assert len({text.content_hash for text in drawn}) == len(drawn) == min(limit, 40)


def test_the_sample_has_every_language_up_to_the_limit() -> None:
    documents = [document(f"{n}", "en" if n % 10 else "de") for n in range(100)]
    drawn = calibration_sample.draw(documents, per_language=20)
    assert Counter(text.language for text in drawn) == {"en": 20, "de": 10}
    assert calibration_sample.draw([]) == []


def test_the_sample_is_drawn_evenly_and_follows_the_seed() -> None:
    documents = [document(f"{n}") for n in range(60)]
    times = Counter(
        text.content_hash
        for seed in range(200)
        for text in calibration_sample.draw(documents, per_language=30, seed=seed)
    )
    # Each is drawn 100 times on average, with a standard deviation of 7.
    assert len(times) == 60
    assert max(times.values()) < 135
    assert min(times.values()) > 65


def test_time_adds_up_by_stage_even_if_it_fails() -> None:
    tally = Tally()
    with tally.timed("read"):
        pass
    once = tally.seconds["read"]
    with pytest.raises(ValueError, match="x"), tally.timed("read"):
        raise ValueError("x")
    assert tally.seconds["read"] > once > 0


def test_rejections_are_written_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_text("of an earlier run")
    with RejectFile(path) as rejects:
        rejects.cut(0)
        assert not path.exists()
        rejects.write(Rejection(3, "read", "not JSON", "ungültig"))
        rejects.write(Rejection(4, "write", "refused", {"id": "a"}, "a@en"))
        first_two = rejects.size
    with RejectFile(path) as rejects:
        rejects.write(Rejection(5, "read", "of a record that is read again", ""))
    with RejectFile(path) as rejects:
        rejects.cut(first_two)
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert abs(datetime.fromisoformat(first.pop("time")) - datetime.now(UTC)).seconds < 60
    assert first == {
        "line": 3, "stage": "read", "reason": "not JSON", "document": None, "record": "ungültig"
    }  # fmt: skip
    assert (second["record"], second["document"]) == ({"id": "a"}, "a@en")


def test_without_rejections_there_is_no_file(tmp_path: Path) -> None:
    with RejectFile(tmp_path / "rejects"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_reject_file_that_cannot_be_written_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no/rejects: No such file or directory; name one with"):
        RejectFile(tmp_path / "no" / "rejects")


def test_rejects_go_beside_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_path("-") == Path("xlrec.rejects.jsonl")
    source = tmp_path / "items.jsonl.gz"
    assert default_path(str(source)) == tmp_path / "items.jsonl.gz.rejects.jsonl"
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root, every folder can be written
    assert default_path(str(source)) == Path("items.jsonl.gz.rejects.jsonl")


class WrongShape(HashEncoder):
    def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
        return np.zeros((len(texts), 3), np.float32)


def test_vectors_of_a_wrong_shape_are_an_error() -> None:
    assert raw_vectors.encode(HashEncoder(), ["a", "b"]).shape == (2, HashEncoder().dims)
    with pytest.raises(EncoderError, match=r"shape \(2, 3\) out of 2 texts"):
        raw_vectors.encode(WrongShape(), ["a", "b"])


def test_zeros_and_nan_are_not_usable() -> None:
    rows = np.array([[1, 0], [0, 0], [np.nan, 1], [0.6, 0.8]], np.float32)
    assert raw_vectors.usable(rows).tolist() == [True, False, False, True]


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, asked: bool = True) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=200)
    monkeypatch.setattr(progress_bar, "Console", lambda **_: console)
    tally = Tally()
    with ProgressBar(shown=asked) as bar:
        bar("load", tally, None)
        bar("sample", tally, 0.5)
        tally.documents, tally.rejected, tally.tokens = 1234, 2, 56_789
        tally.queues["encode"] = Fill(waiting=2, size=2)
        bar("index", tally, 0.5)
        bar._progress.refresh()
    return output.getvalue()


def test_the_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True)
    expected = ("indexing", "50%", "1234 documents", "/s)", "56789 tokens", "2 rejected", "left:")
    for part in (*expected, "waiting: encode 2/2"):
        assert part in text
    assert not shown(monkeypatch, terminal=False).strip()
    assert not shown(monkeypatch, terminal=True, asked=False).strip()
