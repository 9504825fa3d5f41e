"""What catalogues write for a language: named, none, or not to be told."""

from __future__ import annotations

import pytest

from xlrec_es.errors import UnknownLanguage
from xlrec_es.languages import normalize
from xlrec_es.records.language_values import _TAGS, LanguageValues, Reading


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("de", "de"),
        ("pt_br", "pt-BR"),
        ("English", "en"),
        ("  ENGLISH ", "en"),
        ("Deutsch", "de"),
        ("日本語", "ja"),
        ("Chinese (Simplified)", "zh-Hans"),
        ("zh-CHT", "zh-Hant"),
        ("Brazilian  Portuguese", "pt-BR"),
        ("de_AT.UTF-8@euro", "de-AT"),
        ("zh_CN.utf8", "zh-CN"),
        ("eng", "en"),
        ("en-UK", "en-GB"),
        ("br", "br"),
        ("mul", "mul"),
    ],
)
def test_a_language_is_named_in_many_ways(value: str, tag: str) -> None:
    assert LanguageValues().read(value) == Reading(tag)


@pytest.mark.parametrize(
    ("value", "otherwise"),
    [
        ("xx", "und"),
        ("x-default", "und"),
        ("cn", "und"),  # Cantonese here, China there
        ("gb", "und"),
        ("unknown", "und"),
        ("jp", "ja"),
        ("JP_jp", "ja"),
        ("cz", "cs"),
    ],
)
def test_after_what_is_no_language_it_is_detected(value: str, otherwise: str) -> None:
    assert LanguageValues().read(value) == Reading(None, otherwise)


@pytest.mark.parametrize("value", ["kr", "se", "TW", "ch"])
def test_a_doubtful_code_is_what_the_text_says_or_is_asked_about(value: str) -> None:
    found = LanguageValues().read(value)
    assert found.language is None
    assert f"--language-map '{value}=TAG'" in found.doubt


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("English, French", "several languages"),
        ("en/de", "several languages"),
        ("zh|Japanese", "several languages"),
        ("klingon", "not a language tag"),
        ("no tag", "not a language tag"),
        ("", "not a language tag"),
    ],
)
def test_anything_else_is_refused_with_advice(value: str, reason: str) -> None:
    with pytest.raises(UnknownLanguage, match=f"{reason}.*--language-map '{value}=TAG'"):
        LanguageValues().read(value.replace("\\", ""))


def test_whoever_knows_says_what_a_value_means() -> None:
    values = LanguageValues({"cn": "yue", "KR": "KO", "en, fr": "en", "English": "en-GB"})
    for value, tag in (("cn", "yue"), ("kr", "ko"), ("EN,  FR", "en"), ("english", "en-GB")):
        assert values.read(value) == Reading(tag)
    with pytest.raises(UnknownLanguage):
        LanguageValues({"cn": "no tag"})


def test_names_stand_for_tags_that_are_canonical() -> None:
    for name, tag in _TAGS.items():
        assert (normalize(tag), name.lower()) == (tag, name)
