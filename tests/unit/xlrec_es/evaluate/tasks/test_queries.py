"""Titles in one language, of items that are to be found in another."""

from __future__ import annotations

from xlrec_es.evaluate.protocol import Case
from xlrec_es.evaluate.tasks.queries import PER_CASE, query_cases, writers

LANGUAGES = {
    "one": ("de",),
    "other": ("en", "ja"),
    "known": ("de", "en"),
    **{f"both-{n}": ("de", "en", "ja") for n in range(6)},
}
TITLES = {(item, lang): f"{item} {lang}" for item, tags in LANGUAGES.items() for lang in tags}


def test_a_writer_will_like_items_that_are_in_their_language_and_in_others() -> None:
    learned = [("ann", "known"), ("ann", "one"), ("bob", "one")]
    held_out = [("ann", "known"), ("ann", "both-1"), ("ann", "other"), ("bob", "one")]
    found = writers(learned, held_out, LANGUAGES, min_history=1)
    assert found == [
        Case("ann", "de", ("known", "one"), frozenset({"both-1"})),
        Case("ann", "en", ("known",), frozenset({"both-1", "other"})),
    ]
    longer = writers(learned, held_out, LANGUAGES, min_history=2)
    assert [case.source for case in longer] == ["de"]


def test_queries_are_titles_in_the_source_language() -> None:
    case = Case("ann", "de", ("known",), frozenset(f"both-{n}" for n in range(6)))
    found = query_cases([case], TITLES, LANGUAGES, seed=0)
    assert len(found) == PER_CASE
    for one in found:
        assert one.text == f"{one.item} de"
        assert one.languages == ("en", "ja")
    assert query_cases([case], TITLES, LANGUAGES, seed=0) == found
    untitled = {**TITLES, **{(f"both-{n}", "de"): " " for n in range(5)}}
    assert [one.item for one in query_cases([case], untitled, LANGUAGES, seed=0)] == ["both-5"]
