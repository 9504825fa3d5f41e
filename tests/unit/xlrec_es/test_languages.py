from __future__ import annotations

import pytest

from xlrec_es.errors import UnknownLanguage
from xlrec_es.languages import base_language, by_language, lookup, named_by, names, normalize

HAS = ("de", "en", "en-GB", "en-US", "pt-BR", "zh-CN", "zh-Hant-TW")


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [("en", "en"), ("EN_us", "en-US"), ("jpn", "ja"), ("zh-hant", "zh-Hant"), ("und", "und")],
)
def test_tags_become_canonical(tag: str, canonical: str) -> None:
    assert normalize(tag) == canonical


@pytest.mark.parametrize("tag", ["", "english", "klingon", "zz", "e", 'en"}', "de,ja", "日本語"])
def test_what_is_no_tag_is_refused_with_advice(tag: str) -> None:
    with pytest.raises(UnknownLanguage, match="BCP 47"):
        normalize(tag)


@pytest.mark.parametrize(
    ("language", "tag", "named"),
    [
        ("zh", "zh-CN", True),
        ("zh-Hant", "zh-Hant-TW", True),
        ("EN", "en-us", True),
        ("zh-CN", "zh", False),
        ("en", "eng", False),
        ("zh-TW", "zh-Hant-TW", False),
    ],
)
def test_a_language_names_its_variants_and_no_other(language: str, tag: str, named: bool) -> None:
    assert names(language, tag) is named


@pytest.mark.parametrize(
    ("language", "tags"),
    [
        ("en", ("en", "en-GB", "en-US")),
        ("en-GB", ("en-GB",)),
        ("zh", ("zh-CN", "zh-Hant-TW")),
        ("de-AT", ("de",)),  # there is none: what comes nearest
        ("en-AU", ("en",)),
        ("pt-PT", ()),
        ("fr", ()),
    ],
)
def test_what_is_asked_for_is_looked_up(language: str, tags: tuple[str, ...]) -> None:
    assert named_by(language, HAS) == tags


def test_the_most_special_language_has_a_tag() -> None:
    assert lookup("en-GB-oxendict", ["en", "en-GB", "de"]) == "en-GB"
    assert lookup("en-GB", ["de", "en-US"]) is None


def test_tags_are_grouped_by_language_or_by_what_is_named() -> None:
    assert by_language(HAS) == {
        "de": ("de",),
        "en": ("en", "en-GB", "en-US"),
        "pt-BR": ("pt-BR",),
        "zh": ("zh-CN", "zh-Hant-TW"),
    }
    assert by_language(HAS[1:5], ["en-GB", "pt"]) == {
        "en": ("en", "en-US"),
        "en-GB": ("en-GB",),
        "pt": ("pt-BR",),
    }


def test_variants_have_one_base() -> None:
    assert {base_language(tag) for tag in ("en", "en-GB", "en-Latn-US")} == {"en"}
    assert base_language("x-own") == "x-own"
