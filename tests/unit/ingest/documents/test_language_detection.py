from __future__ import annotations

import pytest

from ingest.documents.language_detection import LanguageDetector

SENTENCES = {
    "en": "A puzzle game in which you slide numbered tiles over the board",
    "de": "Ein Puzzlespiel, in dem man nummerierte Kacheln verschiebt",
    "fr": "Un jeu de réflexion où l'on fait glisser des tuiles numérotées",
    "es": "Un juego de rompecabezas en el que se deslizan fichas numeradas",
    "it": "Un rompicapo in cui si fanno scorrere delle tessere numerate",
    "pl": "Gra logiczna, w której przesuwa się ponumerowane kafelki",
    "ru": "Игра-головоломка, в которой нужно двигать плитки с числами",
    "ja": "数字のタイルを動かすパズルゲームです",
    "ko": "숫자 타일을 움직이는 퍼즐 게임입니다",
    "zh": "一款移动数字方块的益智游戏，适合所有年龄段的玩家",
    "he": "משחק חשיבה שבו מזיזים אריחים ממוספרים",
    "th": "เกมปริศนาที่ต้องเลื่อนแผ่นกระเบื้องที่มีตัวเลข",
}


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector()


@pytest.mark.parametrize("language", SENTENCES)
def test_knows_sentences(detector: LanguageDetector, language: str) -> None:
    assert detector.detect(SENTENCES[language]) == language


@pytest.mark.parametrize("text", ["", "2048", "🙂🙂🙂", "0x0040 ## == {}", "Gimp", "\x00"])
def test_does_not_guess(detector: LanguageDetector, text: str) -> None:
    assert detector.detect(text) == "und"


def test_the_beginning_decides(detector: LanguageDetector) -> None:
    assert detector.detect(SENTENCES["de"] * 20 + SENTENCES["ru"] * 100_000) == "de"
