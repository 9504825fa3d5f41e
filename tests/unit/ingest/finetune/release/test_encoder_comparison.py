from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from fakes import HashEncoder
from ingest.encode.options import DEFAULTS, EncoderOptions
from ingest.finetune.data.catalog_likes import CatalogLikes, read_catalog_likes
from ingest.finetune.release import encoder_comparison
from ingest.finetune.release.encoder_comparison import Candidate, compare_encoders
from topic_catalog import write_catalog
from xlrec_es.errors import EncoderError, UsageError
from xlrec_es.vectors.vector import Vector


class Noise(HashEncoder):
    """Texts have nothing in common but a name."""

    def encode(self, texts: Sequence[str]) -> Vector:
        return super().encode([hashlib.sha256(text.encode()).hexdigest() for text in texts])


def find(model: str, options: EncoderOptions) -> HashEncoder:
    if model == "missing":
        raise EncoderError("there is no such model")
    kind = Noise if model == "noise" else HashEncoder
    return kind(dims=options.dims or 64)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogLikes:
    monkeypatch.setattr(encoder_comparison, "find_encoder", find)
    return read_catalog_likes(write_catalog(tmp_path, users=200))


def read_languages(data: CatalogLikes) -> dict[str, list[str]]:
    return dict(zip(data.works, [[one] for one in data.documents.languages], strict=True))


def candidates(*names: str) -> list[Candidate]:
    return [Candidate.parse(name) for name in names]


def test_a_model_that_knows_topics_is_told_from_noise(data: CatalogLikes) -> None:
    done = compare_encoders(data, candidates("words", "noise"), DEFAULTS)
    words, noise = done["models"]
    assert words["recall"][0] > 0.9
    assert noise["recall"][0] < 0.6
    assert words["change"] is None
    assert noise["change"][2] < 0, "significantly worse"
    assert words["cold_start_recall"][0] > noise["cold_start_recall"][0] + 0.2
    assert done["recommended"]["model"] == "words"
    assert {row["pair"] for row in done["pairs"]} == {"de → en", "en → de"}
    assert all(row["recall"]["words"][0] > row["recall"]["noise"][0] for row in done["pairs"])


def test_fewer_dimensions_that_are_as_good_are_recommended(data: CatalogLikes) -> None:
    done = compare_encoders(data, candidates("words", "words@32"), DEFAULTS)
    assert [row["dims"] for row in done["models"]] == [64, 32]
    first, cut = done["models"]
    assert cut["memory_bytes"] == first["memory_bytes"] - 32
    assert cut["disk_bytes"] == first["disk_bytes"] - 5 * 32
    assert done["recommended"]["model"] == "words@32"


def test_a_model_that_is_cut_encodes_the_catalog_once(
    data: CatalogLikes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order it is named; one whose short vectors are others encodes again."""
    encoded: dict[int, int] = {}

    class Cut(HashEncoder):
        """Vectors with fewer dimensions are the first ones of those with 64."""

        def encode(self, texts: Sequence[str]) -> Vector:
            encoded[self.dims] = encoded.get(self.dims, 0) + len(texts)
            first = HashEncoder(dims=64).encode(texts)[:, : self.dims]
            return first / np.linalg.norm(first, axis=1, keepdims=True)

    models = {"cut": Cut, "words": HashEncoder}
    monkeypatch.setattr(encoder_comparison, "_WINDOW", 16)
    monkeypatch.setattr(
        encoder_comparison,
        "find_encoder",
        lambda model, options: models[model](dims=options.dims or 64),
    )
    names = ("cut@48", "words", "cut", "words@32")
    done = compare_encoders(data, candidates(*names), DEFAULTS)
    assert encoded == {64: len(data.documents.texts), 48: 16}
    assert [row["model"] for row in done["models"]] == [*names]
    alone = compare_encoders(data, candidates("cut@48", "words@32"), DEFAULTS)
    for place, row in ((0, alone["models"][0]), (3, alone["models"][1])):
        assert done["models"][place]["recall"] == pytest.approx(row["recall"])
    assert done["models"][0]["texts_per_s"] == done["models"][2]["texts_per_s"]


def test_too_few_users_of_new_items_measure_nothing(
    data: CatalogLikes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_comparison, "FEW_USERS", 10_000)
    done = compare_encoders(data, candidates("words", "noise"), DEFAULTS)
    assert done["cold_start_users"] == 0
    assert [row["cold_start_recall"] for row in done["models"]] == [None, None]


@pytest.mark.parametrize("names", [("words",), ("words", "words"), ()])
def test_two_models_are_needed(data: CatalogLikes, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="two models or more with --model, each once"):
        compare_encoders(data, candidates(*names), DEFAULTS)


def test_a_model_that_cannot_be_had_ends_it(data: CatalogLikes) -> None:
    with pytest.raises(EncoderError, match="no such model"):
        compare_encoders(data, candidates("words", "missing"), DEFAULTS)


def test_progress_is_told(data: CatalogLikes) -> None:
    told: list[tuple[str, float]] = []
    compare_encoders(
        data, candidates("words", "noise"), DEFAULTS, told=lambda *what: told.append(what)
    )
    assert told == [("words", 1.0), ("noise", 1.0)]


def test_dimensions_stand_behind_a_models_name(tmp_path: Path) -> None:
    assert Candidate.parse("a/b@256") == Candidate("a/b@256", "a/b", 256)
    assert Candidate.parse("a/b") == Candidate("a/b", "a/b")
    service = "http://key@host:8080/v1#gecko"
    assert Candidate.parse(f"{service}@256") == Candidate(f"{service}@256", service, 256)
    for whole in (f"{service}@003", service, "http://host@9600", "http://host:9200/v1"):
        assert Candidate.parse(whole) == Candidate(whole, whole)
    folder = tmp_path / "model@8"
    folder.mkdir()
    assert Candidate.parse(str(folder)).dims is None


def test_recall_of_new_items_is_what_a_loop_finds(data: CatalogLikes) -> None:
    """By indicators of one's own: the first cold target of each case speaks for its history."""
    languages = read_languages(data)
    numbers = {work: number for number, work in enumerate(data.works)}
    case = data.cold_cases[0]
    target = numbers[min(case.targets)]
    row = np.zeros((len(data.works), len(data.works)), np.float32)
    row[target, numbers[case.history[0]]] = 1
    found = encoder_comparison._cold_recall(data, languages, csr_array(row), 1)
    assert found[0] == 1
    assert len(found) == len(data.cold_cases)
