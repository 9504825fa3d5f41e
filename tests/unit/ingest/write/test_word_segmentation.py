from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.write import word_segmentation
from ingest.write.word_segmentation import Segmentation
from xlrec_es.errors import MissingExtra

ALL = Segmentation({"ja": "sudachipy", "th": "pythainlp", "zh-Hant": "jieba", "zh": "jieba"})
JAPANESE = "数字のタイルを動かす、パズルゲーム。"


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("zh", "移动数字方块的益智游戏。Linux 桌面", "移动 数字 方块 的 益智 游戏 linux 桌面"),
        ("ja", JAPANESE, "数字 の タイル を 動かす パズル ゲーム"),
        ("th", "เกมปริศนาเลื่อนแผ่นตัวเลข", "เกม ปริศนา เลื่อน แผ่น ตัวเลข"),
        ("de", "Ein Spiel. ", "Ein Spiel. "),
        ("ja", "", ""),
    ],
)
def test_words_stand_apart(language: str, text: str, words: str) -> None:
    assert ALL.text(language, text) == words


def test_a_long_text_is_cut_in_pieces() -> None:
    """SudachiPy refuses more than 49,149 bytes."""
    words = ALL.text("ja", JAPANESE * 2000).split()
    assert len(words) >= 7 * 2000 - 10


def test_threads_take_turns() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda _: ALL.text("ja", JAPANESE), range(200)))
    assert found == {"数字 の タイル を 動かす パズル ゲーム"}


@settings(deadline=None)  # the first example imports a library
@given(st.sampled_from(["ja", "th", "zh"]), st.text(max_size=30))
def test_no_letter_or_digit_is_lost(language: str, text: str) -> None:
    def kept(text: str) -> set[str]:
        return {character for character in text.casefold() if character.isalnum()}

    assert kept(ALL.text(language, text)) >= kept(text)


def test_only_where_the_cluster_has_nothing() -> None:
    languages = ["de", "ja", "th", "zh-Hant"]
    analyzers, segmenters = word_segmentation.choose_analyzers(languages, {"kuromoji"})
    assert analyzers == {
        "de": "standard",
        "ja": "kuromoji",
        "th": "whitespace",
        "zh-Hant": "whitespace",
    }
    assert {name: made.split()[0] for name, made in segmenters.items()} == {
        "th": "pythainlp",
        "zh-Hant": "jieba",
    }


def test_a_segmenter_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert word_segmentation.choose_analyzers(["zh"], ()) == ({"zh": "standard"}, {})
    with pytest.raises(MissingExtra, match=r"Cutting texts in zh .*xlrec-es\[segment\]"):
        Segmentation({"zh": "jieba 0.42.1"})
    assert word_segmentation.can_help(["de", "zh-Hant"]) == ["zh-Hant"]
