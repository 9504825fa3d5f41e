"""What a window knows of its documents, and of their fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ingest.documents.document import Deletion, Document
from ingest.run import window as windows
from ingest.run.counts import Counts
from ingest.run.window import Built, Window, group
from xlrec_es.records.record import Record, Rejection


def window(fields: dict[str, Any]) -> Window:
    document = Document("1", "1", "en", "declared", "x", None, fields, "", Record({}, 1), 1)
    made = Window()
    made.add(Built(1, 1, (document,)))
    return made


def test_a_document_of_another_record_takes_nobodys_place() -> None:
    def document(record: str | None, text: str) -> Document:
        made = Document("7@en", "7", "en", "declared", text, None, {}, "", Record({}, 1), 1)
        return replace(made, record_id=record)

    made = Window()
    made.add(Built(1, 1, (document("7", "a version"),)))
    made.add(Built(2, 1, (document("7@en", "a record"),)))
    made.add(Built(3, 1, (document("7", "a newer version"),)))
    assert made.documents["7@en"].text == "a newer version"
    [rejection] = made.rejections
    assert (rejection.document, rejection.stage) == ("7@en", "document")
    assert rejection.reason.startswith("a language version of record '7' has the id '7@en' already")
    assert (made.counts.documents, made.counts.superseded, made.counts.rejected) == (3, 1, 1)


def test_a_field_is_new_once() -> None:
    known: set[str] = set()
    fields = {"a": {"b": [1, {"c": 2}], "null": None}, "empty": {}}
    assert window(fields).fields_beyond(known)
    assert known == {".a.b", ".a.b.c"}
    assert not window(fields).fields_beyond(known)
    assert window({"a": {"d": 1}}).fields_beyond(known)


def test_long_names_in_one_another_are_told_apart_and_take_little() -> None:
    def deep(last: str) -> dict[str, Any]:
        fields: dict[str, Any] = {last: 1}
        for _ in range(100):
            fields = {"k" * 100_000: fields}
        return fields

    known: set[str] = set()
    assert window(deep("a")).fields_beyond(known)
    assert not window(deep("a")).fields_beyond(known)
    assert window(deep("b")).fields_beyond(known)
    assert sum(map(len, known)) < 1000


def test_not_more_fields_are_remembered_than_an_index_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "_MOST_PATHS", 10)
    known: set[str] = set()
    sizes = []
    for number in range(100):
        assert window({f"field {number}": 1}).fields_beyond(known)
        sizes.append(len(known))
    assert max(sizes) == 11


def made(id_: str = "1", **changes: Any) -> Document:  # noqa: ANN401
    first = Document(id_, id_, "en", "declared", "x", None, {}, "", Record({}, 1), 1)
    return replace(first, **changes)


def test_of_states_of_a_document_the_newest_is_written_the_last_of_equal_ones() -> None:
    for versions, texts in (((1, 1), "second"), ((1, 2), "second"), ((2, 1), "first")):
        window = Window()
        for version, text in zip(versions, ("first", "second"), strict=True):
            window.add(Built(1, 1, (made("a", version=version, text=text), made("b"))))
        assert window.documents["a"].text == texts
        assert list(window.documents) == ["a", "b"]  # where their last states stood
        assert window.counts == Counts(documents=4, superseded=2, languages=Counter(en=4))
        assert window.n_parts == 2


def test_a_window_counts_languages_and_what_they_were_read_from() -> None:
    window = Window()
    parts = (
        made("a"),
        made("b", language="de", language_source="detected"),
        made("c", language_value="English"),
        made("d", language="fr", language_source="detected", language_value="x" * 50),
    )
    window.add(Built(7, 12, parts, "of all"))
    more = (made("e"), replace(parts[1], id="f"), replace(parts[2], id="g"))
    window.add(Built(9, 3, more, "and of this"))
    assert (window.position, window.digest, window.size) == (9, "and of this", 15)
    assert window.counts == Counts(
        documents=7,
        languages=Counter(en=4, de=2, fr=1),
        detected=Counter(de=2, fr=1),
        read_as=Counter({"English → en": 2, f"{'x' * 40} → fr (detected)": 1}),
    )


def test_what_is_set_aside_and_what_is_to_go_are_parts_of_a_window() -> None:
    window, gone = Window(), Deletion("d", Record({}, 2), 1)
    aside = Rejection(1, "read", "not JSON", "{")
    window.add(Built(1, 1, (aside,)))
    window.add(Built(2, 1, (gone,)))
    assert (window.rejections, window.deletions, window.documents) == ([aside], [gone], {})
    assert window.counts == Counts(rejected=1)
    assert window.n_parts == 2
    assert Built(1, 1, (aside, aside)).is_set_aside
    assert not Built(1, 1, (aside, gone)).is_set_aside
    assert not Built(1, 1, ()).is_set_aside


def built(*kinds: str | None, size: int = 1) -> list[Built | None]:
    """A record each: `d` a document, `g` a deletion, `r` a rejection, `dd` two documents."""
    records: list[Built | None] = []
    for position, kind in enumerate(kinds, start=1):
        parts = {
            "d": made(str(position)),
            "g": Deletion(str(position), Record({}, position), 1),
            "r": Rejection(position, "read", "not JSON", "{"),
        }
        of_record = tuple(
            replace(parts[one], id=f"{position}.{n}") if one == "d" else parts[one]
            for n, one in enumerate(kind or "")
        )
        records.append(None if kind is None else Built(position, size, of_record))
    return records


@pytest.mark.parametrize(
    ("records", "limits", "positions"),
    [
        (built(), {"n_parts": 2}, []),
        (built("d", "d", "d", "d", "d"), {"n_parts": 2}, [2, 4, 5]),
        (built("d", "d"), {"n_parts": 2}, [2]),
        (built("d", "d", "d", "d", "d"), {"n_parts": 2, "first": 1}, [1, 3, 5]),
        (built("d", "d", "d"), {"n_parts": 2, "first": 9}, [2, 3]),
        (built("dd", "d", "dd"), {"n_parts": 2}, [1, 3]),
        (built("r", "r", "d"), {"n_parts": 2}, [2, 3]),
        (built("", "", "d"), {"n_parts": 1}, [3]),
        (built("d", "d", "d", size=5), {"n_parts": 9, "n_bytes": 10}, [2, 3]),
        (built("d", "d", "d", size=5), {"n_parts": 9, "n_bytes": 11}, [3]),
        (built("d", None, None, "d"), {"n_parts": 9}, [1, 4]),
        (built(None, "d"), {"n_parts": 9}, [2]),
        (built("d", "g", "g", "r", "d"), {"n_parts": 9}, [1, 4, 5]),
        (built("r", "g", "r", "d"), {"n_parts": 9}, [3, 4]),
        (built("d", "r", "d"), {"n_parts": 9}, [3]),
        (built("g", "r", "g"), {"n_parts": 9}, [3]),
    ],
)
def test_records_travel_in_windows(
    records: Sequence[Built | None], limits: dict[str, int], positions: list[int]
) -> None:
    windows = list(group(records, **{"n_bytes": 1000, **limits}))  # type: ignore[arg-type]
    assert [window.position for window in windows] == positions
    parts = sum(len(one.parts) for one in records if one is not None)
    assert sum(window.n_parts for window in windows) == parts
    assert not [window for window in windows if window.documents and window.deletions]
