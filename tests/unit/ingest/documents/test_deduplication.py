from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents.builder import DocumentBuilder
from ingest.documents.deduplication import Deduplicator, Duplicate
from ingest.documents.document import Document
from ingest.documents.duplicate_policy import Duplicates
from ingest.documents.inline_pictures import PictureField
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from xlrec_es.errors import ConfigError
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record

BUILDER = DocumentBuilder(FieldMap(), Recipe(FieldMap().texts), LanguageDetector())
LONG = "Slide the numbered tiles around the board until all of them are in order, in few moves."


def deduplicator(mode: str, near: float | None = None) -> Deduplicator:
    return Deduplicator(BUILDER, Duplicates(mode, near), "work")


def documents(builder: Deduplicator, *records: dict[str, Any]) -> dict[str, Document]:
    """The last document of each id, as it is in the index after all of them."""
    found = [b for n, r in enumerate(records, 1) for b in builder.build(Record(r, n))]
    assert all(isinstance(document, Document) for document in found)
    return {document.id: document for document in found}  # type: ignore[union-attr,misc]


def item(id_: str, title: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": id_, "title": title, "language": "en", **fields}


def test_equal_texts_are_dropped_or_linked() -> None:
    records = [
        item("a", "Tea"),
        item("b", "Tea ", price=3),
        item("c", "Tea", language="de"),
        item("d", "Coffee"),
    ]
    drop, link = deduplicator("drop"), deduplicator("link")
    assert documents(drop, *records).keys() == {"a", "c", "d"}
    works = {id_: document.work for id_, document in documents(link, *records).items()}
    assert works == {"a": "a", "b": "a", "c": "c", "d": "d"}
    for builder in (drop, link):
        assert (builder.found.exact, builder.found.near) == (1, 0)
        assert builder.found.examples == [Duplicate("b", "a", 1.0)]


def test_a_linked_document_has_a_hash_of_its_own() -> None:
    """So that a run without linking brings it in again, and one with it passes over it."""
    plain = deduplicator("drop")
    alone = documents(plain, item("b", "Tea"))["b"]
    first, again = (
        documents(deduplicator("link"), item("a", "Tea"), item("b", "Tea"))["b"] for _ in range(2)
    )
    assert first == again
    assert first.content_hash != alone.content_hash


def test_all_renditions_of_a_record_are_linked() -> None:
    both = {"id": "b", "translations": {"de": {"title": "Tee"}, "en": {"title": "Tea"}}}
    found = documents(deduplicator("link"), item("a", "Tea"), both, item("c", "Tee", language="de"))
    assert {document.work for document in found.values()} == {"a"}
    assert documents(deduplicator("drop"), item("a", "Tea"), both).keys() == {"a", "b@de"}


def test_a_work_that_is_declared_stays() -> None:
    found = documents(deduplicator("link"), item("a", "Tea"), item("b", "Tea", work="w"))
    assert found["b"].work == "w"


def test_a_document_is_no_duplicate_of_itself() -> None:
    """Nor of what it said before: a later record of the same id takes its place."""
    builder = deduplicator("drop")
    records = [item("a", "Tea"), item("a", "Tea"), item("a", "Coffee"), item("b", "Tea")]
    found = documents(builder, *records)
    assert {id_: document.text for id_, document in found.items()} == {"a": "Coffee", "b": "Tea"}
    assert builder.found.exact == 0


@pytest.mark.parametrize("near", [None, 0.7])
@pytest.mark.parametrize("mode", ["drop", "link"])
def test_another_pass_finds_the_same(mode: str, near: float | None) -> None:
    texts = ["Tea", LONG, LONG[:-1], "Tea", "Tea", LONG]
    records = [item("abca"[n % 4] + str(n // 4), text) for n, text in enumerate(texts)]
    builder = deduplicator(mode, near)
    first, found = documents(builder, *records), builder.found
    assert documents(builder, *records) == first
    assert builder.found == found
    assert found.exact + found.near >= 2


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (LONG, LONG.replace("few", "32")),
        (LONG.upper(), LONG),
        ("番号の付いたタイルをすべて順番に並べるパズルです。できるだけ少ない手数で解いてください。",
         "番号の付いたタイルをすべて順番に並べるパズルです。できるだけ少ない手数で解いて下さい。"),
    ],
)  # fmt: skip
def test_near_duplicates(text: str, other: str) -> None:
    unlike = item("c", "Brew a pot of tea, wait for three minutes, and pour it into small cups.")
    records = [item("a", text), item("b", other), unlike]
    builder = deduplicator("drop", 0.7)
    assert documents(builder, *records).keys() == {"a", "c"}
    [example] = builder.found.examples
    assert (builder.found.near, example.id, example.of) == (1, "b", "a")
    assert 0.7 <= example.similarity < 1
    assert documents(deduplicator("drop"), *records).keys() == {"a", "b", "c"}


def test_near_duplicates_in_other_languages_are_none() -> None:
    records = [item("a", LONG), item("b", LONG + "!", language="de")]
    assert documents(deduplicator("drop", 0.5), *records).keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("mode", "near", "message"),
    [
        ("keep", 0.8, "--duplicates drop or link"),
        ("drop", 0.96, "give a number up to 0.95"),
        ("drop", 0.0, "give a number up to 0.95"),
    ],
)
def test_mistakes(mode: str, near: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        deduplicator(mode, near)


TITLES = st.sampled_from(["Tea", "tea", "Tea house", "Tea houses", "Tea houses!", "茶", "茶屋"])


@settings(deadline=None)  # the first example imports a library
@given(st.lists(st.tuples(st.sampled_from("abcdef"), TITLES)), st.sampled_from([None, 0.6]))
def test_what_is_left_has_every_text_once(pairs: list[tuple[str, str]], near: float | None) -> None:
    """And no text is lost whose last owner was not given another one."""
    builder = deduplicator("drop", near)
    left = documents(builder, *(item(*pair) for pair in pairs))
    last: dict[str, str] = dict(pairs)
    if near is None and len(last) == len(pairs):  # every id once
        assert sorted(document.text for document in left.values()) == sorted(set(last.values()))
    linked = documents(deduplicator("link", near), *(item(*pair) for pair in pairs))
    assert linked.keys() == last.keys()


@pytest.mark.parametrize("near", [None, 0.7])
def test_two_pictures_without_a_text_are_not_alike_for_that(near: float | None) -> None:
    pictured = DocumentBuilder(
        FieldMap(), Recipe(FieldMap().texts), LanguageDetector(), image=PictureField("icon")
    )
    builder = Deduplicator(pictured, Duplicates("drop", near), "work")
    records = [
        {"id": "a", "language": "en", "icon": "a.png"},
        {"id": "b", "language": "en", "icon": "a.png"},
        item("c", "Tea", icon="a.png"),
        {"id": "a", "language": "en", "icon": "b.png"},
    ]
    assert documents(builder, *records).keys() == {"a", "b", "c"}
    assert (builder.found.exact, builder.found.near) == (0, 0)
