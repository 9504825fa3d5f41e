from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents.builder import DocumentBuilder
from ingest.documents.document import Document
from ingest.documents.inline_pictures import PictureField
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record, Rejection

FRENCH = "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"
DETECTOR = LanguageDetector()


def builder(**paths: str | list[str]) -> DocumentBuilder:
    fields = FieldMap.from_mapping(paths)
    return DocumentBuilder(fields, Recipe(fields.texts), DETECTOR)


def build(fields: dict[str, Any], **paths: str | list[str]) -> list[Document | Rejection]:
    return list(builder(**paths).build(Record(fields, 7)))


def one(fields: dict[str, Any], **paths: str | list[str]) -> Document:
    [document] = build(fields, **paths)
    assert isinstance(document, Document), document
    return document


def test_a_record_in_one_language_keeps_id_and_fields() -> None:
    fields = {"id": "a", "language": "EN_us", "title": " A <b>puzzle</b>\n", "more": {"x": [1]}}
    document = one({**fields, "summary": "With tiles", "popularity": 0})
    assert document.id == document.work == "a"
    assert (document.language, document.language_source) == ("en-US", "declared")
    assert document.text == "A puzzle\nWith tiles"
    assert document.source == {**fields, "summary": "With tiles", "popularity": 0}
    assert document.popularity == 0
    assert document.record.position == 7


def test_texts_are_joined_in_the_order_of_the_fields() -> None:
    fields = {"id": 1, "b": "second", "a": "first", "language": "en", "meta": {"c": ["x", "y"]}}
    document = one(fields, title="a", text=["b", "none", "meta.c"])
    assert document.text == "first\nsecond\nx\ny"


@pytest.mark.parametrize("language", [None, ""])
def test_a_missing_language_is_detected(language: str | None) -> None:
    document = one({"id": "a", "title": "Taquin", "text": FRENCH, "language": language})
    assert (document.language, document.language_source) == ("fr", "detected")
    assert one({"id": "a", "title": "2048"}).language == "und"


def test_several_languages_become_renditions() -> None:
    translations = {
        "en": {"title": "Puzzle", "summary": "Slide tiles"},
        "fr": {"title": "Taquin", "genre": "jeu"},
    }
    record = {"id": 5, "genre": "game", "translations": translations}
    english, french = build(record)
    assert isinstance(english, Document)
    assert isinstance(french, Document)
    assert (english.id, french.id) == ("5@en", "5@fr")
    assert english.work == french.work == "5"
    assert english.source == {"id": 5, "genre": "game", **translations["en"]}
    assert french.source == {"id": 5, "genre": "jeu", "title": "Taquin"}
    assert (english.text, french.text) == ("Puzzle\nSlide tiles", "Taquin")
    assert {english.language_source, french.language_source} == {"declared"}
    assert record["translations"] is translations


def test_a_record_with_a_language_of_its_own_is_a_rendition_too() -> None:
    record = {
        "id": "a",
        "language": "de",
        "title": "Schiebepuzzle",
        "summary": "Mit Kacheln",
        "year": 1880,
        "translations": {"fr": {"title": "Taquin"}},
    }
    german, french = build(record)
    assert isinstance(german, Document)
    assert isinstance(french, Document)
    assert (german.id, german.text) == ("a@de", "Schiebepuzzle\nMit Kacheln")
    # No German in the French document.
    assert french.source == {"id": "a", "year": 1880, "title": "Taquin"}


def test_a_translation_comes_before_the_record_itself() -> None:
    record = {"id": "a", "language": "fr", "title": "old", "translations": {"fr": {"title": "new"}}}
    assert one(record).text == "new"


BY_FIELD = {"title": "title_{language}", "text": ["i18n.{language}.blurb", "author"]}


def test_languages_may_have_fields_of_their_own() -> None:
    """What stands where the placeholder does, but is no language, is a field like any other."""
    record = {
        "id": 7,
        "title_en": "Tea house",
        "title_pt_BR": "Casa de chá",
        "title_sort": "house",
        "title_fr": "",
        "author": "Ann",
        "i18n": {"en": {"blurb": "A game", "pages": 2}, "ja": {"blurb": "茶の遊び"}},
    }
    english, portuguese, japanese = build(record, **BY_FIELD)
    assert isinstance(english, Document)
    assert isinstance(portuguese, Document)
    assert isinstance(japanese, Document)
    assert (english.id, english.text) == ("7@en", "Tea house\nA game\nAnn")
    assert (portuguese.id, portuguese.text) == ("7@pt-BR", "Casa de chá\nAnn")
    assert (japanese.id, japanese.text) == ("7@ja", "茶の遊び\nAnn")
    assert english.work == japanese.work == "7"
    shared = {"id": 7, "title_sort": "house", "title_fr": "", "author": "Ann"}
    assert english.source == {
        **shared,
        "title_en": "Tea house",
        "i18n": {"en": {"blurb": "A game", "pages": 2}, "ja": {}},
    }
    assert portuguese.source == {
        **shared,
        "title_pt_BR": "Casa de chá",
        "i18n": {"en": {"pages": 2}, "ja": {}},
    }


@pytest.mark.parametrize("tag", ["en", "EN", "de"])
def test_text_without_a_language_belongs_to_the_one_declared(tag: str) -> None:
    record = {"id": 7, "language": tag, "title_en": "Tea", "title_fr": "Thé", "author": "Ann"}
    texts = {}
    for document in build(record, **BY_FIELD):
        assert isinstance(document, Document)
        texts[document.language] = document.text
        plain = document.language == tag.lower()
        assert ("author" in document.source) == plain
        assert ("language" in document.source) == plain
    expected = {"en": "Tea", "fr": "Thé", "de": ""}
    expected[tag.lower()] = f"{expected[tag.lower()]}\nAnn".strip()
    assert texts == {language: text for language, text in expected.items() if text}


def test_a_language_that_comes_twice_is_told() -> None:
    english, rejection = build({"id": 7, "title_en": "Tea", "title_EN": "Tee"}, **BY_FIELD)
    assert isinstance(english, Document)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "the record has en twice"


def test_a_document_of_ours_is_what_it_was() -> None:
    """Read from an index, a rendition has neither its language nor its work in its fields."""
    record = {"id": 7, "title_en": "Tea", "title_pt_BR": "Chá", "author": "Ann", "popularity": 3}
    for document in build(record, **BY_FIELD):
        assert isinstance(document, Document)
        own = {
            "work": document.work,
            "language": document.language,
            "language_source": document.language_source,
        }
        again = Record(document.source, 1, id=document.id, own=own)
        [rebuilt] = builder(**BY_FIELD).build(again)
        assert isinstance(rebuilt, Document)
        assert replace(rebuilt, record=document.record, version=document.version) == document


def test_no_translations_are_none() -> None:
    assert one({"id": "a", "title": "x", "translations": {}}).id == "a"


def test_work_and_popularity_may_be_anywhere() -> None:
    record = {"id": "a", "title": "x", "isbn": 978, "stats": {"sold": 99}}
    document = one(record, work="isbn", popularity="stats.sold")
    assert document.work == "978"
    assert document.popularity == pytest.approx(math.log(100) / math.log(1e9 + 1))
    assert one({"id": "a", "title": "x", "popularity": 1e30}).popularity == 1


TITLE = {"title": "x"}
# What the record is, and why it is not indexed.
BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "no id in id"),
    (TITLE, "no id in id"),
    ({"id": None, **TITLE}, "no id in id"),
    ({"id": "", **TITLE}, "no id in id"),
    ({"id": 1.5, **TITLE}, "id is a number, neither text nor a whole number"),
    ({"id": True, **TITLE}, "id is true or false, neither text nor a whole number"),
    ({"id": ["a"], **TITLE}, "id is a list, neither text nor a whole number"),
    ({"id": {"a": 1}, **TITLE}, "id is an object, neither text nor a whole number"),
    ({"id": "x" * 513, **TITLE}, "the id has 513 bytes; Elasticsearch takes 512"),
    ({"id": "日" * 171, **TITLE}, "the id has 513 bytes; Elasticsearch takes 512"),
    ({"id": "a"}, "no text in title, summary, description, text"),
    ({"id": "a", "title": ""}, "no text in title, summary, description, text"),
    ({"id": "a", "title": None, "text": []}, "no text in title, summary, description, text"),
    ({"id": "a", "title": " \x00<p></p>\u200e"}, "no text in title, summary, description, text"),
    ({"id": "a", "title": 2048}, "title is or has a number, not text"),
    ({"id": "a", "title": {"en": "x"}}, "title is or has an object, not text"),
    ({"id": "a", **TITLE, "text": ["y", 3]}, "text is or has a number, not text"),
    ({"id": "a", **TITLE, "text": ["y", None]}, "text is or has null, not text"),
    ({"id": "a", **TITLE, "language": "no tag"}, "'no tag' is not a language tag; use BCP 47"),
    ({"id": "a", **TITLE, "language": "en, fr"}, "'en, fr' is several languages"),
    ({"id": "a", **TITLE, "language": "kr"}, "'kr' is Kanuri, and is written for Korean; say what"),
    ({"id": "a", **TITLE, "language": 3}, "the language is a number, not text"),
    ({"id": "a", **TITLE, "language": ["en"]}, "the language is a list, not text"),
    ({"id": "a", **TITLE, "work": 1.5}, "the work is a number, neither text nor a whole number"),
    ({"id": "a", **TITLE, "work": False}, "the work is true or false, neither text nor"),
    ({"id": "a", **TITLE, "popularity": -1}, "the popularity is -1, below 0"),
    ({"id": "a", **TITLE, "popularity": "9"}, "the popularity is text, not a number"),
    ({"id": "a", **TITLE, "popularity": True}, "the popularity is true or false, not a number"),
    ({"id": "a", **TITLE, "translations": "en"}, "translations is text, not an object"),
    ({"id": "a", **TITLE, "translations": ["en"]}, "translations is a list, not an object"),
    ({"id": "a", **TITLE, "xlrec": {}}, "the field xlrec is this program's own; rename or"),
]


@pytest.mark.parametrize(("fields", "reason"), BAD)
def test_a_bad_record_is_set_aside_with_its_reason(fields: dict[str, Any], reason: str) -> None:
    [rejection] = build(fields)
    assert isinstance(rejection, Rejection), rejection
    assert (rejection.position, rejection.stage) == (7, "document")
    assert rejection.reason.startswith(reason)
    assert rejection.record is fields


@pytest.mark.parametrize(
    ("tag", "rendition", "reason"),
    [
        ("no tag", TITLE, "'no tag' is not a language tag"),
        ("", TITLE, "'' is not a language tag"),
        ("fr", {}, "no text in title"),
        ("fr", {"title": 3}, "title is or has a number, not text"),
        ("fr", "Taquin", "the translation fr is text, not an object"),
        ("fr", None, "the translation fr is null, not an object"),
        ("EN", TITLE, "the record has en twice"),
        ("x-" + "-".join(["abcdefgh"] * 60), TITLE, "the id has "),
    ],
)
def test_a_bad_rendition_leaves_the_others(tag: str, rendition: object, reason: str) -> None:
    good = {"title": "Puzzle"}
    document, rejection = build({"id": "a", "translations": {"en": good, tag: rendition}})
    assert isinstance(document, Document)
    assert isinstance(rejection, Rejection)
    assert document.id == "a@en"
    assert rejection.document == f"a@{tag}"
    assert rejection.reason.startswith(reason)


def test_a_record_of_its_own_language_with_a_wrong_type_is_set_aside() -> None:
    bad = {"id": "a", "language": ["de"], "title": "x", "translations": {"fr": {"title": "y"}}}
    rejection, document = build(bad)
    assert isinstance(rejection, Rejection)
    assert isinstance(document, Document)
    assert rejection.reason == "the language is a list, not text"


def test_the_hash_stands_for_all_that_is_stored() -> None:
    fields: dict[str, Any] = {"id": "a", "title": "x", "language": "en", "more": {"p": 1, "q": 2}}
    same = one({"more": {"q": 2, "p": 1}, **{k: fields[k] for k in ("language", "title", "id")}})
    assert one(fields).content_hash == same.content_hash
    changes: list[dict[str, Any]] = [
        {"id": "b"},
        {"title": "y"},
        {"language": "de"},
        {"more": {"p": 1}},
        {"popularity": 1},
        {"work": "w"},
    ]
    hashes = {one({**fields, **change}).content_hash for change in changes}
    assert len(hashes | {one(fields).content_hash}) == len(changes) + 1
    assert one(fields, text=["more.none"]).content_hash == one(fields).content_hash
    assert one({**fields, "language": None, "title": "x"}).language_source == "detected"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*(name for name in FieldMap.__slots__), "title", "summary", "xlrec"])


@given(st.dictionaries(NAMES | st.text(max_size=3), JSON, max_size=8))
def test_any_object_becomes_documents_or_rejections(fields: dict[str, Any]) -> None:
    before = repr(fields)
    built = build(fields)
    assert built
    assert repr(fields) == before
    ids = [document.id for document in built if isinstance(document, Document)]
    assert len(set(ids)) == len(ids)
    for document in built:
        if isinstance(document, Document):
            assert document.text
            assert 0 < len(document.id.encode()) <= 512


def test_a_document_can_be_rejected_later() -> None:
    document = one({"id": "a", "title": "x"})
    rejection = replace(document, id="a@en").rejected("write", "why")
    assert rejection == Rejection(7, "write", "why", {"id": "a", "title": "x"}, "a@en")


@pytest.mark.parametrize("value", ["xx", "x-default", "jp", "cn", "gb", "N/A"])
def test_what_is_no_language_is_detected(value: str) -> None:
    document = one({"id": "a", "title": "Taquin", "text": FRENCH, "language": value})
    assert (document.language, document.language_source) == ("fr", "detected")
    assert document.language_value == value
    translated = {"id": "a", "translations": {value: {"title": "Taquin", "text": FRENCH}}}
    assert (one(translated).id, one(translated).language_source) == ("a@fr", "detected")


@pytest.mark.parametrize(
    ("value", "title", "language", "source"),
    [
        ("jp", "2048", "ja", "detected"),  # where the text tells nothing
        ("xx", "2048", "und", "detected"),
        ("kr", "함께 즐기는 재미있는 보드게임 이야기", "ko", "detected"),
        ("English", "2048", "en", "declared"),
        ("en_US.UTF-8", "2048", "en-US", "declared"),
        ("EN_us", "2048", "en-US", "declared"),
    ],
)
def test_values_of_catalogues_are_understood(
    value: str, title: str, language: str, source: str
) -> None:
    document = one({"id": "a", "title": title, "language": value})
    assert (document.language, document.language_source) == (language, source)
    assert document.language_value == ("" if value == "EN_us" else value)


def test_a_document_of_ours_keeps_its_tag() -> None:
    record = Record({"title": "2048"}, 1, id="a", own={"language": "kr", "work": "a"})
    [document] = builder().build(record)
    assert isinstance(document, Document)
    assert (document.language, document.language_value) == ("kr", "")


def pictured(fields: dict[str, Any]) -> list[Any]:
    recipe = Recipe(FieldMap().texts)
    builder = DocumentBuilder(FieldMap(), recipe, DETECTOR, image=PictureField("media.cover"))
    return list(builder.build(Record(fields, 1)))


def test_a_picture_is_no_part_of_the_text_and_not_needed() -> None:
    plain = {"id": "a", "language": "en", "title": "Chess"}
    [without] = pictured(plain)
    assert (without.image, without.has_picture) == (None, False)
    [document] = pictured({**plain, "media": {"cover": "a.png"}})
    assert (document.image, document.has_picture, document.text) == ("a.png", True, "Chess")
    assert document.source["media"] == {"cover": "a.png"}
    [silent] = pictured({"id": "a", "media": {"cover": "a.png"}})
    assert (silent.text, silent.language, silent.has_picture) == ("", "und", True)
    [refused] = pictured({"id": "a", "media": {"cover": ""}})
    assert refused.reason == "no text in title, summary, description, text, and no picture in " + (
        "media.cover"
    )


def test_each_language_version_has_the_picture_or_one_of_its_own() -> None:
    translations = {"en": {"title": "Chess"}, "de": {"media": {"cover": "de.png"}}}
    found = pictured({"id": "a", "media": {"cover": "a.png"}, "translations": translations})
    assert [(d.id, d.image, d.text) for d in found] == [
        ("a@en", "a.png", "Chess"),
        ("a@de", "de.png", ""),
    ]


def test_a_picture_in_the_field_itself_is_not_stored() -> None:
    cover = "data:image/png;base64,iVBORw0KGgo="
    # Nor by a run that asks for no pictures, into an index that has those of the field.
    unasked = DocumentBuilder(
        FieldMap(), Recipe(FieldMap().texts), DETECTOR, image=PictureField("cover", asked=False)
    )
    record = {"id": "a", "title": "Chess", "cover": cover}
    [document] = unasked.build(Record(record, 1))
    assert isinstance(document, Document)
    assert (document.image, document.source) == (None, {"id": "a", "title": "Chess"})
    [document] = pictured({"id": "a", "title": "Chess", "media": {"cover": cover, "by": "x"}})
    assert document.image == cover
    assert document.source == {"id": "a", "title": "Chess", "media": {"by": "x"}}
