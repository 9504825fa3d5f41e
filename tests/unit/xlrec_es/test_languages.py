from __future__ import annotations

import pytest

from xlrec_es.errors import UnknownLanguage
from xlrec_es.languages import normalize


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
